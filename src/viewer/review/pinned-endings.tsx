import { counted } from '#evidence/counted.ts'
import type { SealedBy } from '#evidence/sealed.ts'
import type { Trusted } from '#evidence/trust.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { EndingNote, useEndingOf } from './ended-key.tsx'

/** Where several records are by a key that the reader pinned, what its server has called that key since [U16]. */
export function PinnedEndings({
  by,
  brought = [],
}: {
  by: readonly (SealedBy | null)[]
  /** Trust files that count beside what is kept. */
  brought?: readonly Trusted[]
}) {
  const endingOf = useEndingOf(brought)
  const pinned = by.flatMap((one) => (one?.source === 'pinned' ? [one.key_id] : []))
  return [...new Set(pinned)].map((key_id) => {
    const ending = endingOf(key_id)
    if (ending === null) return null
    const count = pinned.filter((one) => one === key_id).length
    return (
      <EndingNote
        key={key_id}
        title={
          <>
            {counted(count, 'record')} by the key <Fingerprint hex={key_id} short />
          </>
        }
        ending={ending}
      />
    )
  })
}
