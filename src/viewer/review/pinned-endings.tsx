import { counted } from '#evidence/counted.ts'
import type { SealedBy } from '#evidence/sealed.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { keptQuery, trustQuery } from '#viewer/queries.ts'
import { useQuery } from '@tanstack/react-query'
import { endingOf, EndingSaid } from './ended-key.tsx'

/** Where several records are by a key that the reader pinned, what its server has called that key since [U16]. */
export function PinnedEndings({ by }: { by: readonly (SealedBy | null)[] }) {
  const { data: kept } = useQuery(keptQuery)
  // As it is known by now: for this no server is asked.
  const { data: trust } = useQuery({ ...trustQuery, enabled: false })
  const pinned = by.flatMap((one) => (one?.source === 'pinned' ? [one.key_id] : []))
  return [...new Set(pinned)].map((key_id) => {
    const ending = kept && endingOf(kept, key_id, trust?.offered.server_keys)
    if (!ending) return null
    const count = pinned.filter((one) => one === key_id).length
    return (
      <p key={key_id} className="max-w-prose">
        {counted(count, 'record')} of the key <Fingerprint hex={key_id} short />:{' '}
        <EndingSaid ending={ending} />
      </p>
    )
  })
}
