import type { Envelope } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Run } from '#contract/run.ts'
import { newRun, reduceAll } from './reduce.ts'

/**
 * A run as its envelope tells it, by the same reducer as every other timeline. Whether the envelope may be believed is
 * for the caller to know: a screen passes a verified one only.
 */
export function replay(envelope: Envelope): Run {
  return reduceAll(newRun(envelope.run_id), factsOf(envelope))
}

function factsOf({ run_id, evidence_id, opening, execution, gates, closing }: Envelope): Fact[] {
  const at = closing.finished_at
  const reason = closing.reason ?? ''
  const ended: Record<typeof closing.outcome, Fact> = {
    succeeded: { type: 'run_succeeded', run_id, timestamp: at },
    failed: { type: 'run_failed', run_id, timestamp: at, reason },
    aborted: { type: 'run_aborted', run_id, timestamp: at, actor: 'system', reason },
  }
  return [
    { type: 'run_started', run_id, timestamp: opening.started_at, evidence_id, opening },
    ...execution.steps.map((entry): Fact => ({
      type: 'step_finished',
      run_id,
      timestamp: entry.finished_at,
      entry,
    })),
    ...gates.map((entry): Fact => ({
      type: 'gate_resolved',
      run_id,
      timestamp: entry.resolved_at,
      actor: resolver(entry),
      entry,
    })),
    ended[closing.outcome],
    { type: 'run_finalized', run_id, timestamp: at, evidence_id, seal_seq: closing.seal_seq },
  ]
}

// The decision that resolved is the last one recorded; what no person resolved, the system did.
function resolver({ outcome, decisions }: Envelope['gates'][number]): string {
  return (
    decisions.findLast(({ decision }) => decision.decision === outcome)?.decision.approver ??
    'system'
  )
}
