import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Plan, PlanGate, PlanStep } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { StepOutcome } from '#contract/status.ts'
import { hasAttemptLeft } from '#evidence/summarise.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { openedGate, openGate, resolveGate } from '#server/gates/gate-facts.ts'
import { createPlaces } from '#server/runs/places.ts'
import { agendaOf } from '#server/runs/schedule.ts'
import { AT, stepFinished, stepStarted } from '#test/recorded.ts'

const POLICY = {
  roles: ['approver' as const],
  users: [],
  quorum: 1,
  four_eyes: false,
  expires_ms: null,
  sign: 'session' as const,
  inputs: [],
}

function step(step_id: string, needs: string[], retries: number): PlanStep {
  const nothing = { cwd: '.', env: {}, timeout_ms: null, artifacts: [] }
  return { step_id, kind: 'command', needs, argv: ['x'], retries, ...nothing }
}

function gate(step_id: string, needs: string[]): PlanGate {
  return { step_id, needs, question: '?', policy: POLICY, show: [] }
}

/** A node needs only nodes before it, so every such plan can be run. */
const plans: fc.Arbitrary<Plan> = fc
  .array(
    fc.record({
      isGate: fc.boolean(),
      retries: fc.nat(2),
      needs: fc.array(fc.nat(), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((nodes) => {
    const plan: Plan = { steps: [], gates: [] }
    for (const [index, { isGate, retries, needs }] of nodes.entries()) {
      const known = index === 0 ? [] : [...new Set(needs.map((need) => `n${need % index}`))]
      if (isGate) plan.gates.push(gate(`n${index}`, known))
      else plan.steps.push(step(`n${index}`, known, retries))
    }
    return plan
  })

const OUTCOMES = ['succeeded', 'succeeded', 'failed', 'timed_out', 'interrupted'] as const

/** Runs the plan by what its agenda says, with whatever fate deals out, and holds every rule at every turn. */
function play(plan: Plan, free: number, fate: (below: number) => number): void {
  const attempts = new Map<string, (StepOutcome | null)[]>()
  const gates = new Map<string, 'open' | 'approved' | 'rejected'>()
  const needs = new Map(
    [...plan.steps, ...plan.gates].map(({ step_id, needs }) => [step_id, needs]),
  )
  const isDone = (id: string) =>
    attempts.get(id)?.at(-1) === 'succeeded' || gates.get(id) === 'approved'
  const running = () => [...attempts].filter(([, outcomes]) => outcomes.at(-1) === null)
  const open = () => [...gates].filter(([, state]) => state === 'open')

  let run = newRun('run_1')
  const kept = agendaOf(plan, run)
  const record = (fact: Fact) => {
    run = reduce(run, fact)
    kept.note(fact)
  }

  for (let turn = 0; turn < 500; turn++) {
    const next = kept.next(free - running().length)
    // A restart decides as the server before it would have.
    expect(agendaOf(plan, run).next(free - running().length)).toEqual(next)
    if (next.over) {
      expect(running()).toEqual([])
      expect(next.start).toEqual([])
      expect(next.open).toEqual([])
      const isEnded = plan.steps.some(({ step_id, retries }) => {
        const outcomes = (attempts.get(step_id) ?? []).flatMap((outcome) => outcome ?? [])
        return !isDone(step_id) && !hasAttemptLeft({ retries }, outcomes)
      })
      const isRefused = [...gates.values()].includes('rejected')
      expect(isEnded || isRefused || [...needs.keys()].every(isDone)).toBe(true)
      return
    }
    expect(next.start.length).toBeLessThanOrEqual(Math.max(0, free - running().length))
    for (const { step, attempt } of next.start) {
      expect(step.needs.every(isDone)).toBe(true)
      const before = attempts.get(step.step_id) ?? []
      expect(before.at(-1)).not.toBeNull()
      expect(before.at(-1)).not.toBe('succeeded')
      expect(attempt).toBe(before.length + 1)
      attempts.set(step.step_id, [...before, null])
      record(stepStarted('run_1', attempt, step.step_id))
    }
    for (const gate of next.open) {
      const { step_id, needs } = gate
      expect(needs.every(isDone)).toBe(true)
      expect(gates.has(step_id)).toBe(false)
      gates.set(step_id, 'open')
      record(openGate({ run, chain: { head: '' } }, gate, `gate_${step_id}`, AT))
    }
    const events = [...running(), ...open()]
    // Nothing runs, nobody is asked, nothing begins and it is not over: it would stand still for ever.
    expect(events).not.toHaveLength(0)
    const [id] = events[fate(events.length)] ?? ['']
    const outcomes = attempts.get(id)
    if (outcomes) {
      const outcome = OUTCOMES[fate(OUTCOMES.length)] ?? 'failed'
      outcomes[outcomes.length - 1] = outcome
      record(stepFinished('run_1', { step_id: id, attempt: outcomes.length, outcome }))
    } else {
      const outcome = fate(4) === 0 ? 'rejected' : 'approved'
      gates.set(id, outcome)
      const gate = run.gates.find((one) => one.step_id === id)
      const how = { outcome, actor: 'user:ann', decisions: [], at: AT, salt: '' } as const
      if (gate !== undefined) record(resolveGate(run, openedGate(gate), how))
    }
  }
  throw new Error('the run never ended')
}

it('[R1] [R2] [R3] starts nothing before its needs, and every run comes to an end', () => {
  fc.assert(
    fc.property(
      plans,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat()),
      (plan, free, dealt) => {
        play(plan, free, (below) => {
          const [card = 0] = dealt.take(1)
          return card % below
        })
      },
    ),
    { numRuns: 1000 },
  )
})

it('[R3] gives an interrupted step another attempt without using up its retries, three times', () => {
  const planned = { retries: 1 }
  expect(hasAttemptLeft(planned, ['interrupted', 'interrupted', 'interrupted'])).toBe(true)
  expect(hasAttemptLeft(planned, ['interrupted', 'failed', 'interrupted'])).toBe(true)
  expect(hasAttemptLeft(planned, ['failed', 'interrupted', 'failed'])).toBe(false)
  expect(
    hasAttemptLeft(
      planned,
      Array.from({ length: 4 }, () => 'interrupted' as const),
    ),
  ).toBe(false)
})

it('[R1] finds the first places of many, as a sorted list would', () => {
  const changes = fc.array(fc.record({ place: fc.nat(40), isAdded: fc.boolean(), ask: fc.nat(5) }))
  fc.assert(
    fc.property(changes, (all) => {
      const places = createPlaces()
      const known = new Set<number>()
      for (const { place, isAdded, ask } of all) {
        if (isAdded && !known.has(place)) places.add(place)
        else if (!isAdded) places.remove(place)
        if (isAdded) known.add(place)
        else known.delete(place)
        expect(places.first(ask)).toEqual([...known].toSorted((a, b) => a - b).slice(0, ask))
      }
    }),
  )
})

it('[R1] decides a hundred thousand steps one by one, without looking at all of them each time', () => {
  const steps = Array.from({ length: 100_000 }, (_, at) =>
    step(`s${at}`, at < 2 ? [] : [`s${at - 2}`], 0),
  )
  const agenda = agendaOf({ steps, gates: [] }, newRun('run_1'))
  let begun = 0
  for (let next = agenda.next(2); !next.over; next = agenda.next(2))
    for (const { step, attempt } of next.start) {
      agenda.note(stepStarted('run_1', attempt, step.step_id))
      agenda.note(stepFinished('run_1', { step_id: step.step_id, attempt }))
      begun += 1
    }
  expect(begun).toBe(100_000)
})
