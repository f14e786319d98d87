import type { MaterializePreview } from '#contract/provenance.ts'
import type { CellState } from '#contract/status.ts'
import type { CellStore } from '#server/storage/storage.ts'
import type { DerivedField } from './table-definition.ts'

/** What would be derived of a field, by the states that its cells have, and what that would be by former cells of it. */
export async function previewOf(
  cells: CellStore,
  { table, field, batch, concurrency }: DerivedField,
  record_ids: readonly string[] | null,
  force: boolean,
): Promise<MaterializePreview['fields'][number]> {
  const row = await cells.field(table, field)
  const counts: Record<CellState, number> =
    record_ids === null ? { ...row.cells } : { fresh: 0, stale: 0, missing: 0, failed: 0 }
  for (const { state } of record_ids === null ? [] : await cells.cellsOf(row.field_id, record_ids))
    counts[state] += 1
  if (!force) counts.fresh = 0
  const toDo = counts.fresh + counts.stale + counts.missing + counts.failed
  const { made, busy_ms, cost } = row
  if (made === 0) return { table, field, cells: counts, cost: null, duration_ms: null, basis: 0 }
  // Processes that work side by side; what is known is how long each took.
  const atOnce = Math.min(concurrency, Math.ceil(toDo / batch))
  return {
    table,
    field,
    cells: counts,
    cost: share(cost, toDo, made),
    duration_ms: Math.round((busy_ms * toDo) / made / Math.max(1, atOnce)),
    basis: made,
  }
}

/** `cost * part / whole`, rounded to 18 places, as a decimal. */
function share(cost: string, part: number, whole: number): string {
  const [units = '0', fraction = ''] = cost.split('.')
  const scaled = BigInt(units + fraction.padEnd(PLACES, '0').slice(0, PLACES))
  const digits = String((scaled * BigInt(part)) / BigInt(whole)).padStart(PLACES + 1, '0')
  const rest = digits.slice(-PLACES).replace(/0+$/, '')
  return `${digits.slice(0, -PLACES)}${rest === '' ? '' : `.${rest}`}`
}

const PLACES = 18
