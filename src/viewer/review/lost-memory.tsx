import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { changeTrust } from '#viewer/queries.ts'
import { forgetMet, type Memory } from '#viewer/trust-store.ts'
import { useMutation, useQueryClient } from '@tanstack/react-query'

/** Records that were walked here before are there and cannot be read: that one of them is gone could not be told [U36]. */
export function LostMemory({ memory }: { memory: Memory | undefined }) {
  const change = useMutation(changeTrust(useQueryClient()))
  if (memory?.unread === undefined) return null
  return (
    <Notice
      tone="bad"
      title="What this browser walked here before cannot be read"
      action={
        <button
          type="button"
          className="button"
          disabled={change.isPending}
          onClick={() => change.mutate(forgetMet)}
        >
          Let it go and begin anew
        </button>
      }
    >
      That a record which it met is gone, or another one now, cannot be told, and no walk is
      remembered: <RunText text={memory.unread} max={300} />. Of the records that were opened here
      it can be told.
    </Notice>
  )
}
