import { Cell, type Envelope, type StepEntry } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { canonicalize } from './canonical.ts'
import { type Claim, claimOf } from './claims.ts'
import { counted as many } from './counted.ts'
import { shellForCells } from './redo.ts'
import { sumOf } from './summarise.ts'

/** What the cells of a step come to. `lines`: of those in its part. */
export type CountedCells = {
  readonly lines: number
  readonly materialized: number
  readonly failures: number
  readonly total_cost: string
}

/**
 * The one rule about cells in parts of their own, for whoever has them [A4]: are they as many as their entries say, and
 * do they, with those that are listed, come to the totals of the run? `partOf` has bytes by the digest that they were
 * found to have. null where no cell is in a part. Between a few thousand lines `onProgress` is waited for.
 */
export async function checkCells(
  envelope: Pick<Envelope, 'execution' | 'closing'>,
  partOf: (sha256: string) => Uint8Array | null,
  onProgress: () => unknown = () => {},
): Promise<Claim | null> {
  const count = countCells(envelope)
  for (const sha256 of count?.wanted ?? []) {
    const bytes = partOf(sha256)
    if (bytes !== null) await count?.take(sha256, bytes, onProgress)
  }
  return count?.claim() ?? null
}

/** Counts cells of one record as their parts come, so that no two of these are in memory for it. */
export type CellsCount = {
  /** The digests of its parts, in the order of the steps. */
  readonly wanted: ReadonlySet<string>
  /** Bytes that have this digest. A part that many steps name is read once. */
  readonly take: (sha256: string, bytes: Uint8Array, onProgress: () => unknown) => Promise<void>
  readonly claim: () => Claim | null
}

/** null where no cell is in a part. */
export function countCells(envelope: Pick<Envelope, 'execution' | 'closing'>): CellsCount | null {
  const apart = [...envelope.execution.steps.entries()].flatMap(
    ([index, { step_id, cells_part }]) =>
      cells_part === undefined ? [] : { index, step: { step_id, cells_part } },
  )
  if (apart.length === 0) return null
  const byPart = Map.groupBy(apart, ({ step }) => step.cells_part.sha256)
  const counted = new Map<number, CountedCells>()
  const faults: { index: number; fault: Claim }[] = []
  return {
    wanted: new Set(byPart.keys()),
    take: async (sha256, bytes, onProgress) => {
      let before: CountedCells | null = null
      for (const { index, step } of byPart.get(sha256) ?? []) {
        const found: Counted =
          before === null
            ? await countPart(step, index, bytes, onProgress)
            : asSaid(step, index, before)
        if ('fault' in found) {
          faults.push({ index, fault: found.fault })
          return
        }
        before = found.counted
        counted.set(index, found.counted)
      }
    },
    claim: () =>
      faults.toSorted((a, b) => a.index - b.index)[0]?.fault ??
      checkTotals(envelope, (index) => counted.get(index) ?? null),
  }
}

/** The cells of one step, whose part has the digest that its entry says. */
export async function countPart(
  step: Pick<StepEntry, 'step_id' | 'cells_part'>,
  index: number,
  bytes: Uint8Array,
  onProgress: () => unknown = () => {},
): Promise<Counted> {
  const { step_id } = step
  const at = { step_id, where: `/execution/steps/${index}/cells_part` }
  const names = new Set<string>()
  let counted: CountedCells = NO_CELLS
  for (const page of pagesOf(bytes)) {
    const cells: Cell[] = []
    for (const line of page) {
      const cell = cellIn(line)
      const fault = cell === null ? 'is no cell' : faultOf(cell, names)
      const nth = counted.lines + cells.length + 1
      if (cell === null || fault !== null) {
        const message = `Line ${nth} of the cells of step ${step_id} ${fault}.`
        return { fault: claimOf('cells-differ', { ...at, message }) }
      }
      cells.push(cell)
    }
    counted = added(counted, cells, cells.length)
    await onProgress()
  }
  return asSaid(step, index, counted)
}

type Counted = { readonly counted: CountedCells } | { readonly fault: Claim }

