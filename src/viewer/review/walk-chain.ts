import type { EnvelopeSummary } from '#contract/api.ts'
import { againstList, type ListedEnvelope } from '#evidence/as-listed.ts'
import { type ClaimCode, fails } from '#evidence/claims.ts'
import { namedAlone } from '#evidence/expectations.ts'
import { allListed, type ListPage, MOST_LISTED } from '#evidence/listed.ts'
import type { TakenOver } from '#evidence/lineage.ts'
import {
  compareTaken,
  NOT_PLACED,
  type Series,
  type SeriesFault,
  type Unplaced,
  walkSeries,
} from '#evidence/series.ts'
import { distinctHeld, type HeldEnvelope, heldName, isSealedTwice } from '#evidence/place.ts'
import type { Placed } from '#evidence/standing.ts'
import { groupsOf } from './fault-groups.ts'
import { isByRefused } from './proof-sentence.ts'
import { wordsOf } from '#viewer/api.ts'
import type { WalkMade } from '#viewer/trust-store.ts'
import type { Verdict } from '#viewer/verifier.ts'

/** What the walk asks of the world. Each ends with the signal's reason when that says so; `judge` throws what is no answer. */
export type WalkRim = {
  list: (cursor: string, signal: AbortSignal) => Promise<ListPage<Named>>
  /** null where the server lists an envelope and does not have it. `taken`: what others took over from it. */
  judge: (
    evidence_id: string,
    taken: readonly (readonly TakenOver[])[],
    signal: AbortSignal,
  ) => Promise<Verdict | null>
  now: () => string
}

/** As the list names it; where that broke off, as the record after it does, or this browser, which has seen it before. */
type Named = ListedEnvelope & Pick<EnvelopeSummary, 'head' | 'seal_seq'>

/** An envelope of the list, and what became of it. */
export type Walked = {
  listed: Named
  /** What is wrong with just this one; null where nothing is. */
  fault: string | null
  /** What of the reader's requirements it does not keep, which is no fault of the chain; null where it keeps them. */
  unkept: string | null
  verdict: Verdict['verdict'] | 'not here' | 'not read'
  placed: Placed | null
  /** Of its bytes; null where it has no place by its own word. */
  sha256: string | null
  /** By whose key it has that place. */
  sealed_by: Verdict['sealed_by']
  /** null where it has a place, and where it is not here. */
  unplaced: Unplaced | null
  /** Why one that nothing is wrong with has no place among the others; null for every other one. */
  open: string | null
  /** Its seal names a key that the reader refused. */
  isByRefused: boolean
  /** It could not be had, now or once more: asked again, it may be. */
  isUnread: boolean
  /** Nothing is wrong with it but that its key has ended before it: how far that counts is the reader's word. */
  endedKey: string | null
  /** Keys that have ended, and count for it by its number alone. */
  ended: readonly ('retired' | 'revoked')[]
  /** The definition that nothing but a name says that it is of, while the reader requires more of others. */
  unexpected: string | null
}

export type Walk = {
  /** When it ended. */
  at: string
  walked: readonly Walked[]
  /** Why the list could not be had to its end; null where it could. */
  unlisted: string | null
  series: readonly Series[]
  /** What is another one than the server's own list says. */
  unlikeList: readonly SeriesFault[]
  /** What was asked for by its name, and the server does not have. */
  absent: ReadonlySet<string>
  /** All that has been verified with a place, in this walk and in those that it goes on. */
  met: readonly HeldEnvelope[]
  /** What it was held against. */
  held: readonly HeldEnvelope[]
}

/**
 * Fetches and verifies every envelope that the server lists, and walks them by what each was sealed after. What the
 * list says is believed of nothing but what there is to ask for. One that cannot be had is named, and hides none of the
 * others. Where a page of the list cannot be, what a record names before it and what is `remembered` are asked for all the
 * same, and of what nothing names none is called missing. `before`: a walk of which only what it could not read is asked
 * for again, and which the list of now is held against; `only`: this one record of those.
 */
