import { Cell, type Envelope } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { canonicalize } from './canonical.ts'
import { type Claim, claimOf } from './claims.ts'
import { counted } from './counted.ts'
import { sumOf } from './summarise.ts'

/**
 * Are the cells in parts of their own as many as their entries say, and do they, with those that are listed, come to the
 * totals of the run? `partOf` has bytes by the digest that they were found to have. null where no cell is in a part.
 * Between a few thousand lines `onProgress` is waited for.
 */
export async function checkCells(
  { execution, closing }: Pick<Envelope, 'execution' | 'closing'>,
  partOf: (sha256: string) => Uint8Array | null,
  onProgress: () => unknown = () => {},
): Promise<Claim | null> {
  if (execution.steps.every(({ cells_part }) => cells_part === undefined)) return null
  const total = { materialized: 0, failures: 0, total_cost: '0' }
  let [here, away, lines] = [0, 0, 0]
  const add = (cells: readonly Cell[]) => {
    for (const { state } of cells) total[state === 'fresh' ? 'materialized' : 'failures'] += 1
    total.total_cost = sumOf([total.total_cost, ...cells.flatMap(({ cost }) => cost ?? [])])
  }
  for (const [index, { step_id, cells = [], cells_part }] of execution.steps.entries()) {
    add(cells)
    if (cells_part === undefined) continue
    const bytes = partOf(cells_part.sha256)
    if (bytes === null) {
      away += 1
      continue
    }
    here += 1
    const at = { step_id, where: `/execution/steps/${index}/cells_part` }
    const names = new Set<string>()
    let count = 0
    for (const page of pagesOf(bytes)) {
      const read: Cell[] = []
      for (const line of page) {
        count += 1
        const cell = cellIn(line)
        const fault = cell === null ? 'is no cell' : faultOf(cell, names)
        if (fault !== null)
          return claimOf('cells-differ', {
            ...at,
            message: `Line ${count} of the cells of step ${step_id} ${fault}.`,
          })
        if (cell !== null) read.push(cell)
      }
      add(read)
      await onProgress()
    }
    lines += count
    if (count !== cells_part.count)
      return claimOf('cells-differ', {
        ...at,
        message: `Step ${step_id} is said to have derived ${counted(cells_part.count, 'cell')}; its part has ${count.toLocaleString('en')}.`,
        expected: String(count),
        actual: String(cells_part.count),
      })
  }
  if (away > 0) return cellsAway(away)
  const expected = canonicalize({ ...total, skipped: closing.totals?.skipped ?? 0 })
  const actual = canonicalize(closing.totals ?? null)
  if (expected !== actual)
    return claimOf('cells-differ', {
      where: '/closing/totals',
      message: 'The totals are not those of the cells.',
      expected,
      actual,
    })
  return claimOf('cells-agree', {
    where: '/closing/totals',
    message: `${counted(lines, 'cell')} in ${counted(here, 'part')} counted: they come to the totals of the run.`,
  })
}

/** Of so many steps the cells are in parts that are not at hand. */
export function cellsAway(steps: number): Claim {
  return claimOf('cells-unchecked', {
    where: '/closing/totals',
    message: `The cells of ${counted(steps, 'step')} are in a part beside this file, and were not counted: totals are taken as said.`,
  })
}

const PAGE = 4096
const LINE_FEED = 10

/** Lines, a page at a time: a part may have a million. What stands behind the last line feed is a line too, and no cell. */
function* pagesOf(bytes: Uint8Array): Generator<string[]> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  let page: string[] = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(LINE_FEED, from)
    page.push(end === -1 ? '' : decoder.decode(bytes.subarray(from, end)))
    from = end === -1 ? bytes.length : end + 1
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  yield page
}

/** Written in the one way that it can be read. */
function cellIn(line: string): Cell | null {
  const parsed = parseJson(Cell, line)
  return parsed.ok && canonicalize(parsed.value) === line ? parsed.value : null
}

function faultOf({ table, field, record_id, ...cell }: Cell, names: Set<string>): string | null {
  const name = JSON.stringify([table, field, record_id])
  if (names.has(name)) return 'is there twice'
  names.add(name)
  const isFresh = cell.state === 'fresh'
  if (isFresh !== (cell.value_sha256 !== null) || isFresh !== (cell.error === null))
    return 'has a value and an error, or neither'
  return null
}
