import { Count, Id, Sha256 } from '#contract/scalar.ts'
import { distinctHeld, type HeldEnvelope, heldName } from '#evidence/place.ts'
import * as z from 'zod/mini'

/* Which records of a server's series a browser remembers, of those that it walked. */

/** What names a record and its place. */
export const Head = z.object({ server: Sha256, evidence_id: Id, head: Sha256, seal_seq: Count })
export const Met = z.object({
  ...Head.shape,
  run_id: z.exactOptional(Id),
  sealed_at: z.exactOptional(z.string()),
  after: z.exactOptional(Sha256),
})
/** Of a record that had a place in a walk, what later walks are held against. `after`: the head that it was sealed over. */
export type Met = z.infer<typeof Met>

/** So many of each key are. */
export const MOST_MET = 20_000

export const asMet = ({
  server,
  evidence_id,
  head,
  seal_seq,
  run_id,
  sealed_at,
  previous,
}: HeldEnvelope): Met => ({
  server,
  evidence_id,
  head,
  seal_seq,
  ...(run_id !== undefined && { run_id }),
  ...(sealed_at !== undefined && { sealed_at }),
  ...(previous && { after: previous.head }),
})

/** What is remembered after a walk, of each key at most `MOST_MET`. `here`: what of all that it `placed` may be. */
export function withMet(
  old: readonly Met[],
  {
    here: found,
    placed,
    isBroken,
  }: { here: readonly Met[]; placed: readonly Met[]; isBroken: boolean },
): readonly Met[] {
  const known = new Map(old.map((one) => [heldName(one), one]))
  // The seal that was seen first is what later ones are held against.
  const here = found.map((one) => {
    const sealed_at = known.get(heldName(one))?.sealed_at ?? one.sealed_at
    return sealed_at === undefined ? one : { ...one, sealed_at }
  })
  const isWritten = (one: Met) => {
    const before = known.get(heldName(one))
    return before !== undefined && before.after === one.after && before.sealed_at === one.sealed_at
  }
  if (here.every(isWritten)) return old
  const all = distinctHeld([...old, ...here])
  const after: Heads = new Map([...placed, ...all].map((one) => [one.head, one.after]))
  const isKnown = (one: Met) => known.has(heldName(one))
  const isHere = new Set(here.map(heldName))
  return [...Map.groupBy(all, ({ server }) => server).values()].flatMap((ofKey) => {
    if (ofKey.length <= MOST_MET) return ofKey
    const byNumber = ofKey.toSorted((a, b) => b.seal_seq - a.seal_seq)
    const newest = byNumber.find((one) => isHere.has(heldName(one)))
    const inTurn =
      isBroken || newest === undefined
        ? [...byNumber.filter(isKnown), ...byNumber.filter((one) => !isKnown(one))]
        : inTurnOf(newest, byNumber, isKnown, after)
    return inTurn.slice(0, MOST_MET)
  })
}

/** Of each head the one that it was sealed over, where that is known. */
type Heads = ReadonlyMap<string, string | undefined>

/**
 * Which ones of a key are remembered before others. The newest one of the walk always is, so that a server cannot keep it
 * from being held against later walks. What goes first is what the newest, or another that is remembered from now on, was
 * sealed after, from the lowest number on: its head is of that too. What was remembered and nothing new follows may be
 * another history's, and stays. A walk with faults lets none go: of two histories that it shows, the newest one may be the
 * other one's.
 */
function inTurnOf(
  newest: Met,
  byNumber: readonly Met[],
  isKnown: (one: Met) => boolean,
  after: Heads,
): readonly Met[] {
  const others = byNumber.filter((one) => one !== newest)
  const tops = topsOf([newest, ...others.filter((one) => !isKnown(one))], after)
  const named = new Set(others.filter(isKnown).map(({ head }) => after.get(head)))
  const turnsBy = (line: ReadonlySet<string>) => {
    const rankOf = (one: Met) => {
      if (line.has(one.head)) return 3
      return isKnown(one) ? (named.has(one.head) ? 1 : 0) : 2
    }
    return [0, 1, 2, 3].map((rank) => others.filter((one) => rankOf(one) === rank))
  }
  const turns = turnsBy(lineOf(tops, after))
  // Where not all of the new ones have room, none lets go what it alone follows.
  const isCrowded = 1 + turns.slice(0, 3).flat().length > MOST_MET
  return [newest, ...(isCrowded ? turnsBy(lineOf([newest], after)) : turns).flat()]
}

/** Those, in the order of their numbers, that no other one of them was sealed after. */
function topsOf(byNumber: readonly Met[], after: Heads): readonly Met[] {
  const line = new Set<string>()
  return byNumber.filter((one) => {
    const isTop = !line.has(one.head)
    if (isTop) follow(one, after, line)
    return isTop
  })
}

/** All that these were sealed after, down to the first that is not known. */
function lineOf(tops: readonly Met[], after: Heads): ReadonlySet<string> {
  const line = new Set<string>()
  for (const top of tops) follow(top, after, line)
  return line
}

function follow({ head }: Met, after: Heads, line: Set<string>): void {
  for (let at = after.get(head); at !== undefined && !line.has(at); at = after.get(at)) line.add(at)
}
