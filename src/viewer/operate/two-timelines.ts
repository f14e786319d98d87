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
export type FactList = {
  count: number
  contradicted: number
  /** How many of these the stream contradicts, and how many the server's own answer: one fact may be both. */
  contradictedBy: { stream: number; server: number }
  /** Facts that the stream said. */
  hinted: number
  at: (index: number) => FactRow | undefined
}

/** `order` is the plan's ids. What a list costs is what has changed, and a look at each step; its rows come by `at`. */
export function factList(
  hint: Run,
  record: Run | null,
  verified: Run | null,
  order: readonly string[],
): FactList {
  const places = placesIn(order)
  const planned: (Facts | undefined)[] = Array.from(order, () => undefined)
  const others: Facts[] = []
  const put = (id: string, facts: Facts): void => {
    const place = places.get(id)
    if (place === undefined || planned[place] !== undefined) others.push(facts)
    else planned[place] = facts
  }
  eachStep(hint.steps, record?.steps ?? [], verified?.steps ?? [], (id, one, two, three) =>
    put(id, factsOf(one, two, three)),
  )
  const ofRun = rowsOf({ hint, recorded: record, verified }, sayOfRun)
  const ofGates = rowsOf({ hint, recorded: record, verified }, sayOfGates)
  for (const [id, rows] of Map.groupBy(ofGates, ({ about }) => about)) put(id, factsIn(rows))

  const groups = [
    factsIn(ofRun.filter(({ what }) => what === 'started')),
    ...planned,
    ...others,
    factsIn(ofRun.filter(({ what }) => what !== 'started')),
  ]
  const contradicted: FactRow[] = []
  const calm: { from: number; rows: FactRow[] }[] = []
  const contradictedBy = { stream: 0, server: 0 }
  let from = 0
  let hinted = 0
  for (const facts of groups) {
    if (facts === undefined) continue
    if (facts.contradicted.length > 0) contradicted.push(...facts.contradicted)
    calm.push({ from, rows: facts.calm })
    from += facts.calm.length
    hinted += facts.hinted
  }
  for (const row of contradicted) {
    if (streamContradicts(row)) contradictedBy.stream += 1
    if (serverContradicts(row)) contradictedBy.server += 1
  }
  return {
    count: contradicted.length + from,
    contradicted: contradicted.length,
    contradictedBy,
    hinted,
    at: (index) => {
      if (index < contradicted.length) return contradicted[index]
      const wanted = index - contradicted.length
      const group = calm[lastBefore(calm, wanted)]
      return group?.rows[wanted - group.from]
    },
  }
}

export const streamContradicts = ({ hint, told }: FactRow): boolean =>
  told.by === 'contradicted' && hint !== null && hint.value !== told.value

/** Another value than the verified record was in the server's own answer. */
export const serverContradicts = ({ told }: FactRow): boolean =>
  told.by === 'contradicted' && told.insteadBy === 'recorded'

/** Who said what of a fact that is contradicted; '' of any other. */
export function contradictionSaid({ about, what, hint, told }: FactRow): string {
  if (told.by !== 'contradicted') return ''
  const parts = [
    ...(told.insteadBy === 'recorded' ? [`the server’s answer said ${told.instead}`] : []),
    told.stands === 'verified'
      ? `the verified record says ${told.value}`
      : `the server’s record says ${told.value}`,
    `the stream said ${hint?.value ?? 'nothing'}`,
  ]
  return `${about} ${what}: ${parts.join('; ')}.`
}

/** All of them. */
export function factRows(...of: Parameters<typeof factList>): FactRow[] {
  const { count, at } = factList(...of)
  return Array.from({ length: count }, (_, index) => at(index) ?? []).flat()
}

/** Facts of one thing: those that a weaker timeline contradicts, and the others. */
type Facts = { contradicted: FactRow[]; calm: FactRow[]; hinted: number }

