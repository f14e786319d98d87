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
  const { blank, places } = orderedOf(run.plan)
  const nodes = blank.slice()
  const put = (id: string, node: (planned: Node | undefined) => Node): void => {
    const place = places.get(id)
    if (place === undefined) nodes.push(node(undefined))
    else nodes[place] = node(blank[place])
  }
  for (const step of run.steps) put(step.step_id, (planned) => nodeOf(step, planned))
  for (const gate of run.gates) {
    const id = gate.step_id ?? gate.gate_id
    put(id, (planned) => ({ id, needs: planned?.needs ?? [], kind: 'gate', gate }))
  }
  return nodes
}

/** The ids of a plan in that order: the same list for the same plan. */
export function orderOf(plan: Plan | null): readonly string[] {
  return orderedOf(plan).ids
}

// A screen asks at every picture, and of ten thousand steps a few have changed.
const nodesOfSteps = new WeakMap<Step, { planned: Node | undefined; node: Node }>()

function nodeOf(step: Step, planned: Node | undefined): Node {
  const known = nodesOfSteps.get(step)
  if (known && known.planned === planned) return known.node
  const what = planned?.kind === 'step' ? planned.what : step.kind
  const node: Node = { id: step.step_id, needs: planned?.needs ?? [], kind: 'step', what, step }
  nodesOfSteps.set(step, { planned, node })
  return node
}

/** `blank`: with nothing known of any. */
type Ordered = { ids: readonly string[]; blank: readonly Node[]; places: Map<string, number> }

// A plan is frozen when its run starts.
const orders = new WeakMap<Plan, Ordered>()
const NO_PLAN: Ordered = { ids: [], blank: [], places: new Map() }

function orderedOf(plan: Plan | null): Ordered {
  if (plan === null) return NO_PLAN
  const known = orders.get(plan)
  if (known) return known
  const blank = afterNeeds([
    ...plan.steps.map(({ step_id: id, needs, kind }): Node => ({
      id,
      needs,
      kind: 'step',
      what: kind,
      step: undefined,
    })),
    ...plan.gates.map(({ step_id: id, needs }): Node => ({
      id,
      needs,
      kind: 'gate',
      gate: undefined,
    })),
  ])
  const ids = blank.map(({ id }) => id)
  const order = { ids, blank, places: new Map(ids.map((id, place) => [id, place])) }
  orders.set(plan, order)
  return order
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
