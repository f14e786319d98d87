import { counted } from '#evidence/counted.ts'
import { changeTrust } from '#viewer/queries.ts'
import { type Dropped, forgetDropped } from '#viewer/trust-store.ts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'

/** Keys that stood under the fingerprint of another, on every page until the reader has read so [U16]. */
export function KeysDropped({ dropped }: { dropped: readonly Dropped[] }) {
  const client = useQueryClient()
  const change = useMutation(changeTrust(client))
  const isPinned = dropped.some((one) => one.isPinned)
  return (
    <section
      role="alert"
      aria-label="Keys that are kept no more"
      className="border-y border-waiting"
    >
      <div className="mx-auto flex max-w-6xl flex-col items-start gap-2 px-3 py-4 sm:px-6">
        <h2 className="text-base font-semibold">
          {dropped.length === 1 ? 'A key' : counted(dropped.length, 'key')} that this browser kept{' '}
          {dropped.length === 1 ? 'is false and is' : 'are false and are'} kept no more
        </h2>
        <ul className="flex max-w-prose list-disc flex-col gap-1 pl-5 wrap-anywhere">
          {dropped.map(({ key_id, why, ...one }) => (
            <li key={key_id}>
              {one.isPinned && <strong>You had pinned it. </strong>}
              {why}.
            </li>
          ))}
        </ul>
        <p className="max-w-prose text-ink-2">
          This server, or what is between it and you, answered with it once.
          {isPinned &&
            ' What else you pinned and require counts. The fingerprint may be a good one, which another key was put under: compare it again before you pin it.'}{' '}
          What is kept now is under{' '}
          <Link href="/evidence/trust" className="link">
            Keys you trust
          </Link>
          .
        </p>
        <button
          type="button"
          className="button"
          disabled={change.isPending}
          onClick={() => change.mutate(() => forgetDropped(dropped))}
        >
          I have read this
        </button>
      </div>
    </section>
  )
}
