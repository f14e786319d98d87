import { type TakenOver } from './lineage.ts'
import { type HeldEnvelope, heldName, isSealedTwice } from './place.ts'
import { type SealedBy } from './sealed.ts'
import { compareTaken, type Series, walkSeries } from './series.ts'
import { type Placed } from './standing.ts'

/**
 * Files that a reader gives together: none of them is the true one because it came first. What each says by itself, then
 * all held against each other [W11].
 */

/** One of them by itself; null where it does not verify and has no place [W6]. */
export type Alone = { readonly place: Placed; readonly sealed_by: SealedBy | null } | null

/**
 * How much a seal says of others. Attacker: a trust file of his own in the folder, whose key he has: it must accuse no
 * record by a key that the reader knows. Without a known seal a record accuses none at all [W6].
 */
const STANDING = { pinned: 2, first_seen: 2, offered: 1 } as const
const standingOf = (one: Alone): 0 | 1 | 2 => (one?.sealed_by ? STANDING[one.sealed_by.source] : 0)

/** What the verdict of the one in this place is held against, besides what the reader remembers. */
export function besideEach(all: readonly Alone[]): (index: number) => HeldEnvelope[] {
  const byName = new Map<string, Placed[]>()
  for (const alone of all) {
    const standing = standingOf(alone)
    if (alone === null || standing === 0) continue
    for (const named of new Set(namesOf(alone.place))) {
      // By their standing: many that count for less push out none that counts for more.
      const name = `${standing} ${named}`
      const same = byName.get(name) ?? []
      byName.set(name, same)
      // Each is told of some of very many: all of them are named by the walk.
      const isKnown = same.some((one) => isSame(one, alone.place))
      if (same.length < MOST_OF_ONE_NAME && !isKnown) same.push(alone.place)
    }
  }
  return (index) => {
    const alone = all[index] ?? null
    if (alone === null) return []
    const least = Math.max(1, standingOf(alone))
    const found = [2, 1]
      .filter((standing) => standing >= least)
      .flatMap((standing) =>
        asksOf(alone.place).flatMap((name) => byName.get(`${standing} ${name}`) ?? []),
      )
      .filter((one) => !isSame(one, alone.place))
    return [...new Set(found)].map(heldIn)
  }
}

/** What of this may make another verdict of the one: the rest of what a reader holds has nothing to do with it. */
export function concerning(
  { place }: NonNullable<Alone>,
  held: readonly HeldEnvelope[],
): HeldEnvelope[] {
  const asks = new Set(asksOf(place))
  return held.filter((one) => namesOf(one).some((name) => asks.has(name)))
}

const MOST_OF_ONE_NAME = 100
const isSame = (one: Placed, other: Placed): boolean =>
  heldName(one) === heldName(other) && !isSealedTwice(one, other)

/** Without what only a walk needs of it. */
const heldIn = ({ ran: _ran, repeats: _repeats, bases: _bases, ...held }: Placed): HeldEnvelope =>
  held

/** What another one may say of it. */
const namesOf = ({
  evidence_id,
  run_id,
  server,
  seal_seq,
  previous,
  decisions = [],
}: HeldEnvelope) => [
  `id ${evidence_id}`,
  `run ${run_id}`,
  `place ${seal_seq} ${server}`,
  ...(!previous ? [] : [`after ${previous.evidence_id}`]),
  ...decisions.map(({ nonce }) => `nonce ${nonce}`),
]

const asksOf = (one: Placed): string[] => [
  ...namesOf(one),
  `place ${one.seal_seq - 1} ${one.server}`,
  `after ${one.evidence_id}`,
  ...(one.previous === null ? [] : [`id ${one.previous.evidence_id}`]),
  ...(one.repeats === null ? [] : [`run ${one.repeats.run_id}`]),
  ...new Set(one.repeats?.taken.map(({ evidence_id }) => `id ${evidence_id}`)),
  ...one.bases.map(({ evidence_id }) => `id ${evidence_id}`),
]

/**
 * The walk over them. `compare`: looks once more at the one in this place, of which others took steps over; null where it
 * cannot be had again.
 */
export async function walkTogether(
  all: readonly Alone[],
  compare: (
    index: number,
    taken: readonly (readonly TakenOver[])[],
  ) => Promise<readonly (TakenOver | null)[] | null>,
): Promise<Series[]> {
  const series: Series[] = []
  for (const standing of [2, 1]) {
    const placed = all.flatMap((one) => (one && standingOf(one) === standing ? one.place : []))
    const unplaced = all.flatMap((one) => {
      if (!one || one.place === null || standingOf(one) === standing) return []
      // What counts for more is not in question by what counts for less.
      const says = standingOf(one) > standing ? null : one.place
      return { evidence_id: one.place.evidence_id, says }
    })
    const places = new Map(all.map((one, index) => [one?.place, index]))
    const differing = await compareTaken(placed, async (source, taken) =>
      compare(places.get(source) ?? -1, taken),
    )
    series.push(...walkSeries(placed, { unplaced, differing, isPart: true }))
  }
  return series
}
