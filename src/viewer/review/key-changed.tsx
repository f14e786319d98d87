import { counted } from '#evidence/counted.ts'
import { Check } from '#viewer/parts/check.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { daySaid } from '#viewer/parts/time.tsx'
import { changeTrust } from '#viewer/queries.ts'
import { answerKey, type Kept, refuseAll, unanswered } from '#viewer/trust-store.ts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'

/**
 * A server that offers another key than before: loud, over every page and until it is answered [U16], since it is what
 * a stolen or replaced server looks like.
 */
export function KeyChanged({ kept }: { kept: Kept }) {
  const waiting = unanswered(kept).map(({ key_id }) => key_id)
  const [changed] = waiting
  if (changed === undefined) return null
  const { answered, seen } = kept
  const isPinned = (id: string) => kept.pinned.server_keys.some(({ key_id }) => key_id === id)
  const before = Object.entries(answered).flatMap(([key_id, answer]) =>
    answer === 'accepted' ? [{ key_id, since: seen[key_id] ?? null }] : [],
  )
  return (
    <Warning
      key={changed}
      key_id={changed}
      isPinned={isPinned(changed)}
      before={before}
      more={waiting.length - 1}
      unpinned={waiting.filter((key_id) => !isPinned(key_id))}
      unkept={kept.unkept}
    />
  )
}

function Warning({
  key_id,
  isPinned,
  before,
  more,
  unpinned,
  unkept,
}: {
  key_id: string
  /** By the reader, before this server offered it. */
  isPinned: boolean
  /** So many keys wait behind this one. */
  more: number
  /** Of all that wait, those that the reader has not pinned. */
  unpinned: readonly string[]
  /** So many more there were than are kept. */
  unkept: number
  before: readonly { key_id: string; since: string | null }[]
}) {
  const client = useQueryClient()
  const change = useMutation(changeTrust(client))
  const [compared, setCompared] = useState(false)
  return (
    <section
      role="alert"
      aria-label="The server’s key changed"
      data-loud=""
      // In sight wherever on a page the reader is, and the page beside it. Where there is no room for both, it is on top of
      // the page, whole.
      className="border-y-2 border-bad bg-bad-wash tall:sticky tall:top-12 tall:z-20 tall:max-h-[80dvh] tall:overflow-auto tall:sm:max-h-[60dvh]"
    >
      <div className="mx-auto flex max-w-6xl flex-col gap-3 px-3 py-4 sm:px-6">
        <h2 className="text-lg font-semibold text-bad">
          This server offers a sealing key that it did not offer before
        </h2>
        <p className="max-w-prose">
          Either its operator made a new key, or this is another server under the same address. Ask
          the operator, by another way than this page, to read out the fingerprint of the new key.
          {more > 0 &&
            ` After this one, ${counted(more, 'more key')} ${more === 1 ? 'waits' : 'wait'} for an answer.`}
          {unkept > 0 &&
            ` There ${unkept === 1 ? 'was' : 'were'} ${unkept.toLocaleString('en')} more, of which this browser keeps nothing.`}
        </p>
        {isPinned && (
          <p className="max-w-prose">
            <strong>You have pinned this key</strong>, by itself or with a trust file, and its seals
            count until you refuse it here.
          </p>
        )}
        <div className="grid gap-x-8 gap-y-3 sm:grid-cols-2">
          <div>
            <h3 className="font-semibold">The new key</h3>
            <Fingerprint hex={key_id} />
          </div>
          <div>
            <h3 className="font-semibold">
              {before.length === 1 ? 'The key until now' : 'The keys until now'}
            </h3>
            {before.slice(0, MOST_BEFORE).map((known) => (
              <p key={known.key_id} className="mb-2">
                <Fingerprint hex={known.key_id} />
                {known.since !== null && (
                  <span className="block text-xs text-ink-2">
                    first offered on {daySaid(known.since)}
                  </span>
                )}
              </p>
            ))}
            {before.length > MOST_BEFORE && (
              <p>
                And {(before.length - MOST_BEFORE).toLocaleString('en')} more, under{' '}
                <Link href="/evidence/trust" className="link">
                  Keys you trust
                </Link>
                .
              </p>
            )}
          </div>
        </div>
        {/* In sight also where the fingerprints have to be scrolled. */}
        <div className="-mb-4 flex flex-wrap gap-x-4 gap-y-2 bg-bad-wash pt-1 pb-4 tall:sticky tall:bottom-0">
          <span className="w-full">
            <Check checked={compared} onChange={setCompared}>
              All four lines of the new key are what the operator read out
            </Check>
          </span>
          <button
            type="button"
            className="button"
            disabled={!compared || change.isPending}
            onClick={() => change.mutate(() => answerKey(key_id, 'accepted'))}
          >
            It is the server’s new key
          </button>
          <button
            type="button"
            className="button"
            data-look="danger"
            disabled={change.isPending}
            onClick={() => change.mutate(() => answerKey(key_id, 'refused'))}
          >
            Do not use this key
          </button>
          {unpinned.length > 1 && (
            <button
              type="button"
              className="button"
              data-look="danger"
              disabled={change.isPending}
              onClick={() => change.mutate(() => refuseAll(unpinned))}
            >
              Use none of these {unpinned.length.toLocaleString('en')} keys
            </button>
          )}
        </div>
      </div>
    </section>
  )
}

const MOST_BEFORE = 4
