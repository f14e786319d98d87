import { Previous } from '#contract/envelope.ts'
import { parse } from '#contract/parse.ts'
import { Count, Id, Sha256 } from '#contract/scalar.ts'
import { type RequiredDefinition, ServerKey, TrustFile, type TrustSource } from '#contract/trust.ts'
import { type Trusted, trustFault } from '#evidence/trust.ts'
import { distinctHeld, type HeldEnvelope, heldName, isSealedTwice } from '#evidence/place.ts'
import * as z from 'zod/mini'
import { answerOf, transact, whyNot } from './browser-store.ts'
import { forgetHeard, hear, heard, type Heard } from './heard.ts'
import { isAsFar, lowered } from './key-standing.ts'
import { asMet, Head, Met, MOST_MET, withMet } from './met.ts'

const LastWalk = z.object({
  at: z.string(),
  /** The highest number that had a place in it. */
  up_to: z.nullable(Count),
  is_broken: z.boolean(),
})
/** When this browser last walked the chain, how far, and whether something was wrong that the reader has not answered. */
export type LastWalk = z.infer<typeof LastWalk>
const Standing = z.pick(ServerKey, { status: true, last_seal_seq: true })
const Fell = z.object({ at: z.string(), from: Standing })
const Unlike = z.object({ at: z.string(), said: z.string() })
const Dropped = z.object({ key_id: Sha256, why: z.string(), isPinned: z.boolean() })
/** A key that was kept, or pinned, and is none; why, in a sentence. */
export type Dropped = z.infer<typeof Dropped>
const Held = z.object({
  ...Head.shape,
  sealed_at: z.exactOptional(z.string()),
  previous: z.exactOptional(Previous),
  run_id: z.exactOptional(Id),
  starters: z.exactOptional(z.readonly(z.array(z.string()))),
  decisions: z.prefault(z.array(z.object({ nonce: z.string(), sha256: Sha256 })), []),
})

/**
 * What this reader trusts, kept in this browser and never by the server that it is about. A browser keeps apart what each
 * server's page stores, so this is about one server.
 */
const Kept = z.object({
  /** Compared by the reader. */
  pinned: TrustFile,
  /** Keys that the server offered here, with the first day. */
  seen: z.record(Sha256, z.string()),
  /** Those keys themselves, each as far as it counts by all that the server said of it. */
  keys: z.prefault(z.array(ServerKey), []),
  /** Of one that the server took back since, when it first did and how it was before. */
  fell: z.prefault(z.record(Sha256, Fell), {}),
  /** What the reader said of each; the first key needs no answer, a later one is a loud event until it has one. */
  answered: z.prefault(z.record(Sha256, z.enum(['accepted', 'refused'])), {}),
  refusedAt: z.prefault(z.record(Sha256, z.string()), {}),
  /** So many more there were than wait for an answer. */
  unkept: z.prefault(Count, 0),
  /** What was kept under a fingerprint that is not its own, until the reader has read so. */
  dropped: z.prefault(z.array(Dropped), []),
  /** What was pinned until a trust file took its place. */
  before: z.prefault(z.nullable(TrustFile), null),
  /** Of this server's envelopes that were verified here and sealed by a key that the reader pinned or accepted. */
  heads: z.array(Held),
  /** The last one over the whole series. */
  walk: z.prefault(z.nullable(LastWalk), null),
  /**
   * When and what of it was last found not to be as it was seen before, or as it should be, until a walk finds nothing or
   * the reader knows why.
   */
  unlike: z.prefault(z.nullable(Unlike), null),
})
export type Kept = z.infer<typeof Kept> & {
  /** Why the browser keeps nothing, or nothing new. Of this page, and kept nowhere. */
  readonly fault?: StoreFault
}

/**
 * `unread`: what is kept cannot be had, so that whom the reader trusts and refused is not known, which is another thing
 * than nobody. `foreign`: so it is since it is there and nothing that a page of this viewer wrote. `unkept`: it is had, and
 * the last of what was to be added was not.
 */
export type StoreFault = {
  readonly kind: 'unread' | 'foreign' | 'unkept'
  readonly why: string
}

