import type { GateResource } from '#contract/api.ts'
import { GATE_OUTCOME } from '#contract/status.ts'
import { ApiError } from '#viewer/api.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { useNow } from '#viewer/parts/clock.tsx'
import { ErrorWords, Failure } from '#viewer/parts/failure.tsx'
import { LongText } from '#viewer/parts/long-text.tsx'
import { NoSuch } from '#viewer/parts/no-such.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { useStandingError } from '#viewer/parts/standing-error.ts'
import { State } from '#viewer/parts/state.tsx'
import { duration } from '#contract/duration.ts'
import { When } from '#viewer/parts/time.tsx'
import { type Answer, AsRecorded } from '#viewer/parts/told.tsx'
import { decideGate, gateQuery } from '#viewer/queries.ts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { ShownArtifacts } from './shown-artifacts.tsx'

/**
 * A question to a person: what is asked and shown, who may answer, and the answer. `run_id`: on the page of this run,
 * where the stream may have said so. A gate that is not there, or another run's, is then no question of its.
 */
export function GateAnswer({
  gate_id,
  run_id = null,
}: {
  gate_id: string
  run_id?: string | null
}) {
  const gate = useQuery(gateQuery(gate_id))
  const failed = useStandingError(gate)
  const isOthers = gate.data !== undefined && gate.data.run.run_id !== run_id
  if (run_id !== null && (isNotFound(failed) || isOthers)) return null
  return (
    <Answered
      of={gate}
      waiting={<output className="card block h-48" aria-label="Loading the gate" />}
      renderFailure={(failed) =>
        isNotFound(failed) ? (
          <NoSuch what="gate" href="/gates" all="gates">
            This server has no gate <RunText text={gate_id} max={140} />.
          </NoSuch>
        ) : (
          <Failure error={failed} again={gate.refetch} />
        )
      }
    >
      {(data) => <Question gate={data} asked={gate} />}
    </Answered>
  )
}

const isNotFound = (error: Error | null): boolean =>
  error instanceof ApiError && error.code === 'not_found'

function Question({ gate, asked }: { gate: GateResource; asked: Answer }) {
  const isOpen = gate.state === 'open'
  const question = gate.question ?? gate.reason ?? gate.gate_id
  return (
    <section aria-label="Gate" className={`card overflow-hidden ${isOpen ? 'border-waiting' : ''}`}>
      <div
        className={`flex flex-col gap-1 px-4 py-3 ${isOpen ? 'bg-waiting-wash' : 'border-b border-line'}`}
      >
        <div className="flex flex-wrap items-center gap-x-4 gap-y-1">
          <GateState gate={gate} />
          <span className="text-ink-2">
            asked <When at={gate.opened_at} ago />
          </span>
          {isOpen && gate.expires_at !== null && <Expiry at={gate.expires_at} />}
          <AsRecorded of={asked} />
        </div>
        <h2 className="text-lg font-semibold">
          <RunText text={question} max={MOST_OF_A_HEADING} block />
        </h2>
        {question.length > MOST_OF_A_HEADING && (
          <div>
            <LongText text={question} max={0} what="the question" />
          </div>
        )}
      </div>
      <div
        className={`grid gap-x-8 gap-y-4 p-4 ${isOpen ? 'lg:grid-cols-[minmax(0,1fr)_24rem]' : ''}`}
      >
        <div className="flex min-w-0 flex-col gap-4">
          <Asked gate={gate} />
          <ShownArtifacts shown={gate.shown} />
          <Decisions gate={gate} />
        </div>
        {isOpen && <Form key={gate.gate_id} gate={gate} />}
      </div>
    </section>
  )
}

const MOST_OF_A_HEADING = 2000

export function GateState({ gate }: { gate: GateResource }) {
  return (
    <State
      of={
        gate.resolved
          ? GATE_OUTCOME[gate.resolved.outcome]
          : { label: 'Waits for a decision', tone: 'waiting' }
      }
    />
  )
}

/** By the server's clock, since it is the one that closes the gate. */
export function Expiry({ at }: { at: string }) {
  const left = Date.parse(at) - useNow()
  return left > 0 ? (
    <span className={left < 60_000 ? 'font-semibold text-bad' : 'text-ink-2'}>
      expires in {duration(left)}, unanswered means no
    </span>
  ) : (
    <span className="font-semibold text-bad">expired: an answer is refused now</span>
  )
}

