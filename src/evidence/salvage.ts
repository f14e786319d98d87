import {
  Closing,
  GateEntry,
  type Limits,
  Link,
  LINK_KINDS,
  type LinkKind,
  mostInAList,
  Opening,
  type Seal,
} from '#contract/envelope.ts'
import { Id } from '#contract/scalar.ts'
import * as z from 'zod/mini'
import { watchLinks } from './as-linked.ts'
import { breakOf } from './bytes-break.ts'
import { utf8 } from './canonical.ts'
import { entryPreimage, gateEntry, linkDigest, openChain } from './chain.ts'
import { type Claim, type ClaimCode } from './claims.ts'
import { sha256, sha256OfMany } from './digest.ts'
import { EvidenceError } from './fault.ts'
import { checkGates, type Reader, watchGates } from './gate.ts'
import { ENTRIES_A_BREATH, MANY } from './integrity.ts'
import { fitting, type Part, partAt, type Parts, partsOf, writtenOrNull } from './parts.ts'
import { ownBytes } from './read.ts'
import { type Place, type Remaining, remainingIn, type Stored } from './remaining.ts'
import { checkSeal, statementIn } from './sealed.ts'

/**
 * What can still be said of a file that cannot be read as a record [V21]: which of the parts that are there are those that
 * were linked, by the digests of their bytes. null where nothing can.
 */
export async function salvageOf(
  bytes: Uint8Array,
  code: ClaimCode,
  limits: Limits,
  reader: Reader,
  /** Told every so many entries. */
  breathe: (done: number, of: number) => Promise<void>,
): Promise<Remaining | null> {
  if (code === 'too-large') return null
  try {
    const own = ownBytes(bytes)
    const broken = breakOf(own, code)
    const parts = isPage(own) ? null : partsOf(own, limits)
    if (parts === null && broken === null) return null
    const { evidence_id, run_id, head } = parts ?? NOTHING
    const links = linksIn(parts ?? NOTHING, limits)
    const { stored, slots } = await storedIn(parts ?? NOTHING, links, breathe)
    const seal = parts?.seal
    const signed = await signedIn(parts ?? NOTHING, slots, stored.links, seal, reader)
    const { gates, claims, sealed_by } = signed
    const record = { evidence_id, run_id, gates, head, seal }
    const remaining = remainingIn(record, stored, claims, false, broken)
    return { ...remaining, ...(remaining.sealed && sealed_by && { sealed_by }) }
  } catch (fault) {
    // An engine has no room for it, and says so in its own way: the verdict stands without an account.
    const isNoRoom = fault instanceof RangeError || fault instanceof EvidenceError
    if (isNoRoom || (fault instanceof Error && fault.name === 'InternalError')) return null
    throw fault
  }
}

/** No word of it is a part, whatever it is called: a verifier has all their names in its script. */
const isPage = ([first, second]: Uint8Array): boolean => first === 0x3c && second !== 0x22

const NOTHING: Parts = {
  evidence_id: '',
  run_id: '',
  entries: [],
  order: [],
  links: [],
  head: undefined,
  seal: undefined,
  whole: () => [],
}

type Links = readonly (Link | undefined)[]

/**
 * By the number that each has, so that those behind a gap are in their places. One that follows from the link before it
 * under the next number, and has another, is in that place and cannot be read: its own number would take another's place.
 */
