import { type ServerKey, TRUST_SOURCE, type TrustFile } from '#contract/trust.ts'
import { counted } from '#evidence/counted.ts'
import { FINGERPRINT } from '#evidence/fingerprint.ts'
import { trustFault } from '#evidence/trust.ts'
import { validitySaid, withinQuotes } from '#evidence/trust-said.ts'
import { lowered } from '#viewer/key-standing.ts'
import { Check } from '#viewer/parts/check.tsx'
import { DownloadJson } from '#viewer/parts/download-json.tsx'
import { Failure } from '#viewer/parts/failure.tsx'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { SoMany } from '#viewer/parts/so-many.tsx'
import { useStandingError } from '#viewer/parts/standing-error.ts'
import { When } from '#viewer/parts/time.tsx'
import { changeTrust, keptQuery, keysLateQuery, trustQuery } from '#viewer/queries.ts'
import {
  adopt,
  isRefused,
  isUnread,
  type Kept,
  knownKeys,
  pin,
  pinFault,
  refusedKeys,
  requireDefinition,
  requireNothingOf,
  takeBack,
  takeWord,
  unpin,
  withoutRefused,
} from '#viewer/trust-store.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { type Ending, endingOf, EndingSaid } from './ended-key.tsx'
import { ForeignKept } from './foreign-kept.tsx'
import { Required } from './required.tsx'
import { trustChange } from './trust-change.ts'
import { Approvers } from './trust-contents.tsx'
import { TrustFileDrop } from './trust-file.tsx'

/** What this reader trusts, kept in this browser: the server can offer, never add. */
export function TrustPage() {
  const kept = useQuery(keptQuery)
  const trust = useQuery(trustQuery)
  const client = useQueryClient()
  const change = useMutation(changeTrust(client))
  const failed = useStandingError(trust)
  const { data: isLate = false } = useQuery(keysLateQuery)
  if (kept.isPending)
    return (
      <Page title="Keys you trust">
        <div className="card overflow-hidden">
          <SkeletonRows rows={3} height="h-16" />
        </div>
      </Page>
    )
  if (kept.isError)
    return (
      <Page title="Keys you trust">
        <Failure error={kept.error} again={kept.refetch} />
      </Page>
    )
  return (
    <TrustOf
      kept={kept.data}
      // Until it answers what it offered here before stands there, so that nothing moves when it does.
      offered={trust.data?.offered.server_keys ?? kept.data.keys}
      isHad={trust.data !== undefined}
      asking={
        failed !== null ? (
          <Failure error={failed} again={trust.refetch} />
        ) : (
          trust.data === undefined &&
          isLate && (
            <output className="text-ink-2">
              The server was asked for its keys, and has not answered.
            </output>
          )
        )
      }
      change={change.mutate}
      pending={change.isPending}
    />
  )
}