function Asked({ gate: { policy, shown, run } }: { gate: GateResource }) {
  if (policy === null) return null
  const who = [...policy.users, ...policy.roles.map((role) => `anyone with the role ${role}`)]
  return (
    <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-x-4 gap-y-1">
      <dt className="text-ink-3">Run</dt>
      <dd>
        <Link href={`/runs/${encodeURIComponent(run.run_id)}`} className="link">
          <RunText text={run.title ?? run.definition ?? run.run_id} max={120} />
        </Link>
        {run.actor !== null && (
          <span className="text-ink-2">
            , started by <RunText text={run.actor} max={80} />
          </span>
        )}
      </dd>
      <dt className="text-ink-3">Who may decide</dt>
      <dd>
        <RunText text={who.join(', ')} />
        {policy.quorum > 1 && `; ${policy.quorum} different people must approve`}
        {policy.four_eyes && '; not whoever started the run'}
      </dd>
      {shown !== null && shown.running.length > 0 && (
        <>
          <dt className="text-ink-3">Still running</dt>
          <dd>
            <RunText text={shown.running.join(', ')} />
          </dd>
        </>
      )}
    </dl>
  )
}

function Decisions({ gate }: { gate: GateResource }) {
  if (gate.decisions.length === 0 && gate.resolved === null) return null
  return (
    <ul className="flex flex-col gap-2">
      {gate.decisions.map(({ decision }) => (
        <li key={decision.nonce} className="rounded-md border border-line px-3 py-2">
          <span className="flex flex-wrap items-center gap-x-3">
            <State of={GATE_OUTCOME[decision.decision]} />
            <span className="text-ink-2">
              by <RunText text={decision.approver} max={80} />, <When at={decision.decided_at} />
            </span>
          </span>
          {decision.comment !== '' && (
            <div className="mt-1">
              <LongText text={decision.comment} max={4000} what="the comment" block />
            </div>
          )}
          {Object.entries(decision.inputs).map(([name, value]) => (
            <div key={name} className="text-ink-2">
              {name}: <LongText text={value} max={400} what={name} />
            </div>
          ))}
        </li>
      ))}
      {gate.resolved !== null && !GATE_OUTCOME[gate.resolved.outcome].byPerson && (
        <li className="text-ink-2">
          {gate.resolved.outcome === 'expired'
            ? 'Nobody decided in time, so the system closed the gate.'
            : 'The run was aborted, so the system closed the gate.'}{' '}
          <When at={gate.resolved.at} />
        </li>
      )}
    </ul>
  )
}

function Form({ gate }: { gate: GateResource }) {
  const client = useQueryClient()
  const decide = useMutation(decideGate(client, gate.gate_id))
  const [comment, setComment] = useState('')
  const [inputs, setInputs] = useState<Readonly<Record<string, string>>>({})
  const left = useNow()
  const expired = gate.expires_at !== null && left >= Date.parse(gate.expires_at)
  const missing = gate.policy?.inputs.find(({ name, required }) => required && !inputs[name])
  const mayNot = gate.may_decide.yes ? null : (gate.may_decide.why_not ?? 'You may not decide this')
  const whyNot = expired ? 'The gate has expired' : mayNot
  const answer = (decision: 'approved' | 'rejected') => decide.mutate({ decision, comment, inputs })
  if (gate.policy?.sign === 'passkey')
    return <p className="text-ink-2">This gate asks for a decision signed with a passkey.</p>
  return (
    <div className="flex flex-col gap-3 max-lg:border-t max-lg:border-line max-lg:pt-4">
      {gate.policy?.inputs.map(({ name, label, required }) => (
        <label key={name} className="flex flex-col gap-1">
          <span className="font-medium">
            <RunText text={label} max={200} />
            {required && <span className="font-normal text-ink-3"> · required to approve</span>}
          </span>
          <input
            className="field"
            value={inputs[name] ?? ''}
            onChange={(event) => setInputs({ ...inputs, [name]: event.target.value })}
          />
        </label>
      ))}
      <label className="flex flex-col gap-1">
        <span className="font-medium">
          Comment <span className="font-normal text-ink-3">· optional, goes on record</span>
        </span>
        <textarea
          className="field"
          rows={3}
          maxLength={10_000}
          value={comment}
          onChange={(event) => setComment(event.target.value)}
        />
      </label>
      {decide.isError && <ErrorWords error={decide.error} />}
      <div className="flex flex-wrap items-center gap-2">
        <ChangeButton
          look="main"
          pending={decide.isPending}
          whyNot={whyNot ?? (missing ? `“${missing.label}” is needed to approve` : null)}
          onPress={() => answer('approved')}
        >
          Approve
        </ChangeButton>
        <ChangeButton
          look="danger"
          pending={decide.isPending}
          whyNot={whyNot}
          onPress={() => answer('rejected')}
        >
          Reject
        </ChangeButton>
        <span className="w-full text-ink-2">
          {whyNot ??
            (decide.data && decide.data.resolved === null
              ? 'Your decision is on record. More people must approve.'
              : 'Approving lets the run go on. Rejecting ends it as aborted.')}
        </span>
      </div>
    </div>
  )
}
