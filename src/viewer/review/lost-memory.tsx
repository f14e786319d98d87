import { Notice } from '#viewer/parts/notice.tsx'
import type { Memory } from '#viewer/trust-store.ts'
import { Link } from 'wouter'

/** Records that were walked here before are there and cannot be read: that one of them is gone could not be told [U36]. */
export function LostMemory({ memory }: { memory: Memory | undefined }) {
  if (memory?.unread === undefined) return null
  return (
    <Notice
      tone="waiting"
      title="What this browser walked here before cannot be read"
      action={
        <Link href="/evidence/trust" className="button">
          Save it, or begin anew
        </Link>
      }
    >
      That a record which it met is gone, or another one now, cannot be told, and no walk is
      remembered. Of the records that were opened here it can be told.
    </Notice>
  )
}
