import type { Attempt, Gate, Run, Step } from '#contract/run.ts'
import { isBehind, type Board, type TwoTimelines } from '#live/board.ts'

/**
 * The run as the screen draws its present state [U2]: what is verified stands over what is recorded, and that over
 * what was hinted. A hint adds to a record only while it is newer than it.
 */
export function presentOf(board: Board, run: TwoTimelines, verified: Run | null): Run {
  const { hint, record } = run
  const known = record === null ? hint : isBehind(board, run) ? over(record, hint) : record
  return verified === null ? known : over(verified, known)
}

/** All that `strong` says, and what `weak` says beside it. */
export function over(strong: Run, weak: Run): Run {
  return {
    run_id: strong.run_id,
    started: strong.started ?? weak.started,
    inputs: strong.inputs ?? weak.inputs,
    plan: strong.plan ?? weak.plan,
    rerun_of: strong.rerun_of ?? weak.rerun_of,
    steps: merge(strong.steps, weak.steps, (step) => step.step_id, overStep),
    gates: merge(strong.gates, weak.gates, (gate) => gate.gate_id, overGate),
    ended: strong.ended ?? weak.ended,
    sealed: strong.sealed ?? weak.sealed,
    seal_failed: strong.seal_failed ?? weak.seal_failed,
  }
}

const overStep = (strong: Step, weak: Step): Step => ({
  step_id: strong.step_id,
  kind: strong.kind ?? weak.kind,
  attempts: merge(strong.attempts, weak.attempts, (attempt) => attempt.attempt, overAttempt),
})

const overAttempt = (strong: Attempt, weak: Attempt): Attempt => ({
  attempt: strong.attempt,
  started_at: strong.started_at ?? weak.started_at,
  output_bytes: Math.max(strong.output_bytes, weak.output_bytes),
  finished: strong.finished ?? weak.finished,
})

const overGate = (strong: Gate, weak: Gate): Gate => ({
  gate_id: strong.gate_id,
  step_id: strong.step_id ?? weak.step_id,
  reason: strong.reason ?? weak.reason,
  opened_at: strong.opened_at ?? weak.opened_at,
  question: strong.question ?? weak.question,
  policy: strong.policy ?? weak.policy,
  shown: strong.shown ?? weak.shown,
  decisions: strong.decisions.length > 0 ? strong.decisions : weak.decisions,
  resolved: strong.resolved ?? weak.resolved,
})

function merge<T>(
  strong: readonly T[],
  weak: readonly T[],
  keyOf: (element: T) => string | number,
  both: (strong: T, weak: T) => T,
): T[] {
  const weaker = new Map(weak.map((element) => [keyOf(element), element]))
  const merged = strong.map((element) => {
    const other = weaker.get(keyOf(element))
    weaker.delete(keyOf(element))
    return other === undefined ? element : both(element, other)
  })
  return [...merged, ...weaker.values()]
}
