/** What needs what: by id, the ids that come before it. Ids that are no key are ignored. */
export type Needs = ReadonlyMap<string, readonly string[]>

/** Circles of needs that share no id, at most 10, each with its first id repeated at the end. Any depth: nothing recurses. */
export function cyclesIn(needs: Needs): (readonly string[])[] {
  const found: (readonly string[])[] = []
  const left = new Map(needs)
  for (let cycle = cycleIn(left); cycle !== null && found.length < MAX_CYCLES;) {
    found.push(cycle)
    for (const id of cycle) left.delete(id)
    cycle = cycleIn(left)
  }
  return found
}

const MAX_CYCLES = 10

function cycleIn(needs: Needs): readonly string[] | null {
  const left = unorderable(needs)
  const path = new Set<string>()
  // Whatever is left needs something that is left, so this walk comes back to where it has been.
  let id = left.keys().next().value
  while (id !== undefined && !path.has(id)) {
    path.add(id)
    id = needs.get(id)?.find((need) => left.has(need))
  }
  if (id === undefined) return null
  const walked = [...path]
  return [...walked.slice(walked.indexOf(id)), id]
}

/** Everything that `id` needs, and what that needs, and so on; never `id` itself unless it is in a circle. */
export function reachableFrom(needs: Needs, id: string): ReadonlySet<string> {
  const found = new Set<string>()
  const rest = [...(needs.get(id) ?? [])]
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (found.has(next)) continue
    found.add(next)
    rest.push(...(needs.get(next) ?? []))
  }
  return found
}

/** The ids, each after those that it needs; else in the order that they came. Those in a circle are left out. */
export function inOrderOf(needs: Needs): string[] {
  const done = new Set<string>()
  const left = unorderable(needs)
  const pending = [...needs.keys()].filter((id) => !left.has(id)).toReversed()
  while (pending.length > 0) {
    const id = pending.at(-1) ?? ''
    const before = (needs.get(id) ?? []).filter((need) => needs.has(need) && !done.has(need))
    if (before.length === 0) {
      done.add(id)
      pending.pop()
    } else pending.push(...before.toReversed())
  }
  return [...done]
}

// Takes away what needs nothing that is left, until nothing can be taken.
function unorderable(needs: Needs): ReadonlySet<string> {
  const waiting = new Map<string, number>()
  const neededBy = new Map<string, string[]>()
  for (const [id, before] of needs) {
    const known = before.filter((need) => needs.has(need))
    waiting.set(id, known.length)
    for (const need of known) {
      const dependants = neededBy.get(need)
      if (dependants === undefined) neededBy.set(need, [id])
      else dependants.push(id)
    }
  }
  const free = [...waiting].flatMap(([id, count]) => (count === 0 ? [id] : []))
  const left = new Set(needs.keys())
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    left.delete(id)
    for (const next of neededBy.get(id) ?? []) {
      const count = (waiting.get(next) ?? 0) - 1
      waiting.set(next, count)
      if (count === 0) free.push(next)
    }
  }
  return left
}
