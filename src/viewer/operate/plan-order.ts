import type { Gate, Run, Step } from '#contract/run.ts'

/** What a run's list shows, a row each: a step or a gate of the plan, with what is known of it. */
export type Node = { id: string; needs: readonly string[] } & (
  | { kind: 'step'; what: string | null; step: Step | undefined }
  | { kind: 'gate'; gate: Gate | undefined }
)

/**
 * The plan's steps and gates, each after all that it needs and otherwise as written; then what only a timeline knows.
 */
export function planOrder(run: Run): Node[] {
  const steps = new Map(run.steps.map((step) => [step.step_id, step]))
  const gates = new Map(run.gates.map((gate) => [gate.step_id ?? gate.gate_id, gate]))
  const planned: Node[] = [
    ...(run.plan?.steps ?? []).map(({ step_id: id, needs, kind }): Node => ({
      id,
      needs,
      kind: 'step',
      what: kind,
      step: steps.get(id),
    })),
    ...(run.plan?.gates ?? []).map(({ step_id: id, needs }): Node => ({
      id,
      needs,
      kind: 'gate',
      gate: gates.get(id),
    })),
  ]
  const known = new Set(planned.map(({ id }) => id))
  const unplanned: Node[] = [
    ...run.steps
      .filter(({ step_id }) => !known.has(step_id))
      .map((step): Node => ({
        id: step.step_id,
        needs: [],
        kind: 'step',
        what: step.kind,
        step,
      })),
    ...[...gates]
      .filter(([id]) => !known.has(id))
      .map(([id, gate]): Node => ({ id, needs: [], kind: 'gate', gate })),
  ]
  return [...afterNeeds(planned), ...unplanned]
}

function afterNeeds(nodes: readonly Node[]): Node[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const placed = new Set<string>()
  const ordered: Node[] = []
  for (const node of nodes) {
    // With a stack of its own: a chain of 10,000 steps is no reason to fail.
    const stack = [node]
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const open = placed.has(top.id)
        ? undefined
        : top.needs
            .map((id) => byId.get(id))
            .find((need) => need && !placed.has(need.id) && !stack.includes(need))
      if (open) {
        stack.push(open)
        continue
      }
      if (!placed.has(top.id)) ordered.push(top)
      placed.add(top.id)
      stack.pop()
    }
  }
  return ordered
}
