import type { CellName } from '#contract/provenance.ts'
import { useSearchParams } from 'wouter'

export const tableHref = (table: string): string => `/tables/${encodeURIComponent(table)}`

/** Where a cell is shown beside its table. What filters the table that the reader is in stays. */
export function useCellHref(from: string): (cell: CellName) => string {
  const [search] = useSearchParams()
  return ({ table, record_id, field }) => {
    const next = new URLSearchParams(table === from ? search : '')
    next.set('record', record_id)
    next.set('field', field)
    return `${tableHref(table)}?${next.toString()}`
  }
}
