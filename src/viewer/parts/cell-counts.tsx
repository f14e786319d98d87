import { CELL_STATE, type CellState, keysOf, type Tone } from '#contract/status.ts'
import { counted } from '#evidence/counted.ts'
import { State } from './state.tsx'

/** How many cells are in each state, as a bar: beside the numbers, never instead of them. */
export function CellBar({
  cells,
  isThin = false,
}: {
  cells: Readonly<Record<CellState, number>>
  isThin?: boolean
}) {
  const total = totalOf(cells)
  const said = keysOf(CELL_STATE)
    .filter((state) => cells[state] > 0)
    .map((state) => `${cells[state].toLocaleString('en')} ${CELL_STATE[state].label.toLowerCase()}`)
  return (
    <span
      title={total === 0 ? 'no cells' : said.join(', ')}
      aria-hidden="true"
      className={`flex w-full gap-px overflow-hidden rounded-full bg-line ${isThin ? 'h-0.5' : 'h-1.5'}`}
    >
      {keysOf(CELL_STATE).map(
        (state) =>
          cells[state] > 0 && (
            <span
              key={state}
              className={`min-w-1 ${BAR[CELL_STATE[state].tone]}`}
              style={{ flexGrow: cells[state], flexBasis: 0 }}
            />
          ),
      )}
    </span>
  )
}

/** One of the numbers, with the shape and the colour of its state. */
export function CellCount({ state, count }: { state: CellState; count: number }) {
  const of = CELL_STATE[state]
  return (
    <span title={`${counted(count, 'cell')} ${of.label.toLowerCase()}. ${of.means}`}>
      <State of={of} count={count} wordless />
    </span>
  )
}

export const totalOf = (cells: Readonly<Record<CellState, number>>): number =>
  keysOf(CELL_STATE).reduce((sum, state) => sum + cells[state], 0)

/** The sum of several fields, for a table as a whole. */
export function sumOfCells(
  all: readonly Readonly<Record<CellState, number>>[],
): Record<CellState, number> {
  const sum: Record<CellState, number> = { fresh: 0, stale: 0, missing: 0, failed: 0 }
  for (const cells of all) for (const state of keysOf(CELL_STATE)) sum[state] += cells[state]
  return sum
}

const BAR = {
  idle: 'bg-line-strong',
  active: 'bg-active',
  waiting: 'bg-waiting',
  good: 'bg-good',
  bad: 'bg-bad',
  muted: 'bg-ink-3',
  neutral: 'bg-ink-3',
} as const satisfies Record<Tone, string>