function asSaid(
  { step_id, cells_part }: Pick<StepEntry, 'step_id' | 'cells_part'>,
  index: number,
  counted: CountedCells,
): Counted {
  const { lines } = counted
  const said = cells_part?.count ?? 0
  if (lines === said) return { counted }
  return {
    fault: claimOf('cells-differ', {
      step_id,
      where: `/execution/steps/${index}/cells_part`,
      message: `Step ${step_id} is said to have derived ${many(said, 'cell')}; its part has ${lines.toLocaleString('en')}.`,
      expected: String(lines),
      actual: String(said),
    }),
  }
}

/** `countedOf`: of the step in this place, where its part is at hand. null where no cell is in a part. */
export function checkTotals(
  { execution: { steps }, closing }: Pick<Envelope, 'execution' | 'closing'>,
  countedOf: (index: number) => CountedCells | null,
): Claim | null {
  const apart = [...steps.entries()].filter(([, { cells_part }]) => cells_part !== undefined)
  if (apart.length === 0) return null
  const parts = apart.flatMap(([index]) => countedOf(index) ?? [])
  const away = apart.length - parts.length
  if (away > 0) return cellsAway(away)
  let sum: CountedCells = NO_CELLS
  for (const { cells = [] } of steps) sum = added(sum, cells, 0)
  for (const part of parts)
    sum = {
      lines: sum.lines + part.lines,
      materialized: sum.materialized + part.materialized,
      failures: sum.failures + part.failures,
      total_cost: sumOf([sum.total_cost, part.total_cost]),
    }
  const { lines, ...total } = sum
  const expected = canonicalize({ ...total, skipped: closing.totals?.skipped ?? 0 })
  const actual = canonicalize(closing.totals ?? null)
  const at = { where: '/closing/totals', expected, actual }
  if (expected !== actual)
    return claimOf('cells-differ', { ...at, message: 'The totals are not those of the cells.' })
  const digests = new Set(apart.map(([, { cells_part }]) => cells_part?.sha256))
  const repeated =
    digests.size === apart.length ? '' : `, as often as ${many(apart.length, 'step')} name them`
  return claimOf('cells-agree', {
    ...at,
    message: `${many(lines, 'cell')} in ${many(digests.size, 'part')} counted${repeated}: they come to the totals of the run.`,
    shell: shellForCells(),
  })
}

const NO_CELLS: CountedCells = { lines: 0, materialized: 0, failures: 0, total_cost: '0' }

function added(to: CountedCells, cells: readonly Cell[], lines: number): CountedCells {
  const fresh = cells.filter(({ state }) => state === 'fresh').length
  return {
    lines: to.lines + lines,
    materialized: to.materialized + fresh,
    failures: to.failures + cells.length - fresh,
    total_cost: sumOf([to.total_cost, ...cells.flatMap(({ cost }) => cost ?? [])]),
  }
}

/** Of so many steps the cells are in parts that are not at hand. */
export function cellsAway(steps: number): Claim {
  return claimOf('cells-unchecked', {
    where: '/closing/totals',
    message: `The cells of ${many(steps, 'step')} are in a part beside this file, and were not counted: totals are taken as said.`,
  })
}

const PAGE = 4096
const LINE_FEED = 10
/** Longer than a cell can be, with every character of its two texts escaped. */
const MOST_OF_A_LINE = 1024 * 1024

/**
 * Lines, a page at a time: a part may have a million. What stands behind the last line feed is a line too, and no cell; nor
 * is what is no UTF-8, which two readers would put other characters for.
 */
function* pagesOf(bytes: Uint8Array): Generator<string[]> {
  let page: string[] = []
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(LINE_FEED, from)
    const isLine = end !== -1 && end - from <= MOST_OF_A_LINE
    page.push(isLine ? textOf(bytes.subarray(from, end)) : '')
    from = end === -1 ? bytes.length : end + 1
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  yield page
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(line: Uint8Array): string {
  try {
    return decoder.decode(line)
  } catch {
    return ''
  }
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
