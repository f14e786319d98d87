import type { Fact } from '#contract/fact.ts'
import type { RunFrame } from '#contract/frame.ts'
import type { Attempt, Gate, Run, Step } from '#contract/run.ts'
import { type Choose, firstSaid, fuller, joinSorted, larger } from './join.ts'

/** What can be said of a run: a fact on record, or a frame that hints at one. */
export type Signal = RunFrame | Fact

/**
 * What a timeline knows of a run after one more signal. The stored row of a run is this over its recorded facts; the
 * screen is this over the stream's frames; an audit is this over a verified envelope's facts (`replay.ts`).
 *
 * Knowledge only grows, and growing is a join: any order of the same signals, with any repeats, gives the same run
 * [L1]. So a late or repeated `step_started` cannot rewind a finished step, and ended stays ended [L2]. Returns `run`
 * itself when the signal said nothing new [L3], also when it is about another run.
 */
export function reduce(run: Run, signal: Signal): Run {
  return signal.run_id === run.run_id ? join(run, says(signal)) : run
}

const FEW = 32

/** The same for many signals. In halves, which is the same [L1]: one by one, ten thousand steps would be copied as often. */
export function reduceAll(run: Run, signals: readonly Signal[]): Run {
  return signals.length <= FEW
    ? signals.reduce<Run>(reduce, run)
    : join(run, fold(run.run_id, signals))
}

function fold(run_id: string, signals: readonly Signal[]): Run {
  if (signals.length <= FEW) return signals.reduce<Run>(reduce, newRun(run_id))
  const middle = signals.length >> 1
  return join(fold(run_id, signals.slice(0, middle)), fold(run_id, signals.slice(middle)))
}

/** A run of which nothing is known but its id. */
export function newRun(run_id: string): Run {
  return {
    run_id,
    started: null,
    inputs: null,
    plan: null,
    rerun_of: null,
    steps: [],
    gates: [],
    ended: null,
    sealed: null,
    seal_failed: null,
  }
}

/** All that either of two timelines knows. Commutative, associative, idempotent; `a` itself if it knew all. */
export function join(a: Run, b: Run): Run {
  return combine(a, b, fuller)
}

/** All that the stronger timeline says, and what the weaker says beside it: what a screen draws as the present. */
export function over(stronger: Run, weaker: Run): Run {
  return combine(stronger, weaker, firstSaid, stepOver)
}

// A screen asks this at every picture, and of ten thousand steps a few have changed.
const steps = new WeakMap<Step, { weaker: Step; step: Step }>()
function stepOver(stronger: Step, weaker: Step): Step {
  const known = steps.get(stronger)
  if (known?.weaker === weaker) return known.step
  const step = combineSteps(stronger, weaker, firstSaid)
  steps.set(stronger, { weaker, step })
  return step
}

function combine(
  a: Run,
  b: Run,
  choose: Choose,
  ofSteps: (a: Step, b: Step) => Step = (x, y) => combineSteps(x, y, choose),
): Run {
  return keep(a, {
    run_id: a.run_id,
    started: choose(a.started, b.started),
    inputs: choose(a.inputs, b.inputs),
    plan: choose(a.plan, b.plan),
    rerun_of: choose(a.rerun_of, b.rerun_of),
    steps: joinSorted(a.steps, b.steps, (step) => step.step_id, ofSteps),
    gates: joinSorted(
      a.gates,
      b.gates,
      (gate) => gate.gate_id,
      (x, y) => combineGates(x, y, choose),
    ),
    ended: choose(a.ended, b.ended),
    sealed: choose(a.sealed, b.sealed),
    seal_failed: choose(a.seal_failed, b.seal_failed),
  })
}

function combineSteps(a: Step, b: Step, choose: Choose): Step {
  return keep(a, {
    step_id: a.step_id,
    kind: choose(a.kind, b.kind),
    attempts: joinSorted(
      a.attempts,
      b.attempts,
      (attempt) => attempt.attempt,
      (x, y) => combineAttempts(x, y, choose),
    ),
  })
}

function combineAttempts(a: Attempt, b: Attempt, choose: Choose): Attempt {
  return keep(a, {
    attempt: a.attempt,
    started_at: choose(a.started_at, b.started_at),
    output_bytes: larger(a.output_bytes, b.output_bytes),
    finished: choose(a.finished, b.finished),
  })
}

function combineGates(a: Gate, b: Gate, choose: Choose): Gate {
  return keep(a, {
    gate_id: a.gate_id,
    step_id: choose(a.step_id, b.step_id),
    reason: choose(a.reason, b.reason),
    opened_at: choose(a.opened_at, b.opened_at),
    question: choose(a.question, b.question),
    policy: choose(a.policy, b.policy),
    shown: choose(a.shown, b.shown),
    decisions: joinSorted(a.decisions, b.decisions, (said) => said.decision.approver, choose),
    resolved: choose(a.resolved, b.resolved),
  })
}

// Unchanged content keeps its identity: every member was joined to the very one that `a` has.
function keep<T extends object>(a: T, joined: T): T {
  for (const key in joined) if (joined[key] !== a[key]) return joined
  return a
}

