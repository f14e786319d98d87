import { OUTCOME, RUN_STATUS } from '#contract/status.ts'
import { counted } from '#viewer/parts/counted.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Glyph } from '#viewer/parts/glyph.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { When } from '#viewer/parts/time.tsx'
import { trustQuery } from '#viewer/queries.ts'
import type { Summary, Verdict } from '#viewer/verifier.ts'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'
import { AuditViews } from './audit-views.tsx'
import { Claims } from './claims.tsx'
import { proofSentence } from './proof-sentence.ts'

/** A verdict, and what is in the envelope only if nothing fails [U5]. */
export function Judged({ evidence_id, verdict }: { evidence_id: string; verdict: Verdict }) {
  const trust = useQuery(trustQuery)
  const seen = trust.data?.kept.seen[verdict.sealed_by?.key_id ?? ''] ?? null
  const { tone, title, text } = proofSentence(verdict, seen)
  const { summary } = verdict
  return (
    <>
      <section aria-label="Verdict" className={`card flex gap-4 p-4 ${VERDICT_LOOK[tone]}`}>
        <span className="mt-0.5 shrink-0 [&>svg]:size-8">
          <Glyph
            family="evidence"
            tone={tone === 'proven' ? 'good' : tone === 'part' ? 'neutral' : 'bad'}
          />
        </span>
        <div className="flex min-w-0 flex-col gap-1">
          <h2 className="text-lg font-semibold">{title}</h2>
          <p className="max-w-prose text-ink">{text}</p>
          <p className="text-ink-2">
            {tone === 'refused' ? 'Checked' : 'Verified'} in this browser over{' '}
            {verdict.bytes.toLocaleString('en')} bytes.{' '}
            <a
              href={`/api/envelopes/${encodeURIComponent(evidence_id)}`}
              download={`${evidence_id}.json`}
              className="link"
            >
              {tone === 'refused' ? 'Download the unverified file' : 'Download the file'}
            </a>
          </p>
          {tone === 'part' && verdict.sealed_by?.source !== 'pinned' && (
            <Link href="/evidence/trust" className="button mt-2 self-start text-ink">
              Compare the fingerprint
            </Link>
          )}
        </div>
      </section>
      {summary && <Contents summary={summary} />}
      <Claims
        claims={
          tone === 'refused'
            ? verdict.claims.filter(({ state }) => state === 'does not verify')
            : verdict.claims
        }
      />
      {summary && <AuditViews summary={summary} />}
    </>
  )
}

const VERDICT_LOOK = {
  proven: 'border-seal bg-seal-wash text-seal',
  part: 'border-line-strong text-seal',
  refused: 'border-bad bg-bad-wash text-bad',
} as const

function Contents({ summary }: { summary: Summary }) {
  const { closing, definition, source, runner } = summary
  return (
    <section aria-label="The run" className="card p-4">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
        <h2 className="text-base font-semibold">
          <RunText text={summary.title} max={160} />
        </h2>
        <State
          of={{
            ...RUN_STATUS[closing.outcome],
            label: `Run ${OUTCOME[closing.outcome].label.toLowerCase()}`,
          }}
        />
        <Link href={`/runs/${encodeURIComponent(summary.run_id)}`} className="link text-ink-2">
          open the run
        </Link>
      </div>
      {closing.reason !== undefined && closing.reason !== '' && (
        <p className="mt-1 text-ink-2">
          Reason: <RunText text={closing.reason} max={400} />
        </p>
      )}
      <dl className="mt-3 grid grid-cols-[7.5rem_minmax(0,1fr)] gap-x-4 gap-y-1 lg:grid-cols-[7.5rem_minmax(0,1fr)_7.5rem_minmax(0,1fr)]">
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
          {closing.previous && (
            <>
              , after{' '}
              <Link
                href={`/evidence/${encodeURIComponent(closing.previous.evidence_id)}`}
                className="link"
              >
                the one before
              </Link>
            </>
          )}
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
