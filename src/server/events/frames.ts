import type { Fact } from '#contract/fact.ts'
import type { Frame } from '#contract/frame.ts'

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
    // A decision is told by the resolution it leads to, success by the envelope.
    case 'gate_decided':
    case 'run_succeeded':
      return null
  }
}

const MAX_HINT_CHARS = 4096

// A frame stays small whatever a run says: the whole text is asked for. A cut never splits a surrogate pair.
function clip(text: string): string {
  return text.length <= MAX_HINT_CHARS
    ? text
    : `${text.slice(0, MAX_HINT_CHARS - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
