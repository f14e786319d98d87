import type { RunResource } from '#contract/run.ts'
import type { Status } from '#contract/api.ts'
import type { TableWait } from '#contract/provenance.ts'
import { inOneLine } from './defuse.ts'

/** How far a run is that derives fields: its steps, and the cells of the fields that it derives now. */
export type Progress = {
  steps: { done: number; total: number | null }
  fields: readonly { name: string; done: number; total: number; left_ms: number | null }[]
  /** It waits for a table. */
  wait: Pick<TableWait, 'table' | 'held_by'> | null
}

export function progressOf(
  run: RunResource,
  { tables, waiting }: Pick<Status, 'tables' | 'waiting'>,
): Progress {
  return {
    steps: { done: run.steps_done, total: run.steps_total },
    fields: tables.flatMap(({ table, field, running }) =>
      running?.run_id === run.run_id ? { name: `${table}.${field}`, ...running } : [],
    ),
    wait: waiting.find(({ run_id }) => run_id === run.run_id) ?? null,
  }
}

/** The state of a progress in one line of words, of at most so many characters: what tells least goes first. */
export function progressWords({ steps, fields, wait }: Progress, most = Infinity): string {
  const { done, total } = cellsOf(fields)
  const left = Math.max(...fields.map(({ left_ms }) => left_ms ?? -1))
  const words = (
    [
      [2, `field ${Math.min(steps.done + 1, steps.total ?? Infinity)} of ${steps.total ?? '?'}`],
      [0, wait && fields.length === 0 ? `waits for table ${wait.table}` : ''],
      [3, wait && fields.length === 0 ? `which ${wait.held_by} writes` : ''],
      [0, total > 0 ? `${done} of ${total} cells` : ''],
      // An estimate only where the server has a basis for one, for each that is derived now.
      [
        1,
        fields.length > 0 && fields.every(({ left_ms }) => left_ms !== null)
          ? `about ${Math.ceil(left / 1000)} s left`
          : '',
      ],
      ...fields.map(({ name }) => [3, name] as const),
    ] as const
  )
    .filter(([, text]) => text !== '')
    .map(([rank, text]) => ({ rank, text: inOneLine(text) }))
  for (const rank of [3, 2, 1]) {
    if (lineOf(words).length <= most) break
    words.splice(0, words.length, ...words.filter((one) => one.rank !== rank))
  }
  return lineOf(words).slice(0, most)
}

const lineOf = (words: readonly { text: string }[]) => words.map(({ text }) => text).join('  ')

/** The same behind a bar, in at most so many columns: a line that wraps could not be drawn over. The bar gives way. */
export function progressBar(progress: Progress, columns: number): string {
  const { done, total } = cellsOf(progress.fields)
  const room = Math.max(0, columns - 1)
  const words = progressWords(progress, room)
  const size = Math.min(BAR_COLUMNS, room - words.length - 2)
  // Of nothing nothing is done: who waits has no bar.
  if (total === 0 || size < LEAST_BAR) return words
  const full = Math.round((done / Math.max(total, 1)) * size)
  return `${'█'.repeat(full).padEnd(size, '░')}  ${words}`
}

/**
 * Shows each state to who waits at `output`: one line that is drawn over on a terminal, else a line whenever another
 * field is derived or another tenth of its cells is done. `end` leaves the terminal's line empty.
 */
export function shownProgress(output: {
  isTTY?: boolean
  columns?: number
  write: (text: string) => unknown
}): { show: (progress: Progress) => void; end: () => void } {
  if (output.isTTY === true)
    return {
      // A terminal that does not know its width says 0.
      show: (progress) => output.write(`\r${ERASE}${progressBar(progress, output.columns || 80)}`),
      end: () => output.write(`\r${ERASE}`),
    }
  let last = ''
  return {
    show(progress) {
      if (progress.fields.length === 0 && progress.wait === null) return
      const { done, total } = cellsOf(progress.fields)
      const now = JSON.stringify([
        progress.fields.length === 0 && progress.wait,
        progress.fields.map(({ name }) => name),
        Math.floor((done / Math.max(total, 1)) * 10),
      ])
      if (now !== last) output.write(`${progressWords(progress)}\n`)
      last = now
    },
    end() {},
  }
}

const BAR_COLUMNS = 24
const LEAST_BAR = 4
/** To the end of the line. */
const ERASE = '\u001B[K'

function cellsOf(fields: Progress['fields']): { done: number; total: number } {
  return {
    done: fields.reduce((sum, field) => sum + field.done, 0),
    total: fields.reduce((sum, field) => sum + field.total, 0),
  }
}
