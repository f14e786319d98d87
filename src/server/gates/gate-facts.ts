import type { GateEntry, PlanGate, Policy, RecordedDecision, Shown } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Gate, Run } from '#contract/run.ts'
import type { GateOutcome } from '#contract/status.ts'
import { digestOf } from '#evidence/digest.ts'
import { stepStatusOf } from '#live/select.ts'

/** The run asks: what the approver is shown is fixed here, over all that is on record by now. */
export function openGate(
  { run, chain }: { run: Run; chain: { head: string } },
  { step_id, question, policy, show }: PlanGate,
  gate_id: string,
  at: string,
): Extract<Fact, { type: 'needs_input' }> {
  const expires_at =
    policy.expires_ms === null ? null : new Date(Date.parse(at) + policy.expires_ms).toISOString()
  return {
    type: 'needs_input',
    run_id: run.run_id,
    timestamp: at,
    gate_id,
    step_id,
    question,
    policy,
    shown: {
      step_id,
      question,
      policy_sha256: digestOf(policy),
      chain_head_before: chain.head,
      opened_at: at,
      expires_at,
      running: run.steps
        .filter((step) => stepStatusOf(run, step) === 'running')
        .map((step) => step.step_id),
      artifacts: artifactsOf(run, show),
      base: null,
    },
  }
}

// Of an attempt that failed nothing was kept that a later one did not make again.
function artifactsOf(run: Run, show: readonly string[]): Shown['artifacts'] {
  return run.steps.flatMap((step) => {
    const last = step.attempts.at(-1)
    if (!last?.finished || stepStatusOf(run, step) !== 'succeeded') return []
    return last.finished.artifacts.map((artifact) => ({
      step_id: step.step_id,
      attempt: last.attempt,
      ...artifact,
      opened: show.includes(`${step.step_id}/${artifact.path}`),
    }))
  })
}

/** A gate of which all is on record that its opening said. */
export type OpenedGate = Gate & {
  step_id: string
  question: string
  policy: Policy
  shown: Shown
}

export function openedGate(gate: Gate): OpenedGate {
  const { step_id, question, policy, shown } = gate
  if (step_id === null || question === null || policy === null || shown === null)
    throw new RangeError(`gate ${gate.gate_id} was never opened on record`)
  return { ...gate, step_id, question, policy, shown }
}

/** The system resolves: nobody's answer, whatever approvals there were. */
export function closeGate(
  run: Run,
  gate: Gate,
  outcome: 'expired' | 'aborted',
  { at, salt }: { at: string; salt: string },
): Fact {
  const { decisions } = gate
  return resolveGate(run, openedGate(gate), { outcome, actor: 'system', decisions, at, salt })
}

/** The entry of a gate that will not change any more. */
export function resolveGate(
  { run_id }: Run,
  { gate_id, step_id, question, policy, shown }: OpenedGate,
  { outcome, actor, decisions, at, salt }: Resolution,
): Fact {
  const entry: GateEntry = {
    gate_id,
    step_id,
    question,
    policy,
    shown,
    decisions: [...decisions],
    outcome,
    resolved_at: at,
    salt,
  }
  return { type: 'gate_resolved', run_id, timestamp: at, actor, entry }
}

export type Resolution = {
  outcome: GateOutcome
  actor: string
  /** The one that resolves it last. */
  decisions: readonly RecordedDecision[]
  at: string
  salt: string
}

/** Why a run ends whose gate did not open: the reason of its `run_aborted`. */
export function refusalReason({ step_id, outcome, decisions }: GateEntry): string {
  const refusal = decisions.findLast(({ decision }) => decision.decision === 'rejected')?.decision
  if (outcome !== 'rejected' || refusal === undefined) return `gate ${step_id} ${outcome}`
  const said = refusal.comment === '' ? '' : `: ${refusal.comment}`
  return `gate ${step_id} rejected by ${refusal.approver}${said}`
}
