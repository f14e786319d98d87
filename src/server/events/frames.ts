import type { Fact } from '#contract/fact.ts'
import type { Opening, Totals } from '#contract/envelope.ts'
import type { Frame, LifecycleFrame } from '#contract/frame.ts'
import { requestIn } from '#server/materialize/request.ts'

/** What the stream says of a recorded fact; null where it says nothing. */
export function frameOf(fact: Fact): Frame | null {
  const { type, run_id, timestamp } = fact
  switch (type) {
    case 'run_started': {
      const { actor, kind, title, definition } = fact.opening
      return {
        type,
        run_id,
        timestamp,
        actor,
        kind,
        definition: definition.name,
        title: clip(title),
      }
    }
    case 'step_started': {
      const { step_id, kind, attempt } = fact
      return { type, run_id, step_id, kind, attempt, timestamp }
    }
    case 'step_finished': {
      const { step_id, kind, attempt, exit_code, signal, outcome } = fact.entry
      return { type, run_id, step_id, kind, attempt, exit_code, signal, outcome, timestamp }
    }
    case 'needs_input': {
      const { gate_id, step_id, question } = fact
      return { type, run_id, gate_id, step_id, reason: clip(question), timestamp }
    }
    case 'gate_resolved': {
      const { gate_id, step_id, outcome } = fact.entry
      return { type, run_id, gate_id, step_id, outcome, actor: fact.actor, timestamp }
    }
    case 'run_failed':
      return { type, run_id, reason: clip(fact.reason), status: 'failed', timestamp }
    case 'run_aborted': {
      const { actor, reason } = fact
      return { type, run_id, reason: clip(reason), status: 'aborted', actor, timestamp }
    }
    case 'run_finalized':
      return { type, run_id, evidence_id: fact.evidence_id, timestamp }
    case 'seal_failed':
      return { type, run_id, reason: clip(fact.reason), timestamp }
    // A wish is told by what ends of it, a decision by the resolution it leads to, success by the envelope.
    case 'abort_asked':
    case 'gate_decided':
    case 'run_succeeded':
      return null
  }
}

/** What the stream says besides of a fact about derived tables, as in the first documents; null where it is none. */
export function lifecycleFrameOf(fact: Fact, opening: Opening): LifecycleFrame | null {
  const { run_id, timestamp: ts } = fact
  const common = { ts, actor: opening.actor, run_id }
  const isOwn = opening.kind === 'materialize'
  switch (fact.type) {
    case 'run_started':
      return isOwn ? { kind: 'materialize.start', ...common, ...asked(opening) } : null
    case 'step_started': {
      if (isOwn || fact.kind !== 'materialize') return null
      const step = opening.plan.steps.find(({ step_id }) => step_id === fact.step_id)
      const targets = step?.argv.slice(2) ?? null
      return { kind: 'materialize.start', ...common, targets, record_ids: null, force: false }
    }
    case 'step_finished': {
      if (isOwn || fact.entry.kind !== 'materialize') return null
      if (fact.entry.outcome === 'succeeded') return ended(common, fact.totals)
      const message = fact.entry.reason ?? fact.entry.outcome
      return failed(common, fact.error_type ?? fact.entry.outcome, message)
    }
    case 'run_succeeded':
      return isOwn ? ended(common, fact.totals) : null
    case 'run_failed':
      return isOwn ? failed(common, fact.error_type ?? 'failed', fact.reason) : null
    case 'run_aborted':
      return isOwn ? failed(common, 'aborted', fact.reason) : null
    case 'needs_input':
    case 'gate_decided':
    case 'gate_resolved':
    case 'abort_asked':
    case 'run_finalized':
    case 'seal_failed':
      return null
  }
}

type Common = { ts: string; actor: string; run_id: string }

function asked({ inputs }: Opening) {
  const { targets, record_ids, force } = requestIn(inputs)
  return { targets: few(targets), record_ids: few(record_ids), force }
}

// A frame that named a million records would be none that anybody reads: who wants them all asks the run.
function few(names: readonly string[] | null): string[] | null {
  if (names === null) return null
  let chars = 0
  return names.filter((name) => (chars += name.length) <= MAX_NAMES_CHARS)
}

const MAX_NAMES_CHARS = 16_384

function ended(common: Common, totals: Totals | undefined): LifecycleFrame {
  const { materialized = 0, skipped = 0, failures = 0, total_cost = '0' } = totals ?? {}
  const counts = { materialized, skipped, failures }
  return { kind: 'materialize.end', ...common, ...counts, total_cost: Number(total_cost) }
}

function failed(common: Common, error_type: string, message: string): LifecycleFrame {
  return { kind: 'materialize.error', ...common, error_type, message: clip(message) }
}

const MAX_HINT_CHARS = 4096

// A frame stays small whatever a run says: the whole text is asked for. A cut never splits a surrogate pair.
function clip(text: string): string {
  return text.length <= MAX_HINT_CHARS
    ? text
    : `${text.slice(0, MAX_HINT_CHARS - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
