import { ErrorWords } from '#viewer/parts/failure.tsx'
import type { Run } from '#contract/run.ts'
import { sealStateOf } from '#live/select.ts'
import { wordsOf } from '#viewer/api.ts'
import { useWhyNot } from '#viewer/may.ts'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { Dialog } from '#viewer/parts/dialog.tsx'
import { abortRun, rerunRun, sealRun } from '#viewer/queries.ts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useLocation } from 'wouter'

/** What an operator may do with a run, as it stands: abort it, or repeat it, or have it sealed. */
export function RunActions({ run }: { run: Run }) {
  const client = useQueryClient()
  const [, navigate] = useLocation()
  const whyNot = useWhyNot('operate')
  const [aborting, setAborting] = useState(false)
  const rerun = useMutation(rerunRun(client, run.run_id))
  const seal = useMutation(sealRun(client, run.run_id))
  const failed = rerun.error ?? seal.error
  const again = (from: 'start' | 'failed') =>
    rerun.mutate(from, {
      onSuccess: ({ run_id }) => navigate(`/runs/${encodeURIComponent(run_id)}`),
    })
  return (
    <div className="flex flex-wrap items-center gap-2">
      {failed !== null && (
        <span role="alert" className="text-bad">
          {wordsOf(failed).title}: {wordsOf(failed).detail}
        </span>
      )}
      {sealStateOf(run) === 'open' && (
        <ChangeButton look="danger" whyNot={whyNot} onPress={() => setAborting(true)}>
          Abort
        </ChangeButton>
      )}
      {run.ended && run.ended.outcome !== 'succeeded' && (
        <ChangeButton whyNot={whyNot} pending={rerun.isPending} onPress={() => again('failed')}>
          Run again from the failed steps
        </ChangeButton>
      )}
      {run.ended && (
        <ChangeButton whyNot={whyNot} pending={rerun.isPending} onPress={() => again('start')}>
          Run again
        </ChangeButton>
      )}
      {sealStateOf(run) === 'seal_failed' && (
        <ChangeButton
          look="main"
          whyNot={whyNot}
          pending={seal.isPending}
          onPress={() => seal.mutate()}
        >
          Seal again
        </ChangeButton>
      )}
      <Dialog open={aborting} onClose={() => setAborting(false)} title="Abort this run?">
        <AbortForm run_id={run.run_id} onClose={() => setAborting(false)} />
      </Dialog>
    </div>
  )
}

function AbortForm({ run_id, onClose }: { run_id: string; onClose: () => void }) {
  const client = useQueryClient()
  const abort = useMutation(abortRun(client, run_id))
  const [reason, setReason] = useState('')
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault()
        abort.mutate(reason, { onSuccess: onClose })
      }}
    >
      <p className="text-ink-2">
        Its running steps are asked to stop, and stopped after a while. What happened until then is
        sealed.
      </p>
      <label className="flex flex-col gap-1">
        <span className="font-medium">
          Reason <span className="font-normal text-ink-3">· goes on record</span>
        </span>
        <input
          className="field"
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </label>
      {abort.isError && <ErrorWords error={abort.error} />}
      <div className="flex justify-end gap-2">
        <button type="button" className="button" onClick={onClose}>
          Keep it running
        </button>
        <button type="submit" className="button" data-look="danger" disabled={abort.isPending}>
          {abort.isPending ? 'Aborting' : 'Abort the run'}
        </button>
      </div>
    </form>
  )
}