/** The little that one signal says, as a run. Without an attempt number it is about the first: the seeds know no other. */
function says(signal: Signal): Run {
  const run = newRun(signal.run_id)
  switch (signal.type) {
    case 'run_started':
      return 'opening' in signal
        ? {
            ...run,
            started: {
              at: signal.opening.started_at,
              actor: signal.opening.actor,
              kind: signal.opening.kind,
              definition: signal.opening.definition.name,
              title: signal.opening.title,
            },
            inputs: signal.opening.inputs,
            plan: signal.opening.plan,
            rerun_of: signal.opening.rerun_of?.run_id ?? null,
          }
        : {
            ...run,
            started: {
              at: signal.timestamp ?? null,
              actor: signal.actor ?? null,
              kind: signal.kind ?? null,
              definition: signal.definition ?? null,
              title: signal.title ?? null,
            },
          }
    case 'step_started':
      return ofAttempt(run, signal.step_id, signal.kind, {
        attempt: signal.attempt ?? 1,
        started_at: signal.timestamp ?? null,
        output_bytes: 0,
        finished: null,
      })
    case 'step_output':
      return ofAttempt(run, signal.step_id, null, {
        attempt: signal.attempt ?? 1,
        started_at: null,
        output_bytes: signal.bytes,
        finished: null,
      })
    case 'step_finished':
      return 'entry' in signal
        ? ofAttempt(run, signal.entry.step_id, signal.entry.kind, {
            attempt: signal.entry.attempt,
            started_at: signal.entry.started_at,
            output_bytes: signal.entry.log.bytes,
            finished: {
              outcome: signal.entry.outcome,
              exit_code: signal.entry.exit_code,
              signal: signal.entry.signal,
              reason: signal.entry.reason,
              finished_at: signal.entry.finished_at,
              duration_ms: signal.entry.duration_ms,
              artifacts: signal.entry.artifacts,
              log_truncated: signal.entry.log.truncated,
            },
          })
        : ofAttempt(run, signal.step_id, signal.kind, {
            attempt: signal.attempt ?? 1,
            started_at: null,
            output_bytes: 0,
            finished: {
              outcome: signal.outcome ?? null,
              exit_code: signal.exit_code,
              signal: signal.signal ?? null,
              reason: null,
              finished_at: signal.timestamp ?? null,
              duration_ms: null,
              artifacts: [],
              log_truncated: false,
            },
          })
    case 'needs_input':
      return ofGate(run, signal.gate_id, {
        step_id: signal.step_id ?? null,
        reason: 'question' in signal ? signal.question : signal.reason,
        opened_at: signal.timestamp ?? null,
        ...('question' in signal
          ? { question: signal.question, policy: signal.policy, shown: signal.shown }
          : {}),
      })
    case 'gate_decided':
      return ofGate(run, signal.gate_id, { decisions: [signal.decision] })
    case 'gate_resolved':
      return 'entry' in signal
        ? ofGate(run, signal.entry.gate_id, {
            step_id: signal.entry.step_id,
            reason: signal.entry.question,
            opened_at: signal.entry.shown.opened_at,
            question: signal.entry.question,
            policy: signal.entry.policy,
            shown: signal.entry.shown,
            decisions: signal.entry.decisions.toSorted((a, b) =>
              a.decision.approver < b.decision.approver ? -1 : 1,
            ),
            resolved: {
              outcome: signal.entry.outcome,
              by: signal.actor,
              at: signal.entry.resolved_at,
            },
          })
        : ofGate(run, signal.gate_id, {
            step_id: signal.step_id ?? null,
            resolved: {
              outcome: signal.outcome,
              by: signal.actor ?? null,
              at: signal.timestamp ?? null,
            },
          })
    // A wish: what came of it is said by the ends of steps and run.
    case 'abort_asked':
      return run
    case 'run_succeeded':
      return { ...run, ended: { outcome: 'succeeded', reason: null, at: signal.timestamp } }
    case 'run_failed':
      return {
        ...run,
        ended: { outcome: 'failed', reason: signal.reason, at: signal.timestamp ?? null },
      }
    case 'run_aborted':
      return {
        ...run,
        ended: { outcome: 'aborted', reason: signal.reason, at: signal.timestamp ?? null },
      }
    case 'run_finalized':
      return {
        ...run,
        sealed: { evidence_id: signal.evidence_id },
        // Finalized never implies success; an outcome is known only where it is said.
        ended:
          'outcome' in signal && signal.outcome
            ? { outcome: signal.outcome, reason: null, at: null }
            : null,
      }
    case 'seal_failed':
      return { ...run, seal_failed: { at: signal.timestamp ?? null, reason: signal.reason } }
  }
}

function ofAttempt(run: Run, step_id: string, kind: string | null, attempt: Attempt): Run {
  return { ...run, steps: [{ step_id, kind, attempts: [attempt] }] }
}

function ofGate(run: Run, gate_id: string, known: Partial<Gate>): Run {
  const nothing: Gate = {
    gate_id,
    step_id: null,
    reason: null,
    opened_at: null,
    question: null,
    policy: null,
    shown: null,
    decisions: [],
    resolved: null,
  }
  return { ...run, gates: [{ ...nothing, ...known }] }
}
