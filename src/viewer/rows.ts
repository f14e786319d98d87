import type { GateEntry, StepEntry } from '#contract/envelope.ts'
import type { Rows, SortBy } from './verifier.ts'

/** An entry with its place in the chain. */
export type Numbered<T> = { seq: number; entry: T }

/** Entries of a document, each read when it is looked at. */
export type Listed<T> = Iterable<Numbered<T>> & {
  readonly length: number
  at(index: number): Numbered<T> | undefined
}

/** Which rows of a document a table shows, in its order. Linear to search, and equal rows stay in the record's order. */
export function indexOf(
  { view, sort, descending, search }: Rows,
  {
    steps,
    gates,
    lines,
  }: {
    steps: Listed<StepEntry>
    gates: Listed<GateEntry>
    lines: readonly string[]
  },
): Uint32Array {
  const by = { search: search.toLowerCase(), descending }
  switch (view) {
    case 'steps':
      return chosenOf(steps, by, {
        textOf: ({ entry }) => textOfStep(entry),
        keyOf: sort === 'seq' ? null : ({ entry }) => keyOfStep(entry, sort),
      })
    case 'gates':
      return chosenOf(gates, by, {
        textOf: ({ entry }) => textOfGate(entry),
        keyOf: sort === 'seq' ? null : ({ entry }) => keyOfGate(entry, sort),
      })
    case 'raw':
      return chosenOf(lines, { ...by, descending: false }, { textOf: (line) => line, keyOf: null })
  }
}

function chosenOf<T>(
  rows: Iterable<T> & { readonly length: number },
  { search, descending }: { search: string; descending: boolean },
  { textOf, keyOf }: { textOf: (row: T) => string; keyOf: ((row: T) => string | number) | null },
): Uint32Array {
  if (search === '' && keyOf === null) {
    const all = Uint32Array.from({ length: rows.length }, (_, at) => at)
    return descending ? all.toReversed() : all
  }
  const chosen: { at: number; key: string | number }[] = []
  let at = 0
  for (const row of rows) {
    if (search === '' || textOf(row).toLowerCase().includes(search))
      chosen.push({ at, key: keyOf?.(row) ?? at })
    at += 1
  }
  const sign = descending ? -1 : 1
  chosen.sort((a, b) => sign * ordered(a.key, b.key) || a.at - b.at)
  return Uint32Array.from(chosen, (row) => row.at)
}

// As people count: step-2 before step-10. Of one language, so that a record has one order in every browser.
const NAMES = new Intl.Collator('en', { numeric: true })
const ordered = (a: string | number, b: string | number): number =>
  typeof a === 'number' || typeof b === 'number' ? Number(a) - Number(b) : NAMES.compare(a, b)

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
