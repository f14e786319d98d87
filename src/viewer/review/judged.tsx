import { fails } from '#evidence/claims.ts'
import { counted } from '#evidence/counted.ts'
import type { Trusted } from '#evidence/trust.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { RunEnded } from '#viewer/parts/state.tsx'
import { When } from '#viewer/parts/time.tsx'
import { keptQuery } from '#viewer/queries.ts'
import { isSealKnown } from '#viewer/seal-known.ts'
import { type Summary, type Verdict, verifiedHead } from '#viewer/verifier.ts'
import { part } from '#viewer/parts/part.ts'
import { PartAwaited } from '#viewer/parts/part-awaited.tsx'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, Suspense, useState } from 'react'
import { Link } from 'wouter'
import { AuditViews } from './audit-views.tsx'
import { Claims } from './claims.tsx'
import { Damage } from './damage.tsx'
import { EndingNote, useEndingOf } from './ended-key.tsx'
import type { Origin } from './origin.ts'
import { InPlainWords } from './in-plain-words.tsx'
import { isByRefused, type ProofSentence, proofSentence } from './proof-sentence.ts'
import { SealOfRefused } from './refused-key.tsx'
import { RequireThis } from './require-this.tsx'
import { VerdictCard } from './verdict-card.tsx'

const TryChange = part(() => import('./try-change.tsx').then((m) => m.TryChange))

/** The verdict itself: what is proven, by whose key, and what is not. */
export function JudgedVerdict({
  origin,
  verdict,
  brought = [],
  keysFault = null,
  compare = TRUST_PAGE,
}: {
  origin: Origin
  verdict: Verdict
  /** Trust files that it is held against beside what this browser keeps. */
  brought?: readonly Trusted[]
  /** Why the server's own list of keys is not had. */
  keysFault?: string | null
  /** Where the fingerprint of a key that is not pinned can be compared. */
  compare?: ReactNode
}) {
  const kept = useQuery(keptQuery)
  const endingOf = useEndingOf(brought)
  const seen = kept.data?.seen[verdict.sealed_by?.key_id ?? ''] ?? null
  const sentence = proofSentence(verdict, seen, origin.from)
  const { tone } = sentence
  const { summary } = verdict
  const ending = verdict.sealed_by && endingOf(verdict.sealed_by.key_id)
  return (
    <VerdictCard sentence={sentence}>
      {ending !== null && <EndingNote ending={ending} />}
      <p className="text-ink-2">
        {CHECKED[tone]} in this browser over {verdict.bytes.toLocaleString('en')} bytes
        {origin.from === 'server' ? (
          <>
            .{' '}
            <a
              href={`/api/envelopes/${encodeURIComponent(origin.evidence_id)}`}
              download={`${origin.evidence_id}.json`}
              className="link"
            >
              {tone === 'refused' ? 'Download the unverified file' : 'Download the file'}
            </a>
          </>
        ) : (
          <>
            {' '}
            of <RunText text={origin.name} max={120} />. Nothing of it was sent anywhere.
          </>
        )}
      </p>
      {keysFault !== null && (
        <p className="max-w-prose text-ink">
          The server’s own list of keys could not be had: <RunText text={keysFault} max={300} />.
          The record was held against the keys that this browser keeps alone.
        </p>
      )}
      {summary && verdict.sealed_by?.source !== 'pinned' && (
        <div className="mt-2 max-w-prose text-ink">
          {isByRefused(verdict.claims) && kept.data ? (
            <SealOfRefused kept={kept.data} key_id={summary.key_id} />
          ) : (
            compare
          )}
        </div>
      )}
    </VerdictCard>
  )
}

/** What stands behind a verdict, and what is in the envelope only if nothing fails [U5]. */
export function JudgedRecord({
  document,
  origin,
  verdict,
  renderStream,
}: {
  document: string
  origin: Origin
  verdict: Verdict
  /** The stream beside the record; given from above, since the operator's part is another's. */
  renderStream?: (summary: Summary, isVerified: boolean) => ReactNode
}) {
  const { summary, claims, remaining } = verdict
  const told = isSealKnown(verdict.sealed_by) ? 'verified' : 'read'
  const failing = claims.filter(fails)
  return (
    <>
      {(verdict.verdict === 'does not verify' || remaining !== null) && <Damage found={verdict} />}
      {summary && (
        <Contents
          document={document}
          origin={origin}
          summary={summary}
          sealed_by={verdict.sealed_by}
        />
      )}
      <InPlainWords />
      <Claims claims={failing.length > 0 ? failing : claims} />
      {summary && <AuditViews document={document} origin={origin} summary={summary} told={told} />}
      {summary && renderStream?.(summary, verifiedHead(verdict) !== null)}
      {summary && <Demonstration document={document} head={summary.head} bytes={verdict.bytes} />}
    </>
  )
}

