import type { Table } from '#contract/provenance.ts'
import { counted } from '#evidence/counted.ts'
import { bytesSaid } from '#viewer/parts/bytes-said.ts'
import { Dialog } from '#viewer/parts/dialog.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { saveFile } from '#viewer/parts/save-file.ts'
import { type RecordFilter, tableRim } from '#viewer/table-queries.ts'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { type ExportProgress, exportTable } from './export-table.ts'

/** Writes a table, or what its filter leaves, into two files of the reader's. */
export function ExportDialog({
  table,
  filter,
  onClose,
}: {
  table: Table
  filter: RecordFilter
  onClose: () => void
}) {
  const [stopping] = useState(() => new AbortController())
  const [progress, setProgress] = useState<ExportProgress | null>(null)
  const isFiltered = filter.state !== '' || filter.q !== ''
  const derived = table.fields.filter((field) => field.derived !== null).length
  // Of what a filter leaves nobody knows how much it is, before all of it was looked at.
  const all = isFiltered ? null : { records: table.records, cells: table.records * derived }
  const write = useMutation({
    mutationFn: async () => {
      const rim = tableRim(table.table)
      const made = await exportTable(
        table,
        filter,
        {
          ...rim,
          records: (cursor, signal) => rim.records(filter, cursor, signal),
        },
        { signal: stopping.signal, onProgress: setProgress, now: new Date().toISOString() },
      )
      saveFile(`${table.table}.csv`, made.csv)
      saveFile(`${table.table}.provenance.jsonl`, made.provenance)
      return made
    },
  })
  const close = () => {
    stopping.abort()
    onClose()
  }
  return (
    <Dialog open onClose={close} title="Export">
      <p className="text-ink-2">
        {isFiltered ? 'The records that the filter leaves, of ' : 'All records of '}
        <RunText text={table.table} max={64} />, into two files: the values as CSV, and where each
        of them is from as lines of JSON. What a spreadsheet would take for a formula is put as
        text; private values are left out.
      </p>
      {all !== null && all.cells >= MANY_CELLS && !write.isSuccess && (
        <p className="text-ink-2">
          {counted(all.cells, 'cell')}: the second file will be of some{' '}
          {bytesSaid(all.cells * BYTES_A_CELL)}, which the browser holds until it is saved.
        </p>
      )}
      {progress !== null && (
        <>
          <output className="text-ink-2">
            {counted(progress.records, 'record')}
            {progress.cells > 0 && `, provenance of ${counted(progress.cells, 'cell')}`}{' '}
            {write.isSuccess ? 'written.' : 'so far.'}
          </output>
          {write.isPending && all !== null && (
            <progress
              className="h-1.5 w-full text-active"
              max={all.records + all.cells}
              value={progress.records + progress.cells}
              aria-label="Written"
            />
          )}
        </>
      )}
      {write.isSuccess && write.data.changed > 0 && (
        <p className="text-ink-2">
          {counted(write.data.changed, 'cell')} had another value by the time of the second file,
          whose lines say so.
        </p>
      )}
      {write.isError && <ErrorWords error={write.error} />}
      <div className="flex justify-end gap-2">
        <button type="button" className="button" onClick={close}>
          {write.isPending ? 'Stop' : 'Close'}
        </button>
        <button
          type="button"
          className="button"
          data-look="main"
          disabled={write.isPending}
          onClick={() => write.mutate()}
        >
          {write.isPending ? 'Writing' : write.isSuccess ? 'Save again' : 'Save both files'}
        </button>
      </div>
    </Dialog>
  )
}

const MANY_CELLS = 100_000
// As lines of JSON: names, digests of value, derivation and two inputs, and the run. Measured.
const BYTES_A_CELL = 1024
