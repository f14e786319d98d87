import type { GateEntry, StepEntry } from '#contract/envelope.ts'
import type { Rows, SortBy } from './verifier.ts'

export type Numbered<T> = { seq: number; entry: T }

/** Which rows of a document a table shows, in its order. Linear to search, and equal rows stay in the record's order. */
export function indexOf(
  { view, sort, descending, search }: Rows,
  {
    steps,
    gates,
    lines,
  }: {
    steps: readonly Numbered<StepEntry>[]
    gates: readonly Numbered<GateEntry>[]
    lines: readonly string[]
  },
): Uint32Array {
  switch (view) {
    case 'steps':
      return ordered(
        found(steps, search, ({ entry }) => textOfStep(entry)),
        sort === 'seq' ? null : ({ entry }) => keyOfStep(entry, sort),
        steps,
        descending,
      )
    case 'gates':
      return ordered(
        found(gates, search, ({ entry }) => textOfGate(entry)),
        sort === 'seq' ? null : ({ entry }) => keyOfGate(entry, sort),
        gates,
        descending,
      )
    case 'raw':
      return Uint32Array.from(found(lines, search, (line) => line))
  }
}

function found<T>(rows: readonly T[], search: string, textOf: (row: T) => string): number[] {
  const wanted = search.toLowerCase()
  return rows.flatMap((row, index) =>
    wanted === '' || textOf(row).toLowerCase().includes(wanted) ? [index] : [],
  )
}

function ordered<T>(
  chosen: readonly number[],
  keyOf: ((row: T) => string | number) | null,
  rows: readonly T[],
  descending: boolean,
): Uint32Array {
  if (keyOf === null) return Uint32Array.from(descending ? chosen.toReversed() : chosen)
  const keys = new Map(
    chosen.flatMap((at) => {
      const row = rows[at]
      return row === undefined ? [] : [[at, keyOf(row)] as const]
    }),
  )
  const sign = descending ? -1 : 1
  return Uint32Array.from(
    chosen.toSorted((a, b) => {
      const [left = '', right = ''] = [keys.get(a), keys.get(b)]
      return left === right ? a - b : left < right ? -sign : sign
    }),
  )
}

const textOfStep = ({ step_id, kind, argv, outcome, reason, signal, artifacts }: StepEntry) =>
  [step_id, kind, outcome, reason, signal, ...argv, ...artifacts.map(({ path }) => path)].join('\n')

const textOfGate = ({ step_id, question, outcome, decisions }: GateEntry): string =>
  [
    step_id,
    question,
    outcome,
    ...decisions.flatMap(({ decision }) => [decision.approver, decision.comment]),
  ].join('\n')

function keyOfStep(entry: StepEntry, sort: Exclude<SortBy, 'seq'>): string | number {
  switch (sort) {
    case 'name':
      return entry.step_id
    case 'outcome':
      return entry.outcome
    case 'exit':
      return entry.exit_code ?? -1
    case 'duration':
      return entry.duration_ms
    case 'log':
      return entry.log.bytes
  }
}

function keyOfGate(entry: GateEntry, sort: Exclude<SortBy, 'seq'>): string | number {
  switch (sort) {
    case 'name':
      return entry.question
    case 'outcome':
      return entry.outcome
    case 'exit':
    case 'duration':
    case 'log':
      return entry.resolved_at
  }
}
