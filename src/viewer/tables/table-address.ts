import type { CellName } from '#contract/provenance.ts'

/** Where a table, or one of its cells beside it, is shown. */
export function tableHref(table: string, cell?: Pick<CellName, 'record_id' | 'field'>): string {
  const path = `/tables/${encodeURIComponent(table)}`
  if (!cell) return path
  return `${path}?${new URLSearchParams({ record: cell.record_id, field: cell.field }).toString()}`
}
