import type { Fact } from '#contract/fact.ts'
import type { Act, Authority } from '#server/storage/storage.ts'

/** What a fact says that somebody did, for the journal, and by what. What the system did by itself is nobody's act. */
export function actsOf(fact: Fact, authority: Authority | null): Act[] {
  const act = actOf(fact)
  return act === null ? [] : [{ at: fact.timestamp, authority, ...act }]
}

function actOf(fact: Fact): Omit<Act, 'at' | 'authority'> | null {
  const { run_id } = fact
  switch (fact.type) {
    case 'run_started': {
      const { actor, rerun_of, definition } = fact.opening
      return rerun_of === null
        ? { actor, act: 'run_started', about: run_id, detail: definition.name }
        : { actor, act: 'run_rerun', about: run_id, detail: `of ${rerun_of.run_id}` }
    }
    case 'abort_asked':
      return { actor: fact.actor, act: 'run_aborted', about: run_id, detail: null }
    case 'gate_decided': {
      const { approver, decision } = fact.decision.decision
      return { actor: approver, act: 'gate_decided', about: fact.gate_id, detail: decision }
    }
    case 'step_started':
    case 'step_finished':
    case 'needs_input':
    case 'gate_resolved':
    case 'run_succeeded':
    case 'run_failed':
    case 'run_aborted':
    case 'run_finalized':
    case 'seal_failed':
      return null
  }
}
