/** When an attempt began that was not taken over. In the order of the record. */
export type Begun = { readonly seq: number; readonly step_id: string; readonly started_at: string }

/** A gate, the last entry that was shown at it, and which steps were told as running. */
export type Opened = {
  readonly seq: number
  readonly prefix: number
  readonly opened_at: string
  readonly running: readonly string[]
}

/**
 * By the seq of each gate, steps that began before it opened, are recorded after what was shown, and were not told as
 * running: one more than are named, at most. Attacker: many gates that all show nothing, each after the same many
 * attempts. So attempts are taken up once, from the last to the first, and of each step no more is kept than when the
 * earliest of them began.
 */
export function untoldRunning(
  gates: readonly Opened[],
  begun: readonly Begun[],
): ReadonlyMap<number, readonly string[]> {
  const untold = new Map<number, string[]>()
  const steps = [...new Set(begun.map(({ step_id }) => step_id))]
  const places = new Map(steps.map((step_id, place) => [step_id, place]))
  const earliest = earliestOf(steps.length)
  let next = begun.length - 1
  for (const { seq, prefix, opened_at, running } of gates.toSorted((a, b) => b.prefix - a.prefix)) {
    for (; (begun[next]?.seq ?? -1) > prefix; next -= 1) {
      const { step_id = '', started_at = NEVER } = begun[next] ?? {}
      earliest.add(places.get(step_id) ?? 0, started_at)
    }
    const told = new Set(running)
    const found: string[] = []
    for (const place of earliest.before(opened_at)) {
      const step_id = steps[place] ?? ''
      if (told.has(step_id)) continue
      found.push(step_id)
      if (found.length > MOST_UNTOLD) break
    }
    if (found.length > 0) untold.set(seq, found)
  }
  return untold
}

/** That are named. */
export const MOST_UNTOLD = 5

/** The earliest instant of each place in a binary tree: 1 has 2 and 3 below it, and so on down to the places. */
function earliestOf(places: number) {
  const leaves = 2 ** Math.ceil(Math.log2(Math.max(places, 1)))
  const tree = Array.from({ length: 2 * leaves }, () => NEVER)
  return {
    add(place: number, instant: string): void {
      for (let node = leaves + place; node > 0 && instant < (tree[node] ?? ''); node >>= 1)
        tree[node] = instant
    },
    /** Which have one before this, without a look at the others. */
    *before(instant: string): Generator<number> {
      const open = [1]
      for (let node = open.pop(); node !== undefined; node = open.pop()) {
        if ((tree[node] ?? NEVER) >= instant) continue
        if (node >= leaves) yield node - leaves
        else open.push(2 * node + 1, 2 * node)
      }
    },
  }
}

// Instants of ours sort as text, and before this.
const NEVER = '~'