function linksIn(
  { evidence_id, run_id, entries, order, links, head, seal }: Parts,
  limits: Limits,
): Links {
  const all = [...links].map((value) => fitting(Link, value))
  const first = openChain(evidence_id, run_id).head
  const sealed = statementIn(seal)?.predicate.hash_chain
  // Where entries were taken out with their links, what is left follows from each other, and the seal says how many there were.
  const follows = all.flatMap((link, nth) => {
    const prev = nth === 0 ? first : all[nth - 1]?.link
    if (link === undefined) return []
    // The last one is told by the head, whatever is gone before it.
    const isNext = prev !== undefined && linkDigest({ ...link, prev }) === link.link
    return isNext || link.link === head ? [link.seq + 1] : []
  })
  const counts = [all.length, entries.length, order.length + 2, sealed?.count ?? 0]
  const most = Math.min(
    [...counts, ...follows].reduce((one, other) => Math.max(one, other)),
    mostInAList(limits),
  )
  const bySeq: (Link | undefined)[] = []
  let before = { seq: -1, link: first }
  for (const link of all) {
    if (link === undefined) continue
    const seq = before.seq + 1
    const isRenumbered =
      link.seq !== seq && linkDigest({ ...link, seq, prev: before.link }) === link.link
    before = isRenumbered ? { seq, link: link.link } : link
    if (isRenumbered || link.seq >= most) continue
    while (bySeq.length <= link.seq) bySeq.push(undefined)
    bySeq[link.seq] ??= link
  }
  if (sealed !== undefined && bySeq.length > 0 && bySeq.at(-1)?.link !== sealed.head)
    while (bySeq.length < Math.min(sealed.count, most)) bySeq.push(undefined)
  return bySeq
}

/** The entries that are there, and where those were linked that are as they were. */
type Told = {
  readonly entries: readonly Part[]
  readonly digests: readonly string[]
  readonly same: (number | undefined)[]
}

/** By seq: which part stands there, if any does. */
type Slots = readonly (Part | undefined)[]

async function storedIn(
  parts: Parts,
  known: Links,
  breathe: (done: number, of: number) => Promise<void>,
): Promise<{ stored: Stored; slots: Slots }> {
  const { evidence_id, run_id, order, head } = parts
  const seed = openChain(evidence_id, run_id).head
  const all = await matched(parts, placesOf(known, seed), breathe)
  const entries = all.map(({ part }) => part)
  const digests = all.map(({ digest }) => digest)
  // The seq of what is as it was linked.
  const same = all.map(({ seq }) => seq)
  const kinds = ['opening', ...order, 'closing']
  const links = withLost(known, { kinds, entries, digests, same, seed, head })
  // Where entries were taken out of the order too, what stands there is of others.
  const isOrdered = kinds.length >= links.length
  const kindAt = (seq: number): LinkKind | undefined =>
    links[seq]?.kind ?? (isOrdered ? LINK_KINDS.find((one) => one === kinds[seq]) : undefined)
  const others = othersPlaced({ entries, digests, same }, links, seed, kindAt)
  /** Which of the entries stands there, by its place among them. */
  const placed: (number | undefined)[] = links.map(() => undefined)
  for (const nth of entries.keys()) {
    const seq = same[nth] ?? others[nth] ?? null
    if (seq !== null) placed[seq] = nth
  }
  const watched = watchLinks()
  for (const [seq, link] of links.entries()) {
    const nth = placed[seq]
    const prev = seq === 0 ? seed : links[seq - 1]?.link
    const entry = nth === undefined ? undefined : digests[nth]
    watched.add({ seq, kind: link?.kind ?? 'step', prev, entry, known: known[seq] ?? link })
  }
  const asLinked = watched.end(head)
  const missing = links.flatMap((link, seq) => (link && placed[seq] === undefined ? [seq] : []))
  const wheres = wheresOf(entries)
  const gone = new Set(missing.map(kindAt))
  const told = (part: Part, nth: number) => {
    // Where one is gone, what lies there may be another, or two in one: the number is of the first, the name of the last.
    const isItself = same[nth] !== undefined || !gone.has(part.kind)
    const isNamed = isItself || (others[nth] === undefined && part.value() !== undefined)
    return { kind: part.kind, where: wheres[nth] ?? '', ...(isNamed && stepOf(part)) }
  }
  const broken = [...brokenIn(links, seed)]
  const [changed = Infinity] = asLinked.changed.keys()
  const intact = Math.min(changed, missing[0] ?? Infinity, broken[0] ?? Infinity)
  const stored = {
    count: links.length,
    lost: links.length - known.filter((link) => link !== undefined).length,
    asLinked,
    missing,
    broken,
    differing: [],
    added: entries.flatMap((part, nth) =>
      same[nth] === undefined && others[nth] === undefined ? [told(part, nth)] : [],
    ),
    last: links.at(-1)?.link,
    isHeadRight: links.length > 0 && links.at(-1)?.link === head,
    // Those that come out again.
    links: links.slice(0, intact).flatMap((link) => link?.link ?? []),
    placeAt: (seq: number): Place | undefined => {
      const nth = placed[seq]
      const part = nth === undefined ? undefined : entries[nth]
      if (nth !== undefined && part !== undefined) return { seq, ...told(part, nth) }
      const where = `/integrity/hash_chain/links/${seq}`
      return seq >= 0 && seq < links.length ? { seq, kind: kindAt(seq) ?? null, where } : undefined
    },
  }
  return { stored, slots: placed.map((nth) => (nth === undefined ? undefined : entries[nth])) }
}