const TRUST_PAGE = (
  <Link href="/evidence/trust" className="button">
    Compare the fingerprint
  </Link>
)

const CHECKED = {
  proven: 'Verified',
  part: 'Verified',
  read: 'Read',
  refused: 'Checked',
} as const satisfies Record<ProofSentence['tone'], string>

/** Loaded when it is opened. */
function Demonstration(props: { document: string; head: string; bytes: number }) {
  const [open, setOpen] = useState(false)
  return (
    <details className="card p-4" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary className="font-semibold">Change a copy of it, and see what fails</summary>
      {open && (
        <Suspense
          fallback={
            <PartAwaited>
              <p className="pt-3 text-ink-2">Reading it.</p>
            </PartAwaited>
          }
        >
          <TryChange {...props} />
        </Suspense>
      )}
    </details>
  )
}

function Contents({
  document,
  origin,
  summary,
  sealed_by,
}: {
  document: string
  origin: Origin
  summary: Summary
  sealed_by: Verdict['sealed_by']
}) {
  const { closing, definition, source, runner } = summary
  const isHere = origin.from === 'server'
  return (
    <section aria-label="The run" className="card p-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h2 className="text-base font-semibold">
          <RunText text={summary.title} max={160} />
        </h2>
        <RunEnded outcome={closing.outcome} />
        {isHere && (
          <Link href={`/runs/${encodeURIComponent(summary.run_id)}`} className="link text-ink-2">
            open the run
          </Link>
        )}
        <span className="sm:ml-auto">
          <RequireThis document={document} summary={summary} sealed_by={sealed_by} />
        </span>
      </div>
      {closing.reason !== undefined && closing.reason !== '' && (
        <p className="mt-1 text-ink-2">
          Reason: <RunText text={closing.reason} max={400} />
        </p>
      )}
      <dl className="mt-3 grid grid-cols-[7.5rem_minmax(0,1fr)] @max-[16rem]:grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-1 lg:grid-cols-[7.5rem_minmax(0,1fr)_7.5rem_minmax(0,1fr)]">
        <dt className="text-ink-3">Definition</dt>
        <dd>
          <RunText text={definition.name} />, <Fingerprint hex={definition.sha256} short />
        </dd>
        <dt className="text-ink-3">Started by</dt>
        <dd>
          <RunText text={summary.actor} />
        </dd>
        <dt className="text-ink-3">Started</dt>
        <dd>
          <When at={summary.started_at} /> <span className="text-ink-3">server’s clock</span>
        </dd>
        <dt className="text-ink-3">Ended</dt>
        <dd>
          <When at={closing.finished_at} /> <span className="text-ink-3">server’s clock</span>
        </dd>
        <dt className="text-ink-3">Recorded</dt>
        <dd>
          {counted(closing.counts.steps, 'step')} in {counted(closing.counts.attempts, 'attempt')},{' '}
          {counted(closing.counts.gates, 'gate')}, {counted(closing.counts.artifacts, 'artifact')}
        </dd>
        <dt className="text-ink-3">Place in series</dt>
        <dd>
          #{closing.seal_seq}
          {closing.previous &&
            (isHere ? (
              <>
                , after{' '}
                <Link
                  href={`/evidence/${encodeURIComponent(closing.previous.evidence_id)}`}
                  className="link"
                >
                  the one before
                </Link>
              </>
            ) : (
              <>
                , after <RunText text={closing.previous.evidence_id} max={140} />
              </>
            ))}
        </dd>
        <dt className="text-ink-3">Source</dt>
        <dd>
          {source ? (
            <>
              <code className="font-mono">{source.commit.slice(0, 12)}</code>
              {source.dirty && ', with uncommitted changes'}
            </>
          ) : (
            'not under version control'
          )}
        </dd>
        <dt className="text-ink-3">Isolation</dt>
        <dd>
          {runner.isolation === 'none' ? 'none: steps could read the sealing key' : 'another user'}
        </dd>
      </dl>
    </section>
  )
}
