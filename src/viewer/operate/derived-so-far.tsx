import { FieldProgress } from '#viewer/parts/field-progress.tsx'
import { RunWaits } from '#viewer/parts/table-wait.tsx'
import { useTablesStatus } from '#viewer/tables-status.ts'

/** The fields that this run derives now, and how far each is; or the table that it waits for. */
export function DerivedSoFar({ run_id }: { run_id: string }) {
  const { status } = useTablesStatus()
  const wait = status.data?.waiting.find((one) => one.run_id === run_id)
  return (
    <>
      {wait && <RunWaits wait={wait} who="it" />}
      {status.data?.tables.map(
        ({ table, field, running }) =>
          running?.run_id === run_id && (
            <FieldProgress key={`${table}.${field}`} name={`${table}.${field}`} running={running} />
          ),
      )}
    </>
  )
}