/** Where entries of each digest were linked: last, to be taken first, those whose links follow, and that before others. */
function placesOf(known: Links, seed: string) {
  const broken = new Set(brokenIn(known, seed))
  const linked = known.flatMap((link, seq) => (link ? { entry: link.entry, seq } : [])).toReversed()
  const isBroken = ({ seq }: { readonly seq: number }) => broken.has(seq)
  const inOrder = [...linked.filter(isBroken), ...linked.filter((one) => !isBroken(one))]
  return Map.groupBy(inOrder, ({ entry }) => entry)
}

type Matched = { readonly part: Part; readonly digest: string; readonly seq?: number | undefined }

/**
 * Each part, and where it was linked if it is as it was. Where one that was linked is not among them it is looked for in the
 * bytes: what is damaged may be what stands between two, so that neither is told apart from the other.
 */
async function matched(
  { entries, whole }: Parts,
  seqs: ReturnType<typeof placesOf>,
  breathe: (done: number, of: number) => Promise<void>,
): Promise<Matched[]> {
  const match = async (parts: Iterable<Part>): Promise<Matched[]> => {
    const all: Matched[] = []
    for (const part of parts) {
      if (all.length % ENTRIES_A_BREATH === ENTRIES_A_BREATH - 1)
        await breathe(all.length, Math.max(all.length, entries.length))
      const digest = await digestOfPart(part)
      // The kind is in what is digested.
      const places = seqs.get(digest)
      const seq = places?.pop()?.seq
      if (places?.length === 0) seqs.delete(digest)
      all.push({ part, digest, seq })
    }
    return all
  }
  const told = await match(entries)
  // What is there once is not found a second time, whatever the digests of other links are.
  for (const { digest, seq } of told) if (seq !== undefined) seqs.delete(digest)
  if (seqs.size === 0) return told
  const found = (await match(whole())).filter(({ seq }) => seq !== undefined)
  if (found.length === 0) return told
  const others = told.filter(({ seq }) => seq === undefined)
  const rests = restsOf(others, found)
  const left = told
    .flatMap((one) => (one.seq === undefined ? (rests.get(one.part) ?? []) : [one]))
    .toSorted((a, b) => spanOf(a.part).from - spanOf(b.part).from)
  return LINK_KINDS.flatMap((kind) => {
    const isOfKind = ({ part }: Matched) => part.kind === kind
    return inOrder(left.filter(isOfKind), found.filter(isOfKind))
  })
}

/** What is left of each where others were found in it: the longest stretch between them that names itself, if one does. */
function restsOf(
  others: readonly Matched[],
  found: readonly Matched[],
): ReadonlyMap<Part, readonly Matched[]> {
  const within = found.map(({ part }) => spanOf(part)).toSorted((a, b) => a.from - b.from)
  const rests = new Map<Part, readonly Matched[]>()
  let first = 0
  for (const one of others.toSorted((a, b) => spanOf(a.part).from - spanOf(b.part).from)) {
    const { part } = one
    const { from, to } = spanOf(part)
    while ((within[first]?.to ?? Infinity) <= from) first += 1
    const cuts: Span[] = []
    for (let nth = first; (within[nth]?.from ?? Infinity) < to; nth += 1) {
      const cut = within[nth]
      if (cut) cuts.push(cut)
    }
    const stretches = [from, ...cuts.map((cut) => cut.to)].flatMap((begin, nth) => {
      const text = part.own?.subarray(begin - from, (cuts[nth]?.from ?? to) - from)
      return text && latin1.decode(text).includes('"step_id":"') ? [text] : []
    })
    const [longest] = stretches.toSorted((a, b) => b.length - a.length)
    const rest = longest && partAt(kindOfRest(part.kind, longest), longest)
    rests.set(part, cuts.length === 0 ? [one] : rest ? [{ part: rest, digest: '' }] : [])
  }
  return rests
}

