import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Plan, PlanGate, PlanStep } from '#contract/envelope.ts'
import type { Attempt, Run } from '#contract/run.ts'
import type { StepOutcome } from '#contract/status.ts'
import { hasAttemptLeft } from '#evidence/summarise.ts'
import { newRun } from '#live/reduce.ts'
import { nextOf } from '#server/runs/schedule.ts'

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

function attemptOf(attempt: number, outcome: StepOutcome | null): Attempt {
  const rest = {
    exit_code: null,
    signal: null,
    reason: null,
    finished_at: null,
    duration_ms: null,
    artifacts: [],
    log_truncated: false,
  }
  return {
    attempt,
    started_at: null,
    output_bytes: 0,
    finished: outcome === null ? null : { outcome, ...rest },
  }
}

/** Runs the plan by what `nextOf` says, with whatever fate deals out, and holds every rule at every turn. */
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

  for (let turn = 0; turn < 500; turn++) {
    const run: Run = {
      ...newRun('run_1'),
      steps: Array.from(attempts, ([step_id, outcomes]) => ({
        step_id,
        kind: null,
        attempts: outcomes.map((outcome, index) => attemptOf(index + 1, outcome)),
      })),
      gates: Array.from(gates, ([step_id, state]) => ({
        gate_id: `gate_${step_id}`,
        step_id,
        reason: null,
        opened_at: null,
        question: null,
        policy: null,
        shown: null,
        decisions: [],
        resolved: state === 'open' ? null : { outcome: state, by: null, at: null },
      })),
    }
    const next = nextOf(plan, run, free - running().length)
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
    }
    for (const { step_id, needs } of next.open) {
      expect(needs.every(isDone)).toBe(true)
      expect(gates.has(step_id)).toBe(false)
      gates.set(step_id, 'open')
    }
    const events = [...running(), ...open()]
    // Nothing runs, nobody is asked, nothing begins and it is not over: it would stand still for ever.
    expect(events).not.toHaveLength(0)
    const [id] = events[fate(events.length)] ?? ['']
    const outcomes = attempts.get(id)
    if (outcomes) outcomes[outcomes.length - 1] = OUTCOMES[fate(OUTCOMES.length)] ?? 'failed'
    else gates.set(id, fate(4) === 0 ? 'rejected' : 'approved')
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
