import type { StepEntry, Totals } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { RecordedEntry } from '#evidence/seal.ts'
import { endingOf, sumOf } from '#evidence/summarise.ts'
import { openGates } from '#live/select.ts'
import { closeGate, refusalReason } from '#server/gates/gate-facts.ts'
import type { Current, Stop } from './record.ts'

/**
 * The last facts of a run that nothing runs of any more: open gates are closed, and the run ends as its entries say,
 * which is what a verifier will recompute from them. `facts` are all that are on record.
 */
export function endingFacts(
  { run, opening }: Current,
  facts: readonly Fact[],
  stop: Stop | null,
  at: string,
  salt: () => string,
): Fact[] {
  const closed = openGates(run).map((gate) => closeGate(run, gate, 'aborted', { at, salt: salt() }))
  const entries = [...facts, ...closed].flatMap(entryOf)
  const { outcome, by } = endingOf(opening.plan, entries)
  const common = { run_id: run.run_id, timestamp: at, ...totalsOf(facts) }
  switch (outcome) {
    case 'succeeded':
      return [...closed, { type: 'run_succeeded', ...common }]
    case 'failed':
      return [
        ...closed,
        { type: 'run_failed', ...common, reason: failureReason(by), ...errorTypeOf(facts) },
      ]
    case 'aborted':
      return [...closed, { type: 'run_aborted', ...common, ...abortion(facts, by, stop) }]
  }
}

/** Of all that was derived, where anything was to be. */
function totalsOf(facts: readonly Fact[]): { totals?: Totals } {
  const steps = facts.flatMap((fact) => (fact.type === 'step_finished' ? (fact.totals ?? []) : []))
  if (steps.length === 0) return {}
  const sum = (of: 'materialized' | 'skipped' | 'failures') =>
    steps.reduce((all, step) => all + step[of], 0)
  return {
    totals: {
      materialized: sum('materialized'),
      skipped: sum('skipped'),
      failures: sum('failures'),
      total_cost: sumOf(steps.map(({ total_cost }) => total_cost)),
    },
  }
}

function errorTypeOf(facts: readonly Fact[]): { error_type?: string } {
  const found = facts.findLast(
    (fact) => fact.type === 'step_finished' && fact.error_type !== undefined,
  )
  return found?.type === 'step_finished' && found.error_type !== undefined
    ? { error_type: found.error_type }
    : {}
}

function entryOf(fact: Fact): RecordedEntry[] {
  if (fact.type === 'step_finished') return [{ kind: 'step', body: fact.entry }]
  if (fact.type === 'gate_resolved') return [{ kind: 'gate', body: fact.entry }]
  return []
}

function abortion(facts: readonly Fact[], by: RecordedEntry | null, stop: Stop | null): Stop {
  if (by?.kind === 'gate' && by.body.outcome !== 'aborted') {
    const { gate_id } = by.body
    const resolved = facts.find(
      (fact) => fact.type === 'gate_resolved' && fact.entry.gate_id === gate_id,
    )
    const actor = resolved?.type === 'gate_resolved' ? resolved.actor : 'system'
    return { actor, reason: refusalReason(by.body) }
  }
  return stop ?? { actor: 'system', reason: 'aborted' }
}

function failureReason(by: RecordedEntry | null): string {
  if (by?.kind !== 'step') return 'failed'
  const { step_id, outcome } = by.body
  switch (outcome) {
    case 'interrupted':
      return `step ${step_id} was interrupted ${by.body.attempt} times`
    case 'timed_out':
      return `step ${step_id} ${by.body.reason ?? 'timed out'}`
    case 'succeeded':
    case 'aborted':
    case 'failed':
      return `step ${step_id} failed: ${whyOf(by.body)}`
  }
}

function whyOf({ reason, signal, exit_code }: StepEntry): string {
  if (reason !== null) return reason
  return signal === null ? `exit code ${exit_code}` : `ended by ${signal}`
}