/** Behind a closing that was found whole stand steps, and behind steps gates: a rest is of the first that it has words of. */
function kindOfRest(kind: LinkKind, rest: Uint8Array): LinkKind {
  if (kind !== 'step' && kind !== 'closing') return kind
  const isOfStep = latin1.decode(rest).includes('"duration_ms":')
  return !isOfStep && endOf(rest)?.['before'] === '}' ? 'gate' : 'step'
}

type Span = { readonly from: number; readonly to: number }

/** Nowhere, where it was read as a value. */
function spanOf({ own }: Part): Span {
  return own === null
    ? { from: 0, to: 0 }
    : { from: own.byteOffset, to: own.byteOffset + own.length }
}

function inOrder(left: readonly Matched[], found: readonly Matched[]): Matched[] {
  const all: Matched[] = []
  let next = 0
  for (const one of left) {
    for (;;) {
      const other = found[next]
      const isBefore =
        other !== undefined &&
        (one.part.own === null
          ? (other.seq ?? 0) < (one.seq ?? 0)
          : spanOf(other.part).from < spanOf(one.part).from)
      if (!isBefore) break
      all.push(other)
      next += 1
    }
    all.push(one)
  }
  return [...all, ...found.slice(next)]
}

/**
 * The links, with those that cannot be read made again of the entries that have none, where what is known behind them
 * follows from that: the next link, or the head. `same` is told where these entries are.
 */
function withLost(
  known: Links,
  {
    kinds,
    entries,
    digests,
    same,
    seed,
    head,
  }: Told & { readonly kinds: readonly unknown[]; readonly seed: string; readonly head: unknown },
): Links {
  const isKnown = known.length === kinds.length && known.every((link) => link !== undefined)
  if (isKnown && same.every((seq) => seq !== undefined)) return known
  const free: { readonly [K in LinkKind]: number[] } = {
    opening: [],
    step: [],
    gate: [],
    closing: [],
  }
  for (const [nth, { kind }] of entries.entries()) if (same[nth] === undefined) free[kind].push(nth)
  const taken = { opening: 0, step: 0, gate: 0, closing: 0 }
  const links: (Link | undefined)[] = [...known]
  let tried: { readonly link: Link; readonly nth: number }[] = []
  let prev: string | undefined = seed
  /** What comes out of the link before, where that is another than it says. */
  let again: string | undefined
  for (let seq = 0; seq <= Math.max(known.length, kinds.length); seq += 1) {
    const next = known[seq]
    const isEnd = seq === kinds.length && known.length <= seq
    if (next !== undefined || isEnd) {
      const followsFrom = (from: string | undefined, link: Link): boolean =>
        from !== undefined && linkDigest({ ...link, prev: from }) === link.link
      // The one before may be damaged too: what comes out of its entry is what this one was made of.
      const follows = (link: Link): boolean => followsFrom(prev, link) || followsFrom(again, link)
      let isSo = isEnd ? prev !== undefined && prev === head : next !== undefined && follows(next)
      if (next !== undefined && prev !== undefined && !isSo) {
        // Its digest of the entry may be what is damaged: it is one of the next few that have no link.
        // Or one of the last few, which were tried in places that are of others.
        const from = Math.max(0, taken[next.kind] - FEW)
        for (const [ahead, nth] of free[next.kind].slice(from, from + 2 * FEW).entries()) {
          const entry = digests[nth]
          const isFree = entry !== undefined && same[nth] === undefined
          if (!isFree || !follows({ ...next, entry })) continue
          taken[next.kind] = Math.max(taken[next.kind], from + ahead + 1)
          tried.push({ link: { ...next, entry }, nth })
          isSo = true
          break
        }
      }
      for (const { link, nth } of isSo ? tried : []) {
        links[link.seq] = link
        same[nth] = link.seq
      }
      tried = []
      const before = again ?? prev
      again =
        isSo || next === undefined || before === undefined
          ? undefined
          : linkDigest({ ...next, prev: before })
      prev = next?.link
      continue
    }
    const kind = LINK_KINDS.find((one) => one === kinds[seq])
    const nth: number | undefined = kind && free[kind][taken[kind]++]
    const entry = nth === undefined ? undefined : digests[nth]
    if (kind === undefined || nth === undefined || entry === undefined || prev === undefined) {
      prev = undefined
      continue
    }
    const link: string = linkDigest({ seq, prev, kind, entry })
    tried.push({ link: { seq, kind, entry, link }, nth })
    prev = link
  }
  return Array.from(links)
}