/** Is whom the reader trusts and refused not known? */
export const isUnread = <T extends Pick<Kept, 'fault'>>(
  kept: T,
): kept is T & { readonly fault: StoreFault } =>
  kept.fault !== undefined && kept.fault.kind !== 'unkept'

/** What the reader said was not kept, and counts for nothing. */
export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly title = 'That was not kept in this browser'
}

export const NOTHING_KEPT: Kept = {
  pinned: { schema: 'runseal/trust/1', server_keys: [], approvers: [], required: [] },
  seen: {},
  keys: [],
  fell: {},
  answered: {},
  refusedAt: {},
  unkept: 0,
  dropped: [],
  before: null,
  heads: [],
  walk: null,
  unlike: null,
}

/**
 * `met`: each record that had a place in a walk under a key that the reader pinned or accepted. It lies beside what is
 * kept, since it is long, and what is kept is read with every verdict.
 */
export type Memory = {
  readonly kept: Kept
  readonly met: readonly Met[]
  /** Why what was met is there and cannot be read, so that nothing is held against it; else there is none. */
  readonly unread?: string
}

const MAX_HEADS = 1000

/** So many keys that wait for the reader's answer are kept. */
export const MOST_WAITING = 100

/** Never fails: what cannot be had is `fault` of what is then nothing. */
export async function readKept(): Promise<Kept> {
  return (await read(async (store) => ({ kept: await keptOf(store), met: [] }))).kept
}

/** The same of what was met as well. */
export const readMemory = (): Promise<Memory> => read(memoryOf)

async function read(from: (store: IDBObjectStore) => Promise<Memory>): Promise<Memory> {
  try {
    const { kept, ...memory } = await transact('readonly', from)
    return { kept: lost === null ? kept : { ...kept, fault: lost }, ...memory }
  } catch (error) {
    const kind = error instanceof ForeignError ? 'foreign' : 'unread'
    return { kept: { ...NOTHING_KEPT, fault: { kind, why: whyNot(error) } }, met: [] }
  }
}

/** Why what was last to be kept was not; null where it was. */
let lost: StoreFault | null = null

const keptOf = async (store: IDBObjectStore) => withHeard(keptIn(await rawOf(store, 'kept')))

async function memoryOf(store: IDBObjectStore): Promise<Memory> {
  const [kept, met] = await Promise.all([keptOf(store), rawOf(store, 'met')])
  return memoryIn(kept, met)
}

/** Of what was met alone nothing is lost that the reader said, or what was opened here. */
export function memoryIn(kept: Kept, stored: unknown): Memory {
  if (stored === undefined) return { kept, met: [] }
  const parsed = parse(z.array(Met), stored)
  return parsed.ok
    ? { kept, met: parsed.value }
    : { kept, met: [], unread: foreign(parsed.error.message) }
}

const foreign = (message: string): string =>
  `what is kept is nothing that this page has written: ${message}`
class ForeignError extends Error {
  override readonly name = 'ForeignError'
}

// What is there and cannot be read may be pinned or refused: taken for nothing, the next change would write over it.
const keptIn = (stored: unknown): Kept =>
  stored === undefined ? NOTHING_KEPT : withoutFalse(withFewWaiting(parsedKept(stored)))

/** What is kept, as it is read: of keys that wait for an answer it may have more than are kept by now. */
export function withFewWaiting(kept: Kept): Kept {
  const over = new Set(unanswered(kept).slice(MOST_WAITING))
  if (over.size === 0) return kept
  const unkept = Math.max(kept.unkept, over.size)
  return { ...kept, unkept, keys: kept.keys.filter((key) => !over.has(key)) }
}

/**
 * What is kept, as it is read. A key under the fingerprint of another would be confirmed by who compares that one, and
 * would have all that is pinned refused as a whole [V17]: it is taken out by itself, which is said.
 */