function TrustOf({
  kept,
  offered,
  isHad,
  asking,
  change,
  pending,
}: {
  kept: Kept
  offered: readonly ServerKey[]
  /** Did the server say what it offers, or is it what it offered before? */
  isHad: boolean
  /** What there is to say of asking it. */
  asking: ReactNode
  change: (by: () => Promise<unknown>, on?: { onSuccess: () => void }) => void
  pending: boolean
}) {
  const pinned = withoutRefused(kept, kept.pinned)
  const fault = trustFault(pinned)
  const isPinned = ({ key_id }: ServerKey) =>
    pinned.server_keys.some((key) => key.key_id === key_id)
  const isNotOffered = ({ key_id }: ServerKey) => !offered.some((key) => key.key_id === key_id)
  const countingOf = (key: ServerKey): ServerKey => {
    const { status, last_seal_seq } =
      pinned.server_keys.find(({ key_id }) => key_id === key.key_id) ??
      lowered(key, kept.keys.find(({ key_id }) => key_id === key.key_id) ?? key)
    return { ...key, status, last_seal_seq }
  }
  const cardOf = (key: ServerKey) => (
    <KeyCard
      key={key.key_id}
      serverKey={countingOf(key)}
      ending={isRefused(kept, key) ? null : endingOf(kept, key.key_id, offered)}
      source={
        isPinned(key)
          ? TRUST_SOURCE.pinned.label
          : isRefused(kept, key)
            ? 'a key you refused: no seal is checked with it'
            : kept.answered[key.key_id] === 'accepted'
              ? TRUST_SOURCE.first_seen.label
              : TRUST_SOURCE.offered.label
      }
      seen={kept.seen[key.key_id] ?? null}
      refusal={isRefused(kept, key) ? { at: kept.refusedAt[key.key_id] ?? null } : null}
      pinned={isPinned(key)}
      pinFault={isPinned(key) ? null : pinFault(kept, key)}
      onPin={(as) => change(() => pin(as))}
      onTakeWord={(as) => change(() => takeWord(as))}
      onUnpin={() => change(() => unpin(key.key_id))}
    />
  )
  return (
    <Page title="Keys you trust">
      <p className="max-w-prose text-ink-2">
        A seal says whose record it is only if you know its key from elsewhere. Get the fingerprint
        from the operator by another way than this page (
        <code className="font-mono">runseal trust export</code> on the server says it in the same
        four lines), compare, and pin.
      </p>
      <ForeignKept />
      {fault !== null && (
        <Notice tone="bad" title="Nothing of what you pinned counts">
          It is refused as a whole: {fault}. Unpin that key, or use another trust file.
        </Notice>
      )}
      <section aria-label="Offered by this server" className="flex flex-col gap-2">
        <h2 className="text-base font-semibold">Offered by this server</h2>
        {asking}
        {!isHad && asking && offered.length > 0 && (
          <p className="max-w-prose text-ink-2">
            What it offers now is not had. These are keys that it offered in this browser before:
          </p>
        )}
        {!isHad && !asking && offered.length === 0 && (
          <div className="card overflow-hidden">
            <SkeletonRows rows={1} height="h-40" />
          </div>
        )}
        {isHad && offered.length === 0 && (
          <p className="max-w-prose text-ink-2">
            It answered that it has no key, so there is none to compare. A server that seals has
            one: ask its operator for the trust file.
          </p>
        )}
        <Cards keys={offered}>{cardOf}</Cards>
      </section>
      {[
        {
          word: 'Pinned',
          title: `Pinned by you, not offered by this server${isHad ? '' : ' before'}`,
          keys: pinned.server_keys.filter(isNotOffered),
        },
        {
          word: 'Former',
          title: 'Offered by this server before, and not now',
          keys: knownKeys(kept).filter((key) => isNotOffered(key) && !isPinned(key)),
        },
        {
          word: 'Refused',
          title: `Refused by you, not offered by this server${isHad ? '' : ' before'}`,
          keys: refusedKeys(kept).filter(isNotOffered),
        },
      ].map(
        ({ word, title, keys }) =>
          keys.length > 0 && (
            <section key={word} aria-label={`${word}, not offered`} className="flex flex-col gap-2">
              <h2 className="text-base font-semibold">{title}</h2>
              <Cards keys={keys}>{cardOf}</Cards>
            </section>
          ),
      )}
      {!isUnread(kept) && (
        <Required
          required={kept.pinned.required}
          pending={pending}
          onChange={(definition) => change(() => requireDefinition(definition))}
          onRemove={(name) => change(() => requireNothingOf(name))}
        />
      )}
      {kept.pinned.approvers.length > 0 && (
        <section aria-label="Approvers you trust" className="card p-4">
          <h2 className="text-base font-semibold">Approvers you trust</h2>
          <Approvers approvers={kept.pinned.approvers} />
        </section>
      )}
      {!isUnread(kept) && (
        <section aria-label="Take it with you" className="card p-4">
          <h2 className="text-base font-semibold">Take it with you</h2>
          <p className="max-w-prose text-ink-2">
            What you pinned and require, as a trust file: for another browser, for a colleague, or
            for <code className="font-mono">runseal verify --trust</code>.
          </p>
          <DownloadJson name="trust.json" value={pinned}>
            Download the trust file
          </DownloadJson>
        </section>
      )}
      <TrustFileDrop
        pinned={pinned}
        isRefused={(key) => isRefused(kept, key)}
        onUse={(file, done) => change(() => adopt(file), { onSuccess: done })}
      />
      {kept.before !== null && (
        <Before
          before={withoutRefused(kept, kept.before)}
          pinned={pinned}
          onTakeBack={() => change(takeBack)}
        />
      )}
    </Page>
  )
}

/** However many a server or a file has, the page stays quick. */
const Cards = ({
  keys,
  children: cardOf,
}: {
  keys: readonly ServerKey[]
  children: (key: ServerKey) => ReactNode
}) => (
  <SoMany all={keys} step={20}>
    {(some) => some.map(cardOf)}
  </SoMany>
)

