import type { Plan, PlanGate, PlanStep } from '#contract/envelope.ts'
import type { Attempt, Run } from '#contract/run.ts'
import { GATE_OUTCOME } from '#contract/status.ts'
import { hasAttemptLeft } from '#evidence/summarise.ts'

/** What a run does next, by its plan and what is on record. */
export type Next = {
  /** Attempts to start now. */
  start: readonly { step: PlanStep; attempt: number }[]
  /** Gates to open now. */
  open: readonly PlanGate[]
  /** A gate was refused or an attempt aborted: what still runs is ended. */
  stop: boolean
  /** Nothing runs and nothing will: the run ends now. */
  over: boolean
}

/**
 * At most `free` attempts are started. After the first step that failed for good nothing new starts; what runs then
 * may finish. Pure, so that a restart decides as the server before it did.
 */
export function nextOf(plan: Plan, run: Run, free: number): Next {
  const attempts = new Map(run.steps.map((step) => [step.step_id, step.attempts]))
  const gates = new Map(run.gates.map((gate) => [gate.step_id, gate]))
  const done = new Set<string>()
  const open: PlanGate[] = []
  const ready: { step: PlanStep; attempt: number }[] = []
  let running = 0
  let failed = false
  let stop = false

  for (const { step_id } of plan.gates) {
    const resolved = gates.get(step_id)?.resolved
    if (!resolved) continue
    if (GATE_OUTCOME[resolved.outcome].opens) done.add(step_id)
    else stop = true
  }
  for (const { step_id, retries } of plan.steps) {
    const outcomes = (attempts.get(step_id) ?? []).map(outcomeOf)
    const last = outcomes.at(-1)
    if (last === null) running += 1
    else if (last === 'succeeded') done.add(step_id)
    else if (last === 'aborted') stop = true
    else if (
      !hasAttemptLeft(
        { retries },
        outcomes.filter((outcome) => outcome !== null),
      )
    )
      failed = true
  }
  if (!failed && !stop) {
    const isReady = (needs: readonly string[]) => needs.every((need) => done.has(need))
    for (const gate of plan.gates)
      if (!gates.has(gate.step_id) && isReady(gate.needs)) open.push(gate)
    for (const step of plan.steps) {
      if (ready.length >= free) break
      const before = attempts.get(step.step_id) ?? []
      if (done.has(step.step_id) || before.at(-1)?.finished === null) continue
      if (isReady(step.needs)) ready.push({ step, attempt: before.length + 1 })
    }
  }
  const ended = failed || stop || done.size === plan.steps.length + plan.gates.length
  return { start: ready, open, stop, over: running === 0 && ended }
}

/** null while it runs. */
function outcomeOf({ finished }: Attempt) {
  return finished === null ? null : (finished.outcome ?? 'failed')
}