export function withoutFalse(kept: Kept): Kept {
  const faults = [
    ...falseIn(kept.pinned.server_keys).map((one) => ({ ...one, isPinned: true })),
    ...falseIn(kept.keys).map((one) => ({ ...one, isPinned: false })),
    ...falseIn(kept.before?.server_keys ?? []).map((one) => ({ ...one, isPinned: false })),
  ]
  if (faults.length === 0) return kept
  const ofThem = (one: Dropped) => !kept.dropped.some(({ key_id }) => key_id === one.key_id)
  const byId = new Map(faults.toReversed().map((one) => [one.key_id, one]))
  return {
    ...kept,
    pinned: withoutFalseOf(kept.pinned),
    before: kept.before && withoutFalseOf(kept.before),
    keys: kept.keys.filter((key) => faultOf(key) === null),
    dropped: [...kept.dropped, ...[...byId.values()].filter(ofThem)].slice(-MOST_DROPPED),
  }
}
const MOST_DROPPED = 20

const falseIn = (keys: readonly ServerKey[]) =>
  keys.flatMap((key) => {
    const why = faultOf(key)
    return why === null ? [] : [{ key_id: key.key_id, why }]
  })

const withoutFalseOf = (file: TrustFile): TrustFile => ({
  ...file,
  server_keys: file.server_keys.filter((key) => faultOf(key) === null),
})

const faultOf = (key: ServerKey): string | null =>
  trustFault({ ...NOTHING_KEPT.pinned, server_keys: [key] })

function parsedKept(stored: unknown): Kept {
  const parsed = parse(Kept, stored)
  if (parsed.ok) return parsed.value
  throw new ForeignError(foreign(parsed.error.message))
}

/**
 * Reads, changes and writes in one transaction: two tabs do not undo each other. Throws a StoreError where it is not kept,
 * which is then a fault of what is read.
 */
const change = (by: (kept: Kept) => Kept): Promise<Kept> =>
  write(async (store) => {
    const before = await keptOf(store)
    const next = by(before)
    store.put(next, 'kept')
    return { before, next }
  })

/** The same of what was met as well, which is written only where it is another. */
const changeMemory = (by: (memory: Memory) => Memory): Promise<Kept> =>
  write(async (store) => {
    const before = await memoryOf(store)
    // Nothing is written over what the reader has not let go.
    if (before.unread !== undefined) throw new Error(before.unread)
    const next = by(before)
    store.put(next.kept, 'kept')
    if (next.met !== before.met) store.put(next.met, 'met')
    return { before: before.kept, next: next.kept }
  })

/** All that is kept, as it is, whoever wrote it. */
export const keptAsItIs = (): Promise<object> =>
  transact('readonly', async (store) => {
    const [kept, met] = await Promise.all([rawOf(store, 'kept'), rawOf(store, 'met')])
    return { kept, met }
  })
const rawOf = (store: IDBObjectStore, name: string) => answerOf<unknown>(store.get(name))

/** Lets go of what is there and cannot be read, and of nothing else: this browser then meets all of that for the first time. */
export const letGoOfForeign = () =>
  write(async (store) => {
    const [kept, met] = await Promise.all([rawOf(store, 'kept'), rawOf(store, 'met')])
    const isForeign = kept !== undefined && !parse(Kept, kept).ok
    if (isForeign) store.delete('kept')
    const next = isForeign ? NOTHING_KEPT : await keptOf(store)
    if (memoryIn(next, met).unread !== undefined) store.delete('met')
    return { before: next, next }
  })

async function write(
  by: (store: IDBObjectStore) => Promise<{ before: Kept; next: Kept }>,
): Promise<Kept> {
  try {
    const { before, next } = await transact('readwrite', by)
    lost = null
    forgetHeard()
    tell(before, next)
    return next
  } catch (error) {
    lost = { kind: 'unkept', why: whyNot(error) }
    throw new StoreError(lost.why)
  }
}

/** What the page notes by itself. That it was not kept is said of what is read, and holds up nothing. */
const noted = (changed: Promise<Kept>): Promise<Kept> => changed.catch(readKept)

/** Only of what is another by now: two tabs that each tell of nothing new would never be done. */
function tell(before: Kept, next: Kept): void {
  if (weighs(before) !== weighs(next)) channel()?.postMessage('trust' satisfies Elsewhere)
  else if (JSON.stringify(before) !== JSON.stringify(next))
    channel()?.postMessage('seen' satisfies Elsewhere)
}

