import type { Attempt, Gate, Run, Step } from '#contract/run.ts'
import { GATE_OUTCOME, OUTCOME, STEP_OUTCOME } from '#contract/status.ts'
import { type Told, told } from '#live/told.ts'

/** One fact of a run as the stream hinted it and as it is on record. null: that timeline has not said it. */
export type FactRow = {
  key: string
  about: string
  what: 'started' | 'finished' | 'asks' | 'resolved' | 'ended' | 'sealed'
  hint: Said | null
  record: Said | null
  told: Told<string>
}

/** `value` is what must agree; `at` need not: times of frames are no evidence. */
export type Said = { value: string; at: string | null }

/** Every fact of a run that any timeline has said: contradictions first, then in the order of the steps. */
export function factRows(
  hint: Run,
  record: Run | null,
  verified: Run | null,
  order: readonly string[],
): FactRow[] {
  const steps = new Map<string, StepTimelines>()
  for (const step of hint.steps) timelinesOf(steps, step).hint = step
  for (const step of record?.steps ?? []) timelinesOf(steps, step).recorded = step
  for (const step of verified?.steps ?? []) timelinesOf(steps, step).verified = step
  const ofRun = rowsOf({ hint, recorded: record, verified }, factsOfRun)
  const gates = Map.groupBy(
    rowsOf({ hint, recorded: record, verified }, factsOfGates),
    ({ about }) => about,
  )

  const rows: FactRow[] = ofRun.filter(({ what }) => what === 'started')
  for (const id of order) {
    const ofStep = steps.get(id)
    if (ofStep) rows.push(...stepRows(ofStep))
    rows.push(...(gates.get(id) ?? []))
    steps.delete(id)
    gates.delete(id)
  }
  for (const ofStep of steps.values()) rows.push(...stepRows(ofStep))
  for (const ofGate of gates.values()) rows.push(...ofGate)
  rows.push(...ofRun.filter(({ what }) => what !== 'started'))

  const contradicted = rows.filter(({ told }) => told.by === 'contradicted')
  return contradicted.length === 0
    ? rows
    : [...contradicted, ...rows.filter(({ told }) => told.by !== 'contradicted')]
}

type StepTimelines = { hint?: Step; recorded?: Step; verified?: Step }

function timelinesOf(steps: Map<string, StepTimelines>, { step_id }: Step): StepTimelines {
  const known = steps.get(step_id)
  if (known) return known
  const none: StepTimelines = {}
  steps.set(step_id, none)
  return none
}

// A screen asks for all rows at every picture, and of ten thousand steps a few have changed: kept by the step that
// speaks loudest, which is the same object while it says the same.
const kept = new WeakMap<Step, { of: StepTimelines; rows: FactRow[] }>()

function stepRows(of: StepTimelines): FactRow[] {
  const loudest = of.verified ?? of.recorded ?? of.hint
  const known = loudest && kept.get(loudest)
  if (
    known &&
    known.of.hint === of.hint &&
    known.of.recorded === of.recorded &&
    known.of.verified === of.verified
  )
    return known.rows
  const rows = rowsOf(of, factsOfStep)
  if (loudest) kept.set(loudest, { of, rows })
  return rows
}

type FactTimelines = Pick<FactRow, 'about' | 'what'> &
  Partial<Record<'hint' | 'recorded' | 'verified', Said>>
type Say = (about: string, what: FactRow['what'], said: Said, nth?: string) => void

/** What the three timelines say of one thing, a row for each fact that any of them has. */
function rowsOf<T>(
  of: Partial<Record<'hint' | 'recorded' | 'verified', T | null>>,
  factsOf: (thing: T, say: Say) => void,
): FactRow[] {
  const facts = new Map<string, FactTimelines>()
  for (const by of BY) {
    const thing = of[by]
    if (thing)
      factsOf(thing, (about, what, said, nth = '') => {
        const key = `${about} ${what}${nth}`
        const fact = facts.get(key)
        if (fact) fact[by] = said
        else facts.set(key, { about, what, [by]: said })
      })
  }
  const rows: FactRow[] = []
  for (const [key, { about, what, hint, recorded, verified }] of facts) {
    const by = told({
      hint: hint?.value,
      recorded: recorded?.value,
      verified: verified?.value,
    })
    if (by !== null)
      rows.push({
        key,
        about,
        what,
        hint: hint ?? null,
        record: verified ?? recorded ?? null,
        told: by,
      })
  }
  return rows
}

// The strongest first: what only a weaker one has comes after it.
const BY = ['verified', 'recorded', 'hint'] as const

function factsOfRun(run: Run, say: Say): void {
  if (run.started) say('run', 'started', { value: 'started', at: run.started.at })
  if (run.ended) say('run', 'ended', { value: OUTCOME[run.ended.outcome].label, at: run.ended.at })
  if (run.sealed) say('run', 'sealed', { value: run.sealed.evidence_id, at: null })
}

function factsOfStep({ step_id, attempts }: Step, say: Say): void {
  for (const attempt of attempts) {
    const nth = ` ${attempt.attempt}`
    // An envelope has no entry for a start: who has the end has the start too.
    say(step_id, 'started', { value: `attempt${nth}`, at: attempt.started_at }, nth)
    if (attempt.finished)
      say(
        step_id,
        'finished',
        { value: endOf(attempt.finished), at: attempt.finished.finished_at },
        nth,
      )
  }
}

function factsOfGates({ gates }: Run, say: Say): void {
  for (const gate of gates) {
    const about = gate.step_id ?? gate.gate_id
    say(about, 'asks', { value: 'asked', at: gate.opened_at })
    if (gate.resolved) say(about, 'resolved', resolutionOf(gate.resolved))
  }
}

/** What both timelines always say of an end: the exit code, or the signal. The outcome only where there is neither. */
export function endOf({ exit_code, signal, outcome }: NonNullable<Attempt['finished']>): string {
  if (exit_code !== null) return `exit ${exit_code}`
  return signal ?? (outcome === null ? 'ended' : STEP_OUTCOME[outcome].label.toLowerCase())
}

const resolutionOf = ({ outcome, at }: NonNullable<Gate['resolved']>): Said => ({
  value: GATE_OUTCOME[outcome].label,
  at,
})