export async function walkChain(
  rim: WalkRim,
  remembered: readonly HeldEnvelope[],
  onProgress: (done: number, known: number) => void,
  signal: AbortSignal,
  { before = null, only = null }: { before?: Walk | null; only?: string | null } = {},
): Promise<Walk> {
  const broken: string[] = []
  const listed = await allListed(
    async (cursor) => {
      try {
        return await rim.list(cursor, signal)
      } catch (error) {
        if (signal.aborted || cursor === '') throw error
        // A server must not hide what it has listed behind a page that it does not answer.
        broken.push(wordsOf(error).detail)
        return { items: [], next_cursor: null }
      }
    },
    (known) => onProgress(0, known),
  )
  const [unlisted = null] = broken
  const judge = async (id: string, taken: readonly (readonly TakenOver[])[]) => {
    try {
      return await rim.judge(id, taken, signal)
    } catch (error) {
      if (signal.aborted) throw error
      return { notHad: wordsOf(error).detail }
    }
  }
  const read = new Map(
    before?.walked.flatMap((one) => {
      const isAsked = one.isUnread && (only === null || one.listed.evidence_id === only)
      return isAsked ? [] : [[keyOf(one.listed), one]]
    }),
  )
  // Of one that is both, what was walked says more.
  const held = distinctHeld([...remembered, ...(before?.met ?? [])])
  const walked: Walked[] = []
  const absent = new Set<string>()
  const asked = new Map<string, Named>(listed.map((one) => [one.evidence_id, one]))
  const rowsOf = Map.groupBy(listed, ({ evidence_id }) => evidence_id)
  const askFor = (one: Named) => {
    const isNew = unlisted !== null && !asked.has(one.evidence_id) && asked.size < MOST_LISTED
    if (isNew) asked.set(one.evidence_id, one)
  }
  held.forEach(askFor)
  // What a record names is asked for behind it.
  for (const [evidence_id, one] of asked) {
    const known = read.get(keyOf(one))
    const isNamed = !rowsOf.has(evidence_id)
    // For one record thousands that are not there are not asked for again.
    const isGone = only !== null && isNamed && before?.absent.has(evidence_id) === true
    const verdict = known || isGone ? null : await judge(evidence_id, [])
    if (!known && verdict === null && isNamed) absent.add(evidence_id)
    else walked.push(known ? { ...known, listed: one } : walkedOf(one, verdict))
    const last = walked.at(-1)?.placed
    if (last?.previous) askFor({ ...last.previous, seal_seq: last.seal_seq - 1 })
    onProgress(walked.length + absent.size, asked.size)
  }
  const placed = walked.flatMap((one) => one.placed ?? [])
  const differing = await compareTaken(placed, async ({ evidence_id, head }, taken) => {
    const again = await judge(evidence_id, taken)
    if (again === null || !('notHad' in again))
      return again?.walk?.place.head === head ? again.walk.differing : null
    const at = walked.findIndex(({ placed: one }) => one?.evidence_id === evidence_id)
    const one = walked[at]
    const open = `What others took over from it could not be compared: it could not be had again: ${again.notHad}`
    if (one) walked[at] = { ...one, isUnread: true, open }
    return []
  })
  const unplaced = walked.flatMap((one) => one.unplaced ?? [])
  const met = distinctHeld([...(before?.met ?? []), ...placed])
  const series = walkSeries(placed, {
    remembered: held,
    unplaced,
    differing,
    isPart: unlisted !== null,
    absent,
  })
  const rememberedIds = new Set(held.map(({ evidence_id }) => evidence_id))
  const unlikeList = againstList(
    walked.flatMap(({ listed: one, placed, unplaced, sha256 }) => {
      const says = placed ?? unplaced?.says ?? null
      if (says === null || sha256 === null) return []
      // More than one thing where the list contradicts itself.
      const rows = rowsOf.get(one.evidence_id) ?? [{ evidence_id: one.evidence_id }]
      return rows.map((row) => ({ listed: row, says, isSealed: placed !== null, sha256 }))
    }),
    // What stands in the place of a remembered one is told by that.
    walked.flatMap(({ listed: one, verdict }) =>
      verdict === 'not here' && !rememberedIds.has(one.evidence_id)
        ? (rowsOf.get(one.evidence_id) ?? [])
        : [],
    ),
  )
  return { at: rim.now(), walked, unlisted, series, unlikeList, absent, met, held }
}

/** Is something other than it should be? What could not be had is not. */
export const isBroken = (walk: Walk): boolean => wrongIn(walk).length > 0

/** What is other than it should be, in a sentence each. */
const wrongIn = ({ walked, series, unlikeList }: Walk): string[] => [
  ...[...series.map(({ faults }) => faults), unlikeList].flatMap((faults) =>
    groupsOf(faults).map(({ message }) => message),
  ),
  ...walked.flatMap(({ fault, listed }) =>
    fault === null ? [] : [`${listed.evidence_id}: ${fault}`],
  ),
]

