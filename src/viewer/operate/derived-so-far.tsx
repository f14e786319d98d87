import { FieldProgress } from '#viewer/parts/field-progress.tsx'
import { useTablesStatus } from '#viewer/tables-status.ts'

/** The fields that this run derives now, and how far each is. */
export function DerivedSoFar({ run_id }: { run_id: string }) {
  const { status } = useTablesStatus()
  return status.data?.tables.map(
    ({ table, field, running }) =>
      running?.run_id === run_id && (
        <FieldProgress key={`${table}.${field}`} name={`${table}.${field}`} running={running} />
      ),
  )
}
