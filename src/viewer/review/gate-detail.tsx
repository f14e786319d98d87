import type { GateEntry } from '#contract/envelope.ts'
import { GATE_OUTCOME } from '#contract/status.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { LongText } from '#viewer/parts/long-text.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { When } from '#viewer/parts/time.tsx'

/** A gate as it is on record: what was asked, what was shown, and every answer. */
export function GateDetail({ gate }: { gate: GateEntry }) {
  const { policy, shown, decisions } = gate
  return (
    <dl className="grid grid-cols-[6rem_minmax(0,1fr)] @max-[16rem]:grid-cols-[minmax(0,1fr)] gap-x-4 gap-y-1 p-4">
      <dt className="text-ink-3">Question</dt>
      <dd>
        <LongText text={gate.question} max={4000} what="the question" block />
      </dd>
      <dt className="text-ink-3">Outcome</dt>
      <dd className="flex flex-wrap gap-x-3">
        <State of={GATE_OUTCOME[gate.outcome]} />
        <span>
          <When at={gate.resolved_at} /> <span className="text-ink-3">server’s clock</span>
        </span>
      </dd>
      <dt className="text-ink-3">Policy</dt>
      <dd>
        {[...policy.roles, ...policy.users].join(' or ') || 'nobody'}, quorum {policy.quorum},{' '}
        {policy.four_eyes ? 'four eyes' : 'not four eyes'},{' '}
        {policy.sign === 'passkey' ? 'signed by a passkey' : 'by session'}
      </dd>
      <dt className="text-ink-3">Shown</dt>
      <dd>
        what had happened up to the link <Fingerprint hex={shown.chain_head_before} short />
        {shown.artifacts.map(({ step_id, path, sha256 }) => (
          <span key={`${step_id} ${path}`} className="block">
            <RunText text={path} max={200} />{' '}
            <span className="text-ink-2">
              from <RunText text={step_id} max={80} />, <Fingerprint hex={sha256} short />
            </span>
          </span>
        ))}
      </dd>
      <dt className="text-ink-3">Answers</dt>
      <dd>
        {decisions.length === 0 && 'No decision is on record.'}
        {decisions.map(({ decision, assertion }) => (
          <div key={decision.nonce} className="mb-2">
            <p>
              {decision.decision} by <RunText text={decision.approver} max={140} />,{' '}
              <When at={decision.decided_at} />,{' '}
              {assertion === null
                ? 'by session: not signed'
                : 'with what is to be a passkey’s signature: see its claim'}
            </p>
            {decision.comment !== '' && (
              <div className="text-ink-2">
                <LongText text={decision.comment} max={4000} what="the comment" block />
              </div>
            )}
            {Object.entries(decision.inputs).map(([name, value]) => (
              <div key={name} className="text-ink-2">
                {name} = <LongText text={value} max={400} what={name} />
              </div>
            ))}
          </div>
        ))}
      </dd>
    </dl>
  )
}