/** What a verdict depends on, apart from what was seen here. */
const weighs = (kept: Kept) => JSON.stringify([trustSaid(kept), kept.seen, kept.keys])

/** What the reader said of whom they trust, and what the server took back: of two that are the same it is the same. */
export const trustSaid = ({ pinned, answered, fell }: Kept): string =>
  JSON.stringify([pinned, answered, fell])

/** What another tab of this browser changed: whom the reader trusts, or what was seen. */
type Elsewhere = 'trust' | 'seen'

/** Calls `act` whenever another tab changed what is kept. */
export function hearElsewhere(act: (what: Elsewhere) => void): void {
  channel()?.addEventListener('message', ({ data }: MessageEvent<Elsewhere>) => act(data))
}

// One for all of this page: who tells does not hear it. Where a browser has none, a reload is what makes it known.
let opened: BroadcastChannel | null = null
function channel(): BroadcastChannel | null {
  opened ??= openedChannel()
  return opened
}

function openedChannel(): BroadcastChannel | null {
  try {
    return typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('runseal trust')
  } catch {
    // Firefox has it, and refuses it to a site that may store nothing.
    return null
  }
}

/** Nothing of it where `pinFault` has a word to say. */
export const pin = (key: ServerKey) =>
  change((kept) => (pinFault(kept, key) === null ? withPinned(kept, key) : kept))

/** What a server calls its key is no name that the reader gave it. */
export const withPinned = (
  kept: Kept,
  { key_id, alg, public_key, status, last_seal_seq }: ServerKey,
): Kept => ({
  ...kept,
  pinned: {
    ...kept.pinned,
    server_keys: [...without(kept, key_id), { key_id, alg, public_key, status, last_seal_seq }],
  },
  answered: { ...kept.answered, [key_id]: 'accepted' },
})

/** Why this key cannot be pinned beside the rest, which would be refused as a whole with it; null where it can. */
export const pinFault = (kept: Kept, key: ServerKey): string | null =>
  trustFault(withPinned(kept, key).pinned)

/** The reader has read which keys were dropped. */
export const forgetDropped = (dropped: readonly Dropped[]) =>
  change((kept) => ({
    ...kept,
    dropped: kept.dropped.filter((one) => !dropped.some(({ key_id }) => key_id === one.key_id)),
  }))

export const unpin = (key_id: string) =>
  change((kept) => ({
    ...kept,
    pinned: { ...kept.pinned, server_keys: without(kept, key_id) },
  }))

/** A trust file that the reader has from elsewhere takes the place of what was pinned, which can be had back. */
export const adopt = (file: TrustFile) => change((kept) => adopted(kept, file))
export const adopted = (kept: Kept, file: TrustFile): Kept => ({
  ...kept,
  pinned: file,
  before: kept.pinned,
})

/** What was pinned before a trust file took its place is pinned again. */
export const takeBack = () => change(takenBack)
export const takenBack = (kept: Kept): Kept => ({
  ...kept,
  pinned: kept.before ?? kept.pinned,
  before: null,
})

/** One requirement a definition: a new one takes the place of the old. */
export const requireDefinition = (definition: RequiredDefinition) =>
  change((kept) => withRequired(kept, definition.name, [definition]))

export const requireNothingOf = (name: string) => change((kept) => withRequired(kept, name, []))

/**
 * What there is no room for is known as soon as the page begins, and what could not be kept is tried again: what is kept is
 * written as it is.
 */
export const keepAgain = () => noted(change((kept) => kept))

/** What the server offers, remembered with the day. At a first meeting there is nothing to compare it with. */
export async function see(offered: readonly ServerKey[], at: string): Promise<Kept> {
  const kept = await noted(change((kept) => withSeen(kept, offered, at)))
  if (kept.fault === undefined) return kept
  const before = afterAll(kept, heard())
  const keys = withSeen(before, offered, at).keys.filter((key) => !before.keys.includes(key))
  if (keys.length === 0) return kept
  hear({ at, keys })
  return await readKept()
}

/** With what the server said that could not be kept. At a first meeting there is nothing that it could be held against. */
export const withHeard = (kept: Kept): Kept => (wasRead(kept) ? afterAll(kept, heard()) : kept)

