import type { RunResource } from '#contract/run.ts'
import type { FieldStatus } from '#contract/provenance.ts'
import { defuse } from './defuse.ts'

/** How far a run is that derives fields: its steps, and the cells of the fields that it derives now. */
export type Progress = {
  steps: { done: number; total: number | null }
  fields: readonly { name: string; done: number; total: number; left_ms: number | null }[]
}

export function progressOf(run: RunResource, tables: readonly FieldStatus[]): Progress {
  return {
    steps: { done: run.steps_done, total: run.steps_total },
    fields: tables.flatMap(({ table, field, running }) =>
      running?.run_id === run.run_id ? { name: `${table}.${field}`, ...running } : [],
    ),
  }
}

/** The state of a progress in one line of words. */
export function progressWords({ steps, fields }: Progress): string {
  const { done, total } = cellsOf(fields)
  const left = Math.max(...fields.map(({ left_ms }) => left_ms ?? -1))
  return [
    `field ${Math.min(steps.done + 1, steps.total ?? Infinity)} of ${steps.total ?? '?'}`,
    ...(total > 0 ? [`${done} of ${total} cells`] : []),
    // An estimate only where the server has a basis for one, for each that is derived now.
    ...(fields.length > 0 && fields.every(({ left_ms }) => left_ms !== null)
      ? [`about ${Math.ceil(left / 1000)} s left`]
      : []),
    ...fields.map(({ name }) => name),
  ]
    .map((words) => defuse(words).replaceAll(/\s/g, ' '))
    .join('  ')
}

/** The same behind a bar, in at most so many columns: a line that wraps could not be drawn over. */
export function progressBar(progress: Progress, columns: number): string {
  const { done, total } = cellsOf(progress.fields)
  const full = Math.round((done / Math.max(total, 1)) * BAR_COLUMNS)
  const bar = '█'.repeat(full).padEnd(BAR_COLUMNS, '░')
  return `${bar}  ${progressWords(progress)}`.slice(0, Math.max(0, columns - 1))
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
      if (progress.fields.length === 0) return
      const { done, total } = cellsOf(progress.fields)
      const now = JSON.stringify([
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
/** To the end of the line. */
const ERASE = '\u001B[K'

function cellsOf(fields: Progress['fields']): { done: number; total: number } {
  return {
    done: fields.reduce((sum, field) => sum + field.done, 0),
    total: fields.reduce((sum, field) => sum + field.total, 0),
  }
}
