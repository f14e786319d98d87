import type { FieldStatus, Table } from '#contract/provenance.ts'
import type { CellState } from '#contract/status.ts'
import { sumOf } from '#evidence/summarise.ts'
import { sumOfCells } from '#viewer/parts/cell-counts.tsx'

export type TableStatus = {
  fields: readonly FieldStatus[]
  cells: Record<CellState, number>
  cost: string
  running: readonly Running[]
}
export type Running = NonNullable<FieldStatus['running']> & { field: string }

/** What the server's status says of one table, field by field and as a whole. */
export function statusOfTable(
  { table }: Pick<Table, 'table'>,
  all: readonly FieldStatus[],
): TableStatus {
  const fields = all.filter((status) => status.table === table)
  return {
    fields,
    cells: sumOfCells(fields.map(({ cells }) => cells)),
    cost: sumOf(fields.map(({ cost }) => cost)),
    running: fields.flatMap(({ running, field }) => (running ? [{ ...running, field }] : [])),
  }
}