const afterAll = (kept: Kept, said: readonly Heard[]): Kept =>
  said.reduce((before, { at, keys }) => withSeen(before, keys, at), kept)

/** `kept` itself where that says nothing new. */
export function withSeen(kept: Kept, offered: readonly ServerKey[], at: string): Kept {
  const said = new Map(offered.map((key) => [key.key_id, key]))
  const had = new Set(kept.keys.map(({ key_id }) => key_id))
  const keys = kept.keys.map((key) => lowered(key, said.get(key.key_id) ?? key))
  const fell = kept.keys.flatMap(({ key_id, status, last_seal_seq }, nth) =>
    keys[nth] === kept.keys[nth]
      ? []
      : [[key_id, { at, from: { status, last_seal_seq } }] as const],
  )
  const isAnswered = ({ key_id }: ServerKey) => Object.hasOwn(kept.answered, key_id)
  const room = MOST_WAITING - unanswered(kept).length
  const others = offered.filter(({ key_id }) => !had.has(key_id))
  const waiting = others.filter((key) => !isAnswered(key))
  const unseen = [...others.filter(isAnswered), ...waiting.slice(0, room)]
  const unkept = Math.max(kept.unkept, waiting.length - room)
  if (unseen.length === 0 && fell.length === 0 && unkept === kept.unkept) return kept
  const seen = { ...Object.fromEntries(unseen.map(({ key_id }) => [key_id, at])), ...kept.seen }
  const first = Object.keys(kept.seen).length > 0 ? kept.seen : seen
  return {
    ...kept,
    seen,
    keys: [...keys, ...unseen],
    fell: { ...kept.fell, ...Object.fromEntries(fell) },
    unkept,
    answered:
      Object.keys(kept.answered).length > 0
        ? kept.answered
        : Object.fromEntries(Object.keys(first).map((key_id) => [key_id, 'accepted' as const])),
  }
}

/** What the server says of a key counts as it says it now, by the reader's word; also where they pinned it. */
export const takeWord = (key: ServerKey) => change((kept) => withWord(kept, key))
export function withWord(kept: Kept, { key_id, status, last_seal_seq }: ServerKey): Kept {
  const as = (one: ServerKey) => (one.key_id === key_id ? { ...one, status, last_seal_seq } : one)
  const { [key_id]: _, ...fell } = kept.fell
  return {
    ...kept,
    keys: kept.keys.map(as),
    fell,
    pinned: { ...kept.pinned, server_keys: kept.pinned.server_keys.map(as) },
  }
}

/** Has this page something in hand that was kept? */
export const wasRead = ({ seen }: Kept): boolean => Object.keys(seen).length > 0

/** Did the server take something back of a key that was kept before? */
export const hasFallen = (before: Kept, now: Kept): boolean =>
  now.keys.some((key) => before.keys.some((one) => one.key_id === key.key_id && !isAsFar(one, key)))

/** Keys of this server that a file can be held against without asking it: those that need no answer any more. */
export const knownKeys = ({ keys, answered }: Kept): ServerKey[] =>
  keys.filter(({ key_id }) => answered[key_id] === 'accepted')

/** The reader's answer to a key that the server did not offer before. */
export const answerKey = (
  key_id: string,
  answer: 'accepted' | 'refused',
  at = new Date().toISOString(),
) => change((kept) => withAnswer(kept, [key_id], answer, at))

/** The same of all that were waiting: what a flood of keys has to be answered by. */
export const refuseAll = (key_ids: readonly string[], at = new Date().toISOString()) =>
  change((kept) => withAnswer(kept, key_ids, 'refused', at))

export function withAnswer(
  kept: Kept,
  key_ids: readonly string[],
  answer: 'accepted' | 'refused',
  at: string,
): Kept {
  const each = <T>(value: T) => Object.fromEntries(key_ids.map((key_id) => [key_id, value]))
  const next = {
    ...kept,
    answered: { ...kept.answered, ...each(answer) },
    ...(answer === 'refused' && { refusedAt: { ...kept.refusedAt, ...each(at) } }),
  }
  // What was not kept is known to nobody any more. Where the server offers it still, it waits from then on.
  return unanswered(next).length === 0 ? { ...next, unkept: 0 } : next
}