const FEW = 4

/** By the place of each among those of its kind, from wherever it was told apart. */
function wheresOf(entries: readonly Part[]): string[] {
  const next = { step: 0, gate: 0 }
  return entries.map(({ kind }) => {
    switch (kind) {
      case 'step':
        return `/execution/steps/${next.step++}`
      case 'gate':
        return `/gates/${next.gate++}`
      case 'opening':
      case 'closing':
        return `/${kind}`
    }
  })
}

async function digestOfPart({ kind, body }: Part): Promise<string> {
  const own = body()
  if (own === null) return ''
  const [before, after] = AROUND[kind]
  const preimage = new Uint8Array(before.length + own.length + after.length)
  preimage.set(before)
  preimage.set(own, before.length)
  preimage.set(after, before.length + own.length)
  return preimage.length > MANY ? await sha256OfMany(preimage) : sha256(preimage)
}

const around = (kind: LinkKind) => {
  const [before = '', after = ''] = entryPreimage(kind, '\0').split('\0')
  return [utf8(before), utf8(after)] as const
}
const AROUND = {
  opening: around('opening'),
  step: around('step'),
  gate: around('gate'),
  closing: around('closing'),
}

/**
 * What is linked as no such thing stands, between what is as it was, in the place of the next one of its kind that is gone:
 * null where the link of that place cannot be read, since nothing says then that it is another, or none that was linked.
 * Where there are more such places than entries, those are passed over in which none of them was.
 */
function othersPlaced(
  { entries, digests, same }: Told,
  links: Links,
  seed: string,
  kindAt: (seq: number) => LinkKind | undefined,
): (number | null | undefined)[] {
  const taken = new Set(same)
  // Where nothing says the kind: what is first and what is last is known all the same.
  const isPlaceOf = (kind: LinkKind, seq: number): boolean => {
    const known = kindAt(seq)
    if (known !== undefined) return known === kind
    return (
      (kind === 'opening') === (seq === 0) && (kind === 'closing') === (seq === links.length - 1)
    )
  }
  const isNone = refuting(links, digests, seed)
  const others: (number | null | undefined)[] = entries.map(() => undefined)
  for (const kind of LINK_KINDS) {
    let free: number[] = []
    let from = 0
    const placeUntil = (end: number) => {
      const places: number[] = []
      for (let seq = from; seq < end && free.length > 0; seq += 1)
        if (!taken.has(seq) && isPlaceOf(kind, seq)) places.push(seq)
      let spare = places.length - free.length
      const left: number[] = []
      for (const seq of places)
        if (spare > 0 && isNone(kind, seq, free)) spare -= 1
        else left.push(seq)
      for (const [at, nth] of free.entries()) {
        const seq = left[at]
        if (seq !== undefined) others[nth] = links[seq] === undefined ? null : seq
      }
      free = []
      from = Math.max(from, end + 1)
    }
    for (const [nth, part] of entries.entries()) {
      if (part.kind !== kind) continue
      const own = same[nth]
      if (own === undefined) free.push(nth)
      else placeUntil(own)
    }
    placeUntil(links.length)
  }
  return others
}

/**
 * Did none of these stand in a place whose link cannot be read, between two that can? The link of each would have been
 * another than the one that the next was made of.
 */
