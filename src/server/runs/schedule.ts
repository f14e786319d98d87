import type { Plan, PlanGate, PlanStep } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Run } from '#contract/run.ts'
import { GATE_OUTCOME, type GateOutcome, type StepOutcome } from '#contract/status.ts'
import { hasAttemptLeft } from '#evidence/summarise.ts'
import { createPlaces } from './places.ts'

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

/** What is left of a run. It is kept up fact by fact, since a look at every step for each fact is too much for many. */
export type Agenda = {
  /** One more fact of the run, in their order. */
  note(fact: Fact): void
  /**
   * At most `free` attempts are started. After the first step that failed for good nothing new starts; what runs then
   * may finish.
   */
  next(free: number): Next
}

/** By plan and record alone, so that a restart decides as the server before it did. */
export function agendaOf(plan: Plan, run: Run): Agenda {
  const nodes = new Map<string, Node>()
  const readySteps = createPlaces()
  const readyGates = createPlaces()
  let left = 0
  let running = 0
  let failed = false
  let stop = false

  for (const [place, step] of plan.steps.entries()) add(step, { place, step })
  for (const [place, gate] of plan.gates.entries()) add(gate, { place, step: null })
  for (const { step_id, needs } of [...plan.steps, ...plan.gates])
    for (const need of new Set(needs)) nodes.get(need)?.neededBy.push(step_id)
  for (const { step_id, attempts } of run.steps)
    for (const { finished } of attempts) {
      begin(step_id)
      if (finished !== null) end(step_id, finished.outcome ?? 'failed')
    }
  for (const { step_id, resolved } of run.gates)
    if (step_id !== null) {
      begin(step_id)
      if (resolved !== null) answer(step_id, resolved.outcome)
    }

  function add({ step_id, needs }: PlanStep | PlanGate, what: Pick<Node, 'place' | 'step'>): void {
    const missing = new Set(needs).size
    const node: Node = { ...what, missing, neededBy: [], outcomes: [], state: 'waiting' }
    nodes.set(step_id, node)
    left += 1
    if (missing === 0) setReady(node)
  }

  function setReady(node: Node): void {
    const places = node.step === null ? readyGates : readySteps
    places.add(node.place)
  }

  function begin(step_id: string): void {
    const node = nodes.get(step_id)
    if (node === undefined || node.state === 'begun') return
    const places = node.step === null ? readyGates : readySteps
    places.remove(node.place)
    node.state = 'begun'
    if (node.step !== null) running += 1
  }

  function end(step_id: string, outcome: StepOutcome): void {
    // One that was taken over did not begin here.
    begin(step_id)
    const node = nodes.get(step_id)
    if (node === undefined || node.step === null) return
    running -= 1
    node.outcomes.push(outcome)
    if (outcome === 'succeeded') return succeed(node)
    node.state = 'waiting'
    if (outcome === 'aborted') stop = true
    else if (hasAttemptLeft(node.step, node.outcomes)) setReady(node)
    else failed = true
  }

  function answer(step_id: string, outcome: GateOutcome): void {
    const node = nodes.get(step_id)
    if (!GATE_OUTCOME[outcome].opens) stop = true
    else if (node !== undefined) succeed(node)
  }

  function succeed(node: Node): void {
    left -= 1
    for (const step_id of node.neededBy) {
      const next = nodes.get(step_id)
      if (next === undefined) continue
      next.missing -= 1
      // In a record that was put in order by its ids, one may have begun before what it needs is met.
      if (next.missing === 0 && next.state === 'waiting') setReady(next)
    }
  }

  return {
    note(fact) {
      if (fact.type === 'step_started') begin(fact.step_id)
      else if (fact.type === 'step_finished') end(fact.entry.step_id, fact.entry.outcome)
      else if (fact.type === 'needs_input') begin(fact.step_id)
      else if (fact.type === 'gate_resolved') answer(fact.entry.step_id, fact.entry.outcome)
    },

    next(free) {
      const goesOn = !failed && !stop
      const start = readySteps.first(goesOn ? free : 0).flatMap((place) => {
        const step = plan.steps[place]
        const attempt = 1 + (nodes.get(step?.step_id ?? '')?.outcomes.length ?? 0)
        return step === undefined ? [] : [{ step, attempt }]
      })
      const open = readyGates
        .first(goesOn ? plan.gates.length : 0)
        .flatMap((place) => plan.gates[place] ?? [])
      return { start, open, stop, over: running === 0 && (!goesOn || left === 0) }
    },
  }
}

/** A step or, where it has none, a gate. `begun`: it runs, it is open, or it is done for good. */
type Node = {
  place: number
  step: PlanStep | null
  missing: number
  neededBy: string[]
  outcomes: StepOutcome[]
  state: 'waiting' | 'begun'
}