function factsIn(rows: readonly FactRow[]): Facts {
  return {
    contradicted: rows.filter(({ told }) => told.by === 'contradicted'),
    calm: rows.filter(({ told }) => told.by !== 'contradicted'),
    hinted: rows.filter(({ hint }) => hint !== null).length,
  }
}

/** Each step that any of three sorted lists has, with what each of them has of it. */
function eachStep(
  hint: readonly Step[],
  recorded: readonly Step[],
  verified: readonly Step[],
  act: (id: string, hint?: Step, recorded?: Step, verified?: Step) => void,
): void {
  let h = 0
  let r = 0
  let v = 0
  for (;;) {
    const a = hint[h]
    const b = recorded[r]
    const c = verified[v]
    let id = a?.step_id
    if (b && (id === undefined || b.step_id < id)) id = b.step_id
    if (c && (id === undefined || c.step_id < id)) id = c.step_id
    if (id === undefined) return
    const isHinted = a?.step_id === id
    const isRecorded = b?.step_id === id
    const isVerified = c?.step_id === id
    act(id, isHinted ? a : undefined, isRecorded ? b : undefined, isVerified ? c : undefined)
    if (isHinted) h += 1
    if (isRecorded) r += 1
    if (isVerified) v += 1
  }
}

// Kept by the step that speaks loudest, which is the same object while it says the same.
type Kept = { hint: Step | undefined; recorded: Step | undefined; facts: Facts }
const kept = new WeakMap<Step, Kept>()
const NO_FACTS: Facts = { contradicted: [], calm: [], hinted: 0 }

function factsOf(hint?: Step, recorded?: Step, verified?: Step): Facts {
  const loudest = verified ?? recorded ?? hint
  if (loudest === undefined) return NO_FACTS
  const known = kept.get(loudest)
  if (known && known.hint === hint && known.recorded === recorded) return known.facts
  const timelines = { hint: hint ?? null, recorded: recorded ?? null, verified: verified ?? null }
  const facts = factsIn(rowsOf(timelines, sayOfStep))
  kept.set(loudest, { hint, recorded, facts })
  return facts
}

const placesOf = new WeakMap<readonly string[], Map<string, number>>()

function placesIn(order: readonly string[]): Map<string, number> {
  const known = placesOf.get(order)
  if (known) return known
  const made = new Map(order.map((id, place) => [id, place]))
  placesOf.set(order, made)
  return made
}

/** Index of the last group that begins at `wanted` or before. Empty ones begin where the next does. */
function lastBefore(groups: readonly { from: number }[], wanted: number): number {
  let [low, high] = [0, groups.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((groups[middle]?.from ?? 0) <= wanted) low = middle
    else high = middle - 1
  }
  return low
}

type FactTimelines = Pick<FactRow, 'about' | 'what'> &
  Partial<Record<'hint' | 'recorded' | 'verified', Said>>
type Say = (about: string, what: FactRow['what'], said: Said, nth?: string) => void

/** What the three timelines say of one thing, a row for each fact that any of them has. */
function rowsOf<T>(
  of: Partial<Record<'hint' | 'recorded' | 'verified', T | null>>,
  sayOf: (thing: T, say: Say) => void,
): FactRow[] {
  const facts = new Map<string, FactTimelines>()
  for (const by of BY) {
    const thing = of[by]
    if (thing)
      sayOf(thing, (about, what, said, nth = '') => {
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

function sayOfRun(run: Run, say: Say): void {
  if (run.started) say('run', 'started', { value: 'started', at: run.started.at })
  if (run.ended) say('run', 'ended', { value: OUTCOME[run.ended.outcome].label, at: run.ended.at })
  if (run.sealed) say('run', 'sealed', { value: run.sealed.evidence_id, at: null })
}

function sayOfStep({ step_id, attempts }: Step, say: Say): void {
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

function sayOfGates({ gates }: Run, say: Say): void {
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
