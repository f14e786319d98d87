import type { Materialize, MaterializePreview } from '#contract/provenance.ts'
import { roughly } from '#contract/roughly.ts'
import { CELL_STATE, keysOf } from '#contract/status.ts'
import { sumOf } from '#evidence/summarise.ts'
import { CellCount, totalOf } from '#viewer/parts/cell-counts.tsx'
import { counted } from '#evidence/counted.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { Check } from '#viewer/parts/check.tsx'
import { Dialog } from '#viewer/parts/dialog.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { SkeletonRows } from '#viewer/parts/notice.tsx'
import { SmallTable } from '#viewer/parts/small-table.tsx'
import { StartForm } from '#viewer/parts/start-form.tsx'
import { duration } from '#contract/duration.ts'
import { materialize, previewQuery } from '#viewer/table-queries.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

/** What is to be derived, and how one says it. */
export type DeriveScope = {
  what: string
  targets: string[] | null
  record_ids: string[] | null
}

/** Starts a materialize, after it has said what it would do and what that would roughly cost. */
export function DeriveDialog({
  scope,
  onClose,
}: {
  scope: DeriveScope | null
  onClose: () => void
}) {
  return (
    <Dialog open={scope !== null} onClose={onClose} title="Derive">
      {scope && <DeriveForm scope={scope} onClose={onClose} />}
    </Dialog>
  )
}

function DeriveForm({ scope, onClose }: { scope: DeriveScope; onClose: () => void }) {
  const client = useQueryClient()
  const [force, setForce] = useState(false)
  const body: Materialize = { targets: scope.targets, record_ids: scope.record_ids, force }
  const preview = useQuery(previewQuery(body))
  const start = useMutation(materialize(client))
  const cells = sumOfFields(preview.data)
  return (
    <StartForm
      act={cells === null || cells === 0 ? 'Derive' : `Derive ${counted(cells, 'cell')}`}
      isNothing={cells === 0}
      onStart={() => start.mutate(body, { onSuccess: onClose })}
      onCancel={onClose}
      start={start}
    >
      <p className="text-ink-2">
        Of <RunText text={scope.what} max={200} />, with whatever that is made from. What is fresh
        is {force ? 'derived anew too' : 'left as it is'}.
      </p>
      <div>
        <Check checked={force} onChange={setForce}>
          <span className="font-medium">Redo fresh cells too</span>
        </Check>
        <p className="pl-6 text-ink-2">
          For a derivation that would answer otherwise now, though its version and files are the
          same.
        </p>
      </div>
      <Answered
        of={preview}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={3} height="h-9" />
          </div>
        }
        renderFailure={(failed) => <ErrorWords error={failed} />}
      >
        {(found) => <Preview preview={found} />}
      </Answered>
    </StartForm>
  )
}

const sumOfFields = (preview: MaterializePreview | undefined): number | null =>
  preview ? preview.fields.reduce((sum, { cells }) => sum + totalOf(cells), 0) : null

function Preview({ preview }: { preview: MaterializePreview }) {
  const { fields } = preview
  const known = fields.flatMap(({ cost }) => cost ?? [])
  const cells = sumOfFields(preview) ?? 0
  if (cells === 0) return <p className="card px-3 py-2">Everything is fresh: nothing to derive.</p>
  return (
    <div className="card overflow-hidden">
      <SmallTable
        label="What would be derived"
        columns={[{ name: 'Field' }, { name: 'Cells' }, { name: 'Roughly', isRight: true }]}
        className="max-h-72"
      >
        {fields.map(({ table, field, cells: its, cost, duration_ms, basis }) => (
          <tr key={`${table}.${field}`} className="border-b border-line align-top last:border-b-0">
            <td className="px-3 py-1.5 font-medium [overflow-wrap:anywhere]">
              <RunText text={`${table}.${field}`} max={140} />
            </td>
            <td className="px-3 py-1.5">
              <span className="flex flex-wrap gap-x-3">
                {keysOf(CELL_STATE)
                  .filter((state) => its[state] > 0)
                  .map((state) => (
                    <CellCount key={state} state={state} count={its[state]} />
                  ))}
                {totalOf(its) === 0 && <span className="text-ink-3">none</span>}
              </span>
            </td>
            <td className="px-3 py-1.5 text-right text-ink-2">
              {cost === null && duration_ms === null ? (
                <span className="text-ink-3">not known</span>
              ) : (
                <>
                  {cost !== null && <>cost {roughly(cost)}</>}
                  {cost !== null && duration_ms !== null && ', '}
                  {duration_ms !== null && duration(duration_ms, 1)}
                  <span className="block text-xs text-ink-3">
                    by {counted(basis, 'former cell')}
                  </span>
                </>
              )}
            </td>
          </tr>
        ))}
      </SmallTable>
      <p className="border-t border-line px-3 py-1.5 text-ink-2">
        {counted(cells, 'cell')}
        {known.length > 0 && `, cost roughly ${roughly(sumOf(known))}`}
        {known.length < fields.filter((one) => totalOf(one.cells) > 0).length &&
          (known.length === 0
            ? '. What they cost is not known: none was derived before.'
            : ' and what is not known.')}
      </p>
    </div>
  )
}
