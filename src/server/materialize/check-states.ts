import type { CellState } from '#contract/status.ts'
import type { CellStore, RecordRow } from '#server/storage/storage.ts'
import { stateOf } from './judge-cell.ts'
import type { Judge } from './judge-records.ts'
import { isDerivedIn, isPrivateInput, type DerivedField, type Tables } from './table-definition.ts'

/** What the states of a field's cells follow from: as long as it is the same, they are what they were. */
export async function basisOf(
  cells: CellStore,
  field: DerivedField,
  derivation: string,
  tables: Tables,
): Promise<string> {
  const isDerived = isDerivedIn(tables)
  // Digests of what is private are keyed: others than before it was.
  const isPrivate = field.from.map((from) => isPrivateInput(tables, field.table, from))
  const generations = [(await cells.source(field.table))?.generation ?? 0]
  for (const from of field.from)
    generations.push(
      isDerived(from.table, from.field)
        ? (await cells.field(from.table, from.field)).generation
        : ((await cells.source(from.table))?.generation ?? 0),
    )
  return JSON.stringify([derivation, field.from, isPrivate, ...generations])
}

/**
 * Gives every cell of the field the state that it has by what its inputs are now. Nothing is looked at where that is
 * known already. What it is made from has to have been checked before. `signal` ends it with its reason, and the states
 * that were given are right.
 */
export async function checkStates(
  cells: CellStore,
  tables: Tables,
  judge: Judge,
  field: DerivedField,
  derivation: string,
  signal: AbortSignal,
): Promise<void> {
  const basis = await basisOf(cells, field, derivation, tables)
  const row = await cells.field(field.table, field.field)
  if (row.checked === basis) return
  const isNew = Object.values(row.cells).every((count) => count === 0)
  const isDerived = isDerivedIn(tables)
  // Nothing was made yet, and nothing that it is made from can have failed.
  const isMissing = isNew && !field.from.some((from) => isDerived(from.table, from.field))
  let changed: { record_id: string; state: CellState }[] = []
  for await (const records of pagesOf(cells, field.table)) {
    signal.throwIfAborted()
    if (isMissing)
      for (const { record_id } of records) changed.push({ record_id, state: 'missing' })
    else
      for (const { record_id, cell, inputs } of await judge(field, records)) {
        const state = stateOf(cell?.version ?? null, inputs, derivation)
        if (cell?.state !== state) changed.push({ record_id, state })
      }
    // Each writing waits for the disk.
    if (changed.length >= MOST_UNWRITTEN) {
      await cells.setStates(row.field_id, changed)
      changed = []
    }
    // Others have their turn: a million records are many pages.
    await new Promise(setImmediate)
  }
  if (changed.length > 0) await cells.setStates(row.field_id, changed)
  await cells.setChecked(row.field_id, basis)
}

const PAGE = 500
const MOST_UNWRITTEN = 5000

export async function* pagesOf(cells: CellStore, table: string): AsyncGenerator<RecordRow[]> {
  let after: string | null = null
  for (;;) {
    const page: RecordRow[] = await cells.records(table, { after, limit: PAGE })
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = last.record_id
  }
}