function refuting(links: Links, digests: readonly string[], seed: string) {
  const linkAt = (seq: number): string | undefined => (seq === -1 ? seed : links[seq]?.link)
  const isBroken = (seq: number): boolean => {
    const [prev, link] = [linkAt(seq - 1), links[seq]]
    return prev !== undefined && link !== undefined && linkDigest({ ...link, prev }) !== link.link
  }
  let tries = MOST_TRIED
  return (kind: LinkKind, seq: number, free: readonly number[]): boolean => {
    const [prev, next] = [linkAt(seq - 1), links[seq + 1]]
    if (links[seq] !== undefined || prev === undefined || next === undefined) return false
    tries -= free.length
    if (tries < 0 || isBroken(seq - 1) || isBroken(seq + 2)) return false
    return free.every((nth) => {
      const link = linkDigest({ seq, prev, kind, entry: digests[nth] ?? '' })
      return linkDigest({ ...next, prev: link }) !== next.link
    })
  }
}

/** Hashes of a second, whatever is in the file. */
const MOST_TRIED = 100_000

function* brokenIn(links: Links, seed: string): Generator<number> {
  let prev: string | undefined = seed
  for (const [seq, link] of links.entries()) {
    if (link === undefined || prev === undefined || linkDigest({ ...link, prev }) !== link.link)
      yield seq
    prev = link?.link
  }
}

const Named = z.looseObject({ step_id: Id })

/**
 * What it calls itself, also where the rest of it cannot be read: it stands behind all other names of steps in it. Where a
 * gap has taken the end of a step, what follows may be of a gate.
 */
function stepOf({ kind, value, body }: Part): { step_id?: string } {
  if (kind === 'opening' || kind === 'closing') return {}
  const end = endOf(body())
  if (end !== undefined && (end['before'] === '}') !== (kind === 'gate')) return {}
  const step_id = fitting(Named, value())?.step_id ?? end?.['step_id']
  return step_id === undefined ? {} : { step_id }
}

/** Of a gate an object stands before its name. */
const endOf = (body: Uint8Array | null) =>
  OWN_NAME.exec(latin1.decode(body?.subarray(-NEAR_ITS_END)))?.groups

const NEAR_ITS_END = 4096
// At the end of the entry: of one that is cut off before, the last name is of something in it.
const OWN_NAME =
  /(?<before>.),"step_id":"(?<step_id>[\w.-]{1,128})"(?:,"taken_over":\{[^{}]*\})?\}$/s
const latin1 = new TextDecoder('latin1')

/** Who signed the links that are there, and what of the gates: as in a file that is read, of what can be. */
async function signedIn(
  { evidence_id, run_id, entries }: Parts,
  slots: Slots,
  links: readonly string[],
  seal: Seal | undefined,
  reader: Reader,
): Promise<{ gates: GateEntry[]; claims: Claim[]; sealed_by: Remaining['sealed_by'] }> {
  const closing = {
    // Without a number only what counts for any does.
    seal_seq: fitting(Closing, (slots.at(-1) ?? entries.at(-1))?.value())?.seal_seq ?? Infinity,
  }
  const claims: Claim[] = []
  let sealed_by: Remaining['sealed_by']
  if (seal !== undefined) {
    const sealed = { integrity: { seal }, closing }
    const { claim, by } = await checkSeal(sealed, reader.trust, reader.refusedKeys)
    claims.push(claim)
    if (by !== null) sealed_by = { ...by, ...(claim.ended && { ended: claim.ended }) }
  }
  const opening = fitting(Opening, writable(slots[0] ?? entries[0]))
  const met = slots.flatMap((part, seq) => {
    const gate = part?.kind === 'gate' ? fitting(GateEntry, writable(part)) : undefined
    return gate ? [{ gate, seq }] : []
  })
  const gates = met.map(({ gate }) => gate)
  if (opening === undefined) return { gates, claims, sealed_by }
  const record = { evidence_id, run_id, opening, gates, closing }
  const watched = watchGates(record)
  for (const [nth, { gate, seq }] of met.entries()) watched.add(gateEntry(gate, nth, seq))
  for await (const claim of checkGates(record, watched.met, links, reader, async () => {}))
    claims.push(claim)
  return { gates, claims, sealed_by }
}

function writable(part: Part | undefined): unknown {
  const value = part?.value()
  return value !== undefined && writtenOrNull(value) !== null ? value : undefined
}