/**
 * Keys that the server offered here, and that the reader has neither accepted nor refused. One that it offers no more
 * waits all the same: that it was there for a moment is what the reader has to know.
 */
export const unanswered = ({ keys, answered }: Kept): ServerKey[] =>
  Object.keys(answered).length === 0
    ? []
    : keys.filter(({ key_id }) => !Object.hasOwn(answered, key_id))

/** What became of a walk: all that had a place in it, and by whose key. */
export type WalkMade = {
  /** When it ended: by that it is told from any other. */
  readonly at: string
  readonly placed: readonly {
    readonly place: HeldEnvelope
    readonly by: Parameters<typeof remembers>[1]
  }[]
  /** What is other than it should be. */
  readonly wrong: string | null
  /** Something could not be had. */
  readonly is_part: boolean
}

/**
 * That its list, or a record, is not as it was seen here before is said until a walk has looked, also where it does not
 * answer again. What the last walk found wrong says more.
 */
export const rememberUnlike = (said: string, at = new Date().toISOString()) =>
  noted(change((kept) => withUnlike(kept, said, at)))
export const withUnlike = (kept: Kept, said: string, at: string): Kept =>
  kept.walk?.is_broken === true || kept.unlike?.said === said
    ? kept
    : { ...kept, unlike: { at, said } }

/** What the walk met is remembered, and nothing let go that it did not meet as it was: that may be another history's. */
export const rememberWalk = (walk: WalkMade) =>
  noted(changeMemory((memory) => withWalk(memory, walk)))
export function withWalk({ kept, met }: Memory, walk: WalkMade): Memory {
  const { at, wrong } = walk
  const numbers = walk.placed.map(({ place }) => place.seal_seq)
  const up_to = numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b))
  return {
    kept: {
      ...kept,
      walk: { at, up_to, is_broken: wrong !== null },
      unlike: wrong === null ? (walk.is_part ? kept.unlike : null) : { at, said: wrong },
    },
    met: metBy(met, walk, kept),
  }
}

/**
 * The reader knows why this server's history is another than that walk was held against: what `isGone` by it is let go.
 * What another tab has met since stays, and so does what is wrong with a walk that the reader was not asked about.
 */
export const beginAnew = (walk: WalkMade, isGone: (head: HeldEnvelope) => boolean) =>
  changeMemory((memory) => begunAnew(memory, walk, isGone))
export function begunAnew(
  { kept, met }: Memory,
  walk: WalkMade,
  isGone: (head: HeldEnvelope) => boolean,
): Memory {
  const isLeft = (head: HeldEnvelope) => !isGone(head)
  const isLast = kept.walk?.at === walk.at
  return {
    kept: {
      ...kept,
      walk: kept.walk && { ...kept.walk, is_broken: kept.walk.is_broken && !isLast },
      unlike: isLast ? null : kept.unlike,
      heads: kept.heads.filter(isLeft),
    },
    met: metBy(met.filter(isLeft), { ...walk, wrong: null }, kept),
  }
}

const metBy = (old: readonly Met[], { placed, wrong }: WalkMade, kept: Kept) =>
  withMet(old, {
    here: placed.flatMap(({ place, by }) => (remembers(kept, by) ? [asMet(place)] : [])),
    placed: placed.map(({ place }) => asMet(place)),
    isBroken: wrong !== null,
  })

/** What this browser has seen of this server's series, each once. */
export const seenHere = ({ kept, met }: Memory): HeldEnvelope[] =>
  // Of one that is both, the head says more.
  distinctHeld<HeldEnvelope>([...met, ...kept.heads])

/** Has a key so many that others are let go, or not remembered? */
export const isFull = ({ met }: Memory): boolean =>
  [...Map.groupBy(met, ({ server }) => server).values()].some((ofKey) => ofKey.length >= MOST_MET)