/** The same but for keys that have ended: that is told by the key, and answered there. */
const wrongItself = ({ walked, ...walk }: Walk): string[] =>
  wrongIn({ ...walk, walked: walked.filter(({ endedKey }) => endedKey === null) })
export const isBrokenItself = (walk: Walk): boolean => wrongItself(walk).length > 0

/** What is remembered of it. */
export function madeOf(walk: Walk): WalkMade {
  const [wrong = null, ...others] = wrongItself(walk)
  return {
    at: walk.at,
    placed: walk.walked.flatMap(({ placed, sealed_by }) =>
      placed === null ? [] : [{ place: placed, by: sealed_by }],
    ),
    wrong: wrong === null || others.length === 0 ? wrong : `${wrong} And ${others.length} more.`,
    is_part:
      walk.unlisted !== null ||
      walk.walked.some(({ isUnread, endedKey }) => isUnread || endedKey !== null),
  }
}

/** Was the walk held against this one, and did not find it as it was? Of what was first seen since it began it says nothing. */
export function isGone(walk: Walk): (seen: HeldEnvelope) => boolean {
  const isHere = isWalked(walk)
  const held = new Set(walk.held.map(heldName))
  return (seen) => held.has(heldName(seen)) && !isHere(seen)
}

/** Is this one, as it was seen, among what was walked? What could not be had, or is by a key that has ended, may still be it. */
const isWalked = ({ walked }: Walk): ((seen: HeldEnvelope) => boolean) => {
  const byId = Map.groupBy(walked, ({ listed }) => listed.evidence_id)
  return (seen) =>
    byId.get(seen.evidence_id)?.some(({ placed, unplaced, isUnread, endedKey }) => {
      if (isUnread || endedKey !== null) return true
      const there = placed ?? unplaced?.says
      return there?.head === seen.head && !isSealedTwice(there, seen)
    }) === true
}

const keyOf = ({ evidence_id, head, seal_seq }: Named): string =>
  `${evidence_id} ${head} ${seal_seq}`

function walkedOf(listed: Named, verdict: Verdict | { notHad: string } | null): Walked {
  const nothing = {
    listed,
    placed: null,
    sha256: null,
    sealed_by: null,
    unplaced: null,
    fault: null,
    unkept: null,
    open: null,
    isByRefused: false,
    isUnread: false,
    endedKey: null,
    ended: [],
    unexpected: null,
  }
  const { evidence_id } = listed
  if (verdict === null)
    return {
      ...nothing,
      verdict: 'not here',
      fault: 'It is listed, and the server does not have it.',
    }
  if ('notHad' in verdict)
    return {
      ...nothing,
      verdict: 'not read',
      unplaced: { evidence_id, says: null },
      open: `It could not be had: ${verdict.notHad}`,
      isUnread: true,
    }
  const { sealed_by, walk = null } = verdict
  const ended = [...new Set(verdict.claims.flatMap((claim) => claim.ended ?? []))]
  const found = { ...nothing, verdict: verdict.verdict, ended }
  const failing = verdict.claims.filter(fails)
  const wrongs = failing.filter(({ claim }) => claim !== 'expectations')
  const wrong = wrongs[0]?.message ?? null
  if (walk === null) {
    const fault = wrong ?? failing[0]?.message ?? 'It does not verify.'
    const isEnded = wrongs.length > 0 && wrongs.every(({ code }) => ENDED.includes(code))
    const endedKey = isEnded ? (sealed_by?.key_id ?? null) : null
    return { ...found, unplaced: { evidence_id, says: null }, fault, endedKey }
  }
  const { place: says, sha256 } = walk
  const unkept = failing[0]?.message ?? null
  const byRefused = isByRefused(verdict.claims)
  return sealed_by === null
    ? {
        ...found,
        sha256,
        unplaced: { evidence_id, says },
        fault: wrong ?? unkept,
        isByRefused: byRefused,
        open: (wrong ?? unkept) === null ? (byRefused ? BY_REFUSED : NOT_PLACED) : null,
      }
    : {
        ...found,
        sha256,
        placed: says,
        sealed_by,
        fault: wrong,
        unkept: wrong === null ? unkept : null,
        // Of a key that is not pinned it is that which keeps it back.
        unexpected: sealed_by.source === 'pinned' ? namedAlone(verdict.claims) : null,
      }
}

const ENDED: readonly ClaimCode[] = ['key-retired', 'key-revoked']

const BY_REFUSED =
  'Its seal names a key that you refused, so that it has no place among the others.'
