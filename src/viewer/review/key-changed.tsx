import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Notice } from '#viewer/parts/notice.tsx'
import { trustQuery } from '#viewer/queries.ts'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'

/** A server that offers another key than before: loud, since it is what a stolen or replaced server looks like. */
export function KeyChanged() {
  const trust = useQuery(trustQuery)
  const changed = trust.data?.changed ?? []
  if (changed.length === 0) return null
  return (
    <Notice
      tone="bad"
      title="This server offers a sealing key that it did not offer before"
      action={
        <Link href="/evidence/trust" className="button">
          Compare fingerprints
        </Link>
      }
    >
      <p>
        Either its operator made a new key, or this is another server under the same address. Ask
        the operator, by another way than this page, for the fingerprint of the new key:
      </p>
      {changed.map(({ key_id }) => (
        <p key={key_id} className="mt-2">
          <Fingerprint hex={key_id} />
        </p>
      ))}
    </Notice>
  )
}