/** Of all that, the one with the highest number. */
export const newestOf = (seen: readonly HeldEnvelope[]): HeldEnvelope | null =>
  seen.reduce<HeldEnvelope | null>(
    (most, one) => (most === null || one.seal_seq > most.seal_seq ? one : most),
    null,
  )

/**
 * Every verified envelope counts, whoever's the key is by now: a server that seals a second history is found out by the
 * first that was seen. Not one by a key that waits for an answer, and not a file of another server, which is not to be
 * missed here.
 */
export const remembers = (
  { seen, answered }: Pick<Kept, 'seen' | 'answered'>,
  by: { readonly key_id: string; readonly source: TrustSource } | null,
): boolean =>
  by !== null &&
  Object.hasOwn(seen, by.key_id) &&
  (by.source === 'pinned' || answered[by.key_id] === 'accepted')

export const rememberHead = (head: HeldEnvelope) =>
  noted(
    change((kept) => {
      // Another one under the same id, or with another seal, takes no place of one before: the server sealed two.
      if (kept.heads.some((one) => isSealedTwice(one, head))) return kept
      const others = kept.heads.filter((one) => heldName(one) !== heldName(head))
      const last = { ...head, decisions: [...(head.decisions ?? [])] }
      return { ...kept, heads: [...others, last].slice(-MAX_HEADS) }
    }),
  )

/** Did the reader refuse it? Then it is none, whichever file has it, until they pin it by itself. */
export const isRefused = ({ answered }: Pick<Kept, 'answered'>, { key_id }: ServerKey): boolean =>
  answered[key_id] === 'refused'

/** For a verifier: that whom the reader trusts and refused is not known, and why. */
export const unreadOf = (kept: Pick<Kept, 'fault'>): { unread?: string } =>
  isUnread(kept) ? { unread: kept.fault.why } : {}

/** The ids of all of them. */
export const refusedIds = ({ answered }: Pick<Kept, 'answered'>): string[] =>
  Object.keys(answered).filter((key_id) => answered[key_id] === 'refused')

/** A trust file as it counts here. */
export const withoutRefused = (kept: Pick<Kept, 'answered'>, file: TrustFile): TrustFile => ({
  ...file,
  server_keys: file.server_keys.filter((key) => !isRefused(kept, key)),
})

/** Every key that the reader refused and this browser has, each once. */
export const refusedKeys = (kept: Kept): ServerKey[] => {
  const known = [...kept.keys, ...kept.pinned.server_keys].filter((key) => isRefused(kept, key))
  return [...new Map(known.map((key) => [key.key_id, key])).values()]
}

/**
 * What a verifier is given: pinned; what was seen here before, also where the server offers it no more, since it has
 * sealed what it sealed; and of what is offered the rest: each as far as the server ever said. A key that the reader
 * refused is none.
 */
export function trustedOf(kept: Kept, offered: readonly ServerKey[]): Trusted[] {
  const file = (server_keys: ServerKey[]): TrustFile => ({
    schema: 'runseal/trust/1',
    server_keys,
    approvers: [],
    required: [],
  })
  const answerTo = ({ key_id }: ServerKey) => kept.answered[key_id]
  const known = new Map(kept.keys.map((key) => [key.key_id, key]))
  const isOffered = new Set(offered.map(({ key_id }) => key_id))
  const former = knownKeys(kept).filter(({ key_id }) => !isOffered.has(key_id))
  const counting = [...offered.map((key) => lowered(key, known.get(key.key_id) ?? key)), ...former]
  return [
    { file: withoutRefused(kept, kept.pinned), source: 'pinned' },
    { file: file(counting.filter((key) => answerTo(key) === 'accepted')), source: 'first_seen' },
    { file: file(counting.filter((key) => answerTo(key) === undefined)), source: 'offered' },
  ]
}

const withRequired = (
  kept: Kept,
  name: string,
  definitions: readonly RequiredDefinition[],
): Kept => ({
  ...kept,
  pinned: {
    ...kept.pinned,
    required: [
      ...kept.pinned.required.filter((definition) => definition.name !== name),
      ...definitions,
    ].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  },
})

const without = ({ pinned }: Kept, key_id: string): ServerKey[] =>
  pinned.server_keys.filter((key) => key.key_id !== key_id)
