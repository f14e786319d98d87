import {
  type Closing,
  type Counts,
  type Plan,
  type PlanStep,
  type StepEntry,
} from '#contract/envelope.ts'
import { GATE_OUTCOME, type Outcome, STEP_OUTCOME, type StepOutcome } from '#contract/status.ts'
import { type RecordedEntry } from './seal.ts'

/*
 * What follows from the entries of a run. The server closes a run with it and the verifier recomputes it: a closing
 * that says anything else is not a matter of opinion.
 */

/** `by`: the entry that ended the run; null where none did. */
export type Ending = { outcome: Outcome; by: RecordedEntry | null }

/**
 * `succeeded`: the last attempt of every planned step succeeded and every planned gate opened. Else the first entry
 * that ended the run decides, which is `by`; where none did, the run was stopped between two entries: `aborted`.
 */
export function endingOf(plan: Plan, recorded: Iterable<RecordedEntry>): Ending {
  const planned = new Map(plan.steps.map((step) => [step.step_id, step]))
  const tried = new Map<string, Tried>()
  const done = new Set<string>()
  for (const entry of recorded) {
    const { kind, body } = entry
    const { step_id } = body
    if (kind === 'step') tried.set(step_id, triedAgain(tried.get(step_id), body.outcome))
    const outcome = endBy(entry, planned.get(step_id), tried.get(step_id))
    if (outcome !== null) return { outcome, by: entry }
    if (kind === 'gate' || body.outcome === 'succeeded') done.add(step_id)
  }
  const all = [plan.steps, plan.gates].every((units) =>
    units.every(({ step_id }) => done.has(step_id)),
  )
  return { outcome: all ? 'succeeded' : 'aborted', by: null }
}

/** How the run ends by this entry; null where it goes on. `tried`: the attempts of its step, this one among them. */
export function endBy(
  { kind, body }: RecordedEntry,
  planned: Pick<PlanStep, 'retries'> | undefined,
  tried: Tried | undefined,
): Outcome | null {
  if (kind === 'gate') return GATE_OUTCOME[body.outcome].opens ? null : 'aborted'
  if (body.outcome === 'succeeded') return null
  if (body.outcome === 'aborted') return 'aborted'
  return isAnotherLeft(planned, tried) ? null : 'failed'
}

/**
 * So often may a crash or a shutdown cut off one step without using up its retries. A step that takes its server down
 * with it must not do so for ever.
 */
export const MAX_INTERRUPTIONS = 3

/** May a step have another attempt after attempts that ended so? A cut-off one uses up none of its retries [E30]. */
export function hasAttemptLeft(
  planned: Pick<PlanStep, 'retries'> | undefined,
  outcomes: readonly StepOutcome[],
): boolean {
  let tried: Tried | undefined
  for (const outcome of outcomes) tried = triedAgain(tried, outcome)
  return isAnotherLeft(planned, tried)
}

/** Counted as they come: a record of many attempts is not gone through again for each. */
export type Tried = {
  readonly attempts: number
  readonly interrupted: number
  readonly last: StepOutcome
}

export function triedAgain(before: Tried | undefined, outcome: StepOutcome): Tried {
  return {
    attempts: (before?.attempts ?? 0) + 1,
    interrupted: (before?.interrupted ?? 0) + (outcome === 'interrupted' ? 1 : 0),
    last: outcome,
  }
}

export function isAnotherLeft(
  planned: Pick<PlanStep, 'retries'> | undefined,
  tried: Tried | undefined,
): boolean {
  if (planned === undefined) return false
  if (tried === undefined) return planned.retries >= 0
  const { attempts, interrupted, last } = tried
  if (!STEP_OUTCOME[last].retried) return false
  return interrupted <= MAX_INTERRUPTIONS && attempts - interrupted <= planned.retries
}

export function countsOf(recorded: Iterable<RecordedEntry>): Counts {
  const counting = count()
  for (const entry of recorded) counting.add(entry)
  return counting.counts()
}

/** The same while the entries come. */
export function count(): { add: (entry: RecordedEntry) => void; counts: () => Counts } {
  const ids = new Set<string>()
  const counts = { attempts: 0, gates: 0, artifacts: 0, log_bytes: 0 }
  return {
    add({ kind, body }) {
      if (kind === 'gate') {
        counts.gates += 1
        return
      }
      ids.add(body.step_id)
      counts.attempts += 1
      counts.artifacts += body.artifacts.length
      counts.log_bytes += body.log.bytes
    },
    counts: () => ({ steps: ids.size, ...counts }),
  }
}

/**
 * Totals over the derived cells that the entries hold, absent where no step has any. `skipped` is in no entry and is
 * taken as said. Cells that a step keeps in a part of its own are counted with the part.
 */
export function totalsOf(
  steps: readonly StepEntry[],
  said: { readonly skipped: number },
): Closing['totals'] {
  if (!steps.some(({ cells, cells_part }) => cells ?? cells_part)) return undefined
  const cells = steps.flatMap((step) => step.cells ?? [])
  return {
    materialized: cells.filter(({ state }) => state === 'fresh').length,
    skipped: said.skipped,
    failures: cells.filter(({ state }) => state === 'failed').length,
    total_cost: sumOf(cells.flatMap(({ cost }) => cost ?? [])),
  }
}

/** Sum of decimal strings, without trailing zeros. Exact: by floats two verifiers would differ about a sum of money. */
export function sumOf(decimals: readonly string[]): string {
  // Not by spreading: a forged file may list more cells than a call takes arguments.
  const scale = decimals.reduce((most, decimal) => Math.max(most, fractionOf(decimal).length), 0)
  const total = decimals.reduce((sum, decimal) => sum + scaled(decimal, scale), 0n)
  const digits = String(total < 0n ? -total : total).padStart(scale + 1, '0')
  const whole = digits.slice(0, digits.length - scale)
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '')
  return `${total < 0n ? '-' : ''}${whole}${fraction && `.${fraction}`}`
}

const fractionOf = (decimal: string): string => decimal.split('.')[1] ?? ''

const scaled = (decimal: string, scale: number): bigint =>
  BigInt(decimal.replace('.', '') + '0'.repeat(scale - fractionOf(decimal).length))
