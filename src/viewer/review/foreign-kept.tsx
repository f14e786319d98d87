import { Check } from '#viewer/parts/check.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { saveFile } from '#viewer/parts/save-file.ts'
import { changeTrust, memoryQuery } from '#viewer/queries.ts'
import { keptAsItIs, letGoOfForeign } from '#viewer/trust-store.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'

/** What is kept in this browser and no page of this viewer wrote: no change writes over it until the reader says so [U36]. */
export function ForeignKept() {
  const { data: memory } = useQuery(memoryQuery)
  const change = useMutation(changeTrust(useQueryClient()))
  const save = useMutation({
    mutationFn: async () =>
      saveFile(
        'runseal-kept.json',
        new Blob([`${JSON.stringify(await keptAsItIs(), null, 2)}\n`], {
          type: 'application/json',
        }),
      ),
    networkMode: 'always',
  })
  const [isSure, setSure] = useState(false)
  if (memory === undefined) return null
  const { kept, unread } = memory
  const isAll = kept.fault?.kind === 'foreign'
  const why = isAll ? kept.fault?.why : unread
  if (why === undefined) return null
  return (
    <Notice
      tone="waiting"
      title={
        isAll
          ? 'What this browser keeps for Runseal is of another version, or of something else'
          : 'What this browser walked here before is of another version, or of something else'
      }
      action={
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <button
            type="button"
            className="button"
            disabled={save.isPending}
            onClick={() => save.mutate()}
          >
            Save it to a file
          </button>
          <Check checked={isSure} onChange={setSure}>
            I saved it, or need nothing of it
          </Check>
          <button
            type="button"
            className="button"
            data-look="danger"
            disabled={!isSure || change.isPending}
            onClick={() => change.mutate(letGoOfForeign)}
          >
            Let it go and begin anew
          </button>
          {save.error !== null && <ErrorWords error={save.error} />}
        </div>
      }
    >
      This page writes nothing over it, so that{' '}
      {isAll
        ? 'nothing new is kept. Another version of Runseal may read it. Begun anew, this browser knows nobody that you pinned or refused and nothing that you required, and meets this server’s key for the first time.'
        : 'no walk is remembered. Begun anew, the next walk is the first; what you pinned, required and refused stays.'}
      <p className="mt-1 text-xs text-ink-3">
        <RunText text={why} max={300} />
      </p>
    </Notice>
  )
}
