import type { Plan } from '#contract/envelope.ts'
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
  const nodes = orderOf(run.plan).map((planned): Node => {
    const { id, needs } = planned
    if (planned.kind === 'gate') return { id, needs, kind: 'gate', gate: taken(gates, id) }
    return { id, needs, kind: 'step', what: planned.what, step: taken(steps, id) }
  })
  for (const [id, step] of steps) nodes.push({ id, needs: [], kind: 'step', what: step.kind, step })
  for (const [id, gate] of gates) nodes.push({ id, needs: [], kind: 'gate', gate })
  return nodes
}

/** The value of a key, which is from then on no more there: what is left over is in no plan. */
function taken<T>(map: Map<string, T>, key: string): T | undefined {
  const value = map.get(key)
  map.delete(key)
  return value
}

type Planned = { id: string; needs: readonly string[] } & (
  | { kind: 'step'; what: string | null }
  | { kind: 'gate' }
)

// A plan is frozen when its run starts, and a screen asks at every picture.
const orders = new WeakMap<Plan, Planned[]>()

function orderOf(plan: Plan | null): Planned[] {
  if (plan === null) return []
  const known = orders.get(plan)
  if (known) return known
  const order = afterNeeds([
    ...plan.steps.map(({ step_id: id, needs, kind }): Planned => ({
      id,
      needs,
      kind: 'step',
      what: kind,
    })),
    ...plan.gates.map(({ step_id: id, needs }): Planned => ({ id, needs, kind: 'gate' })),
  ])
  orders.set(plan, order)
  return order
}

function afterNeeds(nodes: readonly Planned[]): Planned[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const placed = new Set<string>()
  const ordered: Planned[] = []
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