/** Until it is taken back, or another trust file comes. */
function Before({
  before,
  pinned,
  onTakeBack,
}: {
  before: TrustFile
  pinned: TrustFile
  onTakeBack: () => void
}) {
  return (
    <section aria-label="What you trusted before" className="card flex flex-col gap-2 p-4">
      <h2 className="text-base font-semibold">What you trusted before</h2>
      <p className="max-w-prose text-ink-2">
        Before a trust file took its place you had{' '}
        {counted(before.server_keys.length, 'server key')},{' '}
        {counted(before.approvers.length, 'approver')} and{' '}
        {counted(before.required.length, 'required definition')}. Taken back, it takes the place of
        what is above:
      </p>
      <ul className="flex max-w-prose list-disc flex-col gap-1 pl-5 text-ink-2">
        {trustChange(pinned, before).map((said) => (
          <li key={said}>
            <RunText text={said} max={2000} />
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap items-end gap-2">
        <button type="button" className="button" onClick={onTakeBack}>
          Take it back
        </button>
        <DownloadJson name="trust-before.json" value={before}>
          Download it
        </DownloadJson>
      </div>
    </section>
  )
}

function KeyCard({
  serverKey,
  ending,
  source,
  seen,
  refusal,
  pinned,
  pinFault: fault,
  onPin,
  onTakeWord,
  onUnpin,
}: {
  /** As far as it counts here. */
  serverKey: ServerKey
  ending: Ending | null
  source: string
  seen: string | null
  /** `at`: null where it was refused before that was kept. */
  refusal: { at: string | null } | null
  pinned: boolean
  /** Why it cannot be pinned. */
  pinFault: string | null
  onPin: (as: ServerKey) => void
  onTakeWord: (as: ServerKey) => void
  onUnpin: () => void
}) {
  const [compared, setCompared] = useState(false)
  return (
    <div className={`card flex flex-col gap-3 p-4 ${pinned ? 'border-seal' : ''}`}>
      <div className="flex flex-wrap items-baseline gap-x-3">
        <strong className={`inline-block first-letter:uppercase ${pinned ? 'text-seal' : ''}`}>
          {source}
        </strong>
        {!pinned && seen !== null && (
          <span className="text-ink-2">
            {source === TRUST_SOURCE.first_seen.label ? 'on' : 'seen here since'} <When at={seen} />
          </span>
        )}
        {refusal !== null && refusal.at !== null && (
          <span className="text-ink-2">
            refused on <When at={refusal.at} />
          </span>
        )}
        {serverKey.name !== undefined && (
          <span className="text-ink-2">
            “<RunText text={withinQuotes(serverKey.name)} max={120} />”
          </span>
        )}
        {serverKey.status !== 'active' && (
          <span className="text-bad">{validitySaid(serverKey)}</span>
        )}
      </div>
      <div>
        <span className="text-xs text-ink-3">{FINGERPRINT.server}</span>
        <div>
          <Fingerprint hex={serverKey.key_id} />
        </div>
      </div>
      {ending !== null && (
        <EndingAnswer
          key={JSON.stringify(ending)}
          ending={ending}
          onPin={onPin}
          onTakeWord={onTakeWord}
        />
      )}
      {pinned ? (
        <button type="button" className="button self-start" onClick={onUnpin}>
          Unpin
        </button>
      ) : (
        <div className="flex flex-wrap items-center gap-3">
          <Check checked={compared} onChange={setCompared}>
            I compared it with a fingerprint that I got elsewhere
            {refusal !== null && ', and take back that I refused it'}
          </Check>
          <button
            type="button"
            className="button"
            data-look="main"
            disabled={!compared || fault !== null}
            onClick={() => onPin(serverKey)}
          >
            Pin this key
          </button>
          {fault !== null && (
            <p className="max-w-prose text-bad">
              It cannot be pinned: all that you pinned would be refused as a whole with it, since{' '}
              {fault}.
            </p>
          )}
        </div>
      )}
    </div>
  )
}

/** What the server took back counts at once where it is not pinned; what the reader pinned, and what it gives again, by their word. */
function EndingAnswer({
  ending,
  onPin,
  onTakeWord,
}: {
  ending: Ending
  onPin: (as: ServerKey) => void
  onTakeWord: (as: ServerKey) => void
}) {
  const [told, setTold] = useState(false)
  const { known, counts, raised } = ending
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="max-w-prose">
        <EndingSaid ending={ending} />
      </p>
      {counts !== null && (
        <button type="button" className="button" onClick={() => onPin(known)}>
          Pin it as {known.status}
        </button>
      )}
      {raised !== null && (
        <div className="flex flex-wrap items-center gap-3">
          <Check checked={told} onChange={setTold}>
            The operator told me so, by another way than this page
          </Check>
          <button
            type="button"
            className="button"
            disabled={!told}
            onClick={() => onTakeWord(raised)}
          >
            Let it count as the server says now
          </button>
        </div>
      )}
    </div>
  )
}
