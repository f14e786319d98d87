import { type Envelope, type Seal } from '#contract/envelope.ts'
import { isBound } from './advice.ts'
import { type Break, sentencesOfBytes } from './bytes-break.ts'
import { type Entry } from './chain.ts'
import { type Claim, type ClaimCode } from './claims.ts'
import { counted, fewOf } from './counted.ts'
import { type Entries } from './document.ts'
import { type ChainCheck } from './integrity.ts'
import { type SealedBy, statementIn } from './sealed.ts'

/**
 * What can still be said of a file that does not verify. It is for finding out what happened to it: nothing of it makes
 * the file, or a part of it, a record to rely on.
 */
export type Remaining = {
  /** Where the bytes break; null where they are one document in its one form. */
  readonly bytes: Break | null
  /** As many as are linked. */
  readonly entries: number
  /** So many entries, from the first on, are as they were linked. */
  readonly intact: number
  /** Where the chain breaks first; null where it is whole, or nothing of it can be read. */
  readonly broken: Place | null
  /** Every entry that is not the one that its link is of. */
  readonly changed: readonly Place[]
  /**
   * As they were sealed by a pinned key, or linked by what was linked behind them, and beside each another link or digest
   * than comes out of it.
   */
  readonly beside: readonly Place[]
  /**
   * Where the chain does not go on from what stands before, and no digest says why: something there or before it was changed
   * together with its digest, or a link was.
   */
  readonly breaks: readonly Place[]
  /** Every one that was linked and is not there, by the place of its link. */
  readonly missing: readonly Place[]
  /** What stands among the entries without a link. */
  readonly added: readonly Omit<Place, 'seq'>[]
  /** So many links cannot be read; where they come out of the entries again they are not missed. */
  readonly lost: number
  /** A seal by a pinned key is over these very links, or over what comes out of the entries: what is not changed was sealed. */
  readonly sealed: boolean
  /** Of what cannot be read as a record: whose key it is, and how it has ended, where it counts all the same. */
  readonly sealed_by?: SealedBy & { readonly ended?: 'retired' | 'revoked' }
  /** What a pinned passkey froze, and is still so: entries 0 to `upTo`. */
  readonly frozen: readonly Frozen[]
  /** All of this in words. */
  readonly sentences: readonly string[]
}

export type Place = {
  readonly seq: number
  /** null where its link cannot be read, and nothing else says it. */
  readonly kind: Entry['kind'] | null
  readonly where: string
  readonly step_id?: string
  /** Nothing says whether it was changed, or its link. */
  readonly isOrLink?: true
}

export type Frozen = {
  readonly step_id: string
  readonly approver: string
  readonly decision: 'approved' | 'rejected'
  readonly upTo: number
  /** The passkey counts by the number alone that the record gives itself. */
  readonly ended?: 'retired' | 'revoked'
}

/** The chain as it is stored, beside the entries that are there. */
export type Stored = Pick<
  ChainCheck,
  'links' | 'asLinked' | 'broken' | 'differing' | 'last' | 'isHeadRight'
> &
  Pick<Remaining, 'added' | 'lost'> & {
    /** By seq. */
    readonly missing: readonly number[]
    readonly count: number
    readonly placeAt: (seq: number) => Place | undefined
  }

/** What of a record can be said to be sealed and signed. */
type Kept = Pick<Envelope, 'evidence_id' | 'run_id' | 'gates'> & {
  readonly head: unknown
  readonly seal: Seal | undefined
}

/** Of a file that was read. */
export function remainingOf(
  envelope: Envelope,
  entries: Entries,
  chain: ChainCheck,
  claims: readonly Claim[],
): Remaining {
  const { hash_chain, seal } = envelope.integrity
  const placeAt = (seq: number): Place | undefined => {
    const entry = entries.at(seq)
    return entry && placeOf(entry)
  }
  const stored = { ...chain, missing: [], added: [], lost: 0, count: entries.length, placeAt }
  const record = { ...envelope, head: hash_chain.head, seal }
  return remainingIn(record, stored, claims, true, null)
}

/** Of whatever is there. */
export function remainingIn(
  record: Kept,
  stored: Stored,
  claims: readonly Claim[],
  isRead: boolean,
  bytes: Break | null,
): Remaining {
  const { added, asLinked, links, lost, count, placeAt } = stored
  const signed = claims.find(({ code }) => code === 'seal-signed')
  // What comes out of the entries is then what was sealed, and what is written beside them accuses none.
  const isProven = signed !== undefined && isBound(claims)
  const { changed, missing, broken, isHeadRight } = isProven
    ? AS_SEALED
    : { ...stored, changed: [...asLinked.changed.keys()] }
  const first = Math.min(...[changed, missing, broken].map(([seq = Infinity]) => seq))
  const isWhole = first === Infinity && isHeadRight
  const placesOf = (seqs: readonly number[]): Place[] => seqs.flatMap((seq) => placeAt(seq) ?? [])
  const [breaking] = placesOf([first])
  const next = Math.min(
    count,
    ...[changed, missing, broken].map((seqs) => seqs.find((seq) => seq > 0) ?? Infinity),
  )
  const isStored =
    isBound(claims) || (broken.length === 0 && isStatementOver(record, stored.last, count))
  const isSealOver = (word: ClaimCode) => isStored && claims.some(({ code }) => code === word)
  // A key that has ended counts by the number in the closing, which is to be the one that was linked.
  const isNumbered =
    ![...changed, ...missing].includes(count - 1) && !added.some(({ kind }) => kind === 'closing')
  const ended = signed?.ended ?? null
  // Where the links are as a key sealed them, it is the entry.
  const sealed = isSealOver('seal-signed') && (ended === null || isNumbered)
  const found = {
    bytes,
    entries: count,
    intact: Math.min(first, count),
    broken: isWhole ? null : (breaking ?? placesOf([count - 1])[0] ?? null),
    changed: placesOf(changed).map((place) =>
      !sealed && asLinked.changed.get(place.seq)?.isOrLink
        ? { ...place, isOrLink: true as const }
        : place,
    ),
    beside: placesOf(isProven ? stored.differing : asLinked.beside),
    breaks: isProven ? [] : placesOf(asLinked.breaks),
    missing: placesOf(missing),
    added,
    lost,
    sealed,
    frozen: frozenBy(record.gates, links, claims),
  }
  const lapsed = ENDED.find(({ code }) => isSealOver(code))?.word ?? null
  const by = { lapsed, ended, isUnnumbered: isSealOver('seal-signed') && !found.sealed }
  const chain = {
    rest: next - 1,
    isHeadRight,
    isHeadOwn: !isProven || record.head === links.at(-1),
    isHeadThere: record.head !== undefined,
    isProven,
  }
  return { ...found, sentences: [...sentencesOf(found, by, chain, isRead)] }
}

const AS_SEALED = { changed: [], missing: [], broken: [], isHeadRight: true } as const

/** A key that was the reader's, and is not for this envelope. */
const ENDED = [
  { code: 'key-retired', word: 'retired' },
  { code: 'key-revoked', word: 'revoked' },
] as const

function placeOf({ seq, kind, where, body }: Entry): Place {
  return { seq, kind, where, ...('step_id' in body && { step_id: body.step_id }) }
}

/** Whoever changed entries and links alike has no such seal. */
function isStatementOver(
  { evidence_id, run_id, seal }: Kept,
  head: string | undefined,
  count: number,
): boolean {
  const statement = statementIn(seal)
  if (statement === null) return false
  const { subject, predicate } = statement
  return (
    predicate.hash_chain.head === head &&
    predicate.hash_chain.count === count &&
    predicate.run_id === run_id &&
    subject[0]?.name === evidence_id
  )
}

// By the recomputed links: a signed link that comes out again is of these entries, whatever else was changed. A claim that
// a decision is signed is made at the gate alone that it names.
function frozenBy(
  gates: Kept['gates'],
  links: readonly string[],
  claims: readonly Claim[],
): Frozen[] {
  const signed = new Map(
    claims.flatMap(({ code, where, ended }) =>
      code === 'decision-signed' ? [[where, ended] as const] : [],
    ),
  )
  if (signed.size === 0) return []
  const seqs = new Map(links.map((link, seq) => [link, seq]))
  return gates.flatMap((entry, gate) =>
    entry.decisions.flatMap(({ decision: said }, index) => {
      const upTo = seqs.get(said.chain_head_before)
      const { step_id } = entry
      const at = `/gates/${gate}/decisions/${index}/assertion`
      const ended = signed.get(at)
      return upTo !== undefined && signed.has(at)
        ? [
            {
              step_id,
              approver: said.approver,
              decision: said.decision,
              upTo,
              ...(ended && { ended }),
            },
          ]
        : []
    }),
  )
}

function* sentencesOf(
  found: Omit<Remaining, 'sentences'>,
  {
    lapsed,
    ended,
    isUnnumbered,
  }: { lapsed: string | null; ended: string | null; isUnnumbered: boolean },
  {
    rest,
    isHeadRight,
    isHeadOwn,
    isHeadThere,
    isProven,
  }: {
    /** So many entries behind the first are as they were linked, one after the other. */
    rest: number
    /** Else there may have been more. */
    isHeadRight: boolean
    /** It is not another than comes out of what was sealed. */
    isHeadOwn: boolean
    isHeadThere: boolean
    isProven: boolean
  },
  isRead: boolean,
): Generator<string> {
  const {
    bytes,
    entries,
    intact,
    broken,
    changed,
    beside,
    breaks,
    missing,
    added,
    lost,
    sealed,
    frozen,
  } = found
  if (bytes !== null) yield* sentencesOfBytes(bytes)
  if (entries === 0) {
    yield added.length === 0
      ? 'Nothing of a record can be told apart in it.'
      : `${counted(added.length, 'part')} of a record can be told apart in it, but no link of its chain: nothing says which of them are as they were recorded.`
    return
  }
  if (!isRead) yield 'As it stands this file is no record: what follows is said of its parts.'
  if (isProven && (beside.length > 0 || !isHeadOwn))
    yield 'Every entry is as it was sealed: what is written beside them is not.'
  else if (broken === null)
    yield 'The chain is intact to its end: what does not verify is something else.'
  else if (intact === 0 && rest > 0) {
    const isAll = isHeadRight && rest === entries - 1
    yield `The chain breaks at its first entry${isAll ? ' alone' : ''}, which is ${missing.some(({ seq }) => seq === 0) ? 'not there, or not to be told apart' : 'another than was linked'}: ${isAll ? 'what is' : 'the next ones'} behind it, ${counted(rest, 'entry', 'entries')}, ${isAll || rest === 1 ? 'is as it was' : 'are as they were'} linked.`
  } else if (intact === 0) yield 'The chain is broken from its first entry on.'
  else if (intact === entries)
    yield `The entries are as they were linked; the head ${isHeadThere ? 'is not the last link' : 'cannot be read'}.`
  else yield `Up to entry ${intact - 1} the chain is intact; it breaks first at ${nameOf(broken)}.`
  if (lost > 0)
    yield `${counted(lost, 'link')} ${lost === 1 ? 'is' : 'are'} not there, or cannot be read${broken === null ? ', and came out of the entries again' : ''}.`
  const others = changed.filter(({ isOrLink }) => !isOrLink)
  if (others.length > 0)
    yield `Changed since they were linked: ${fewOf(others.map(nameOf), MOST_NAMED)}.`
  const either = changed.filter(({ isOrLink }) => isOrLink)
  if (either.length > 0)
    yield `Changed since they were linked, or their links were: ${fewOf(either.map(nameOf), MOST_NAMED)}.`
  if (beside.length > 0)
    yield `Another link or digest is written beside ${fewOf(beside.map(nameOf), MOST_NAMED)} than comes out of what stands there.`
  if (breaks.length > 0)
    yield `The chain does not go on from what stands before at ${fewOf(breaks.map(nameOf), MOST_NAMED)}: an entry there or before was changed together with its digest, or a link was.`
  if (!isHeadOwn) yield 'Another head is written than the last link that comes out of the entries.'
  if (missing.length > 0)
    yield `Linked, and not there, or not to be told apart: ${fewOf(missing.map(nameOf), MOST_NAMED)}.`
  if (added.length > 0) yield `There without a link: ${fewOf(added.map(nameOf), MOST_NAMED)}.`
  if (lapsed !== null)
    yield `The seal of this chain is by a key that is ${lapsed} and does not count for this envelope: whoever has that key now can have made all of it.`
  else if (isUnnumbered)
    yield `The seal of this chain is by a key that is ${ended}, and counts by a number that is not the one that was linked: whoever has that key now can have made all of it.`
  else if (sealed)
    yield `A key that you pinned has sealed this chain: ${othersOf(entries, changed.length + missing.length)} as they were then.${ended === null ? '' : ` That key is ${ended}: whoever has it now can have sealed them too.`}`
  else yield 'No key that you pinned has sealed this chain as it stands: anyone can have made it.'
  for (const { step_id, approver, decision, upTo, ended: passkey } of frozen) {
    yield `The passkey of ${approver} that you pinned signed “${decision}” at gate ${step_id}: everything up to entry ${upTo} is as it was then.${passkey === undefined ? '' : ` That passkey is ${passkey}: whoever has it now can have signed it too.`}`
  }
}

const othersOf = (entries: number, gone: number): string =>
  gone === 0
    ? `all ${entries} entries are`
    : `the other ${entries - gone} of ${entries} entries are`

function nameOf({ kind, step_id, ...place }: Omit<Place, 'seq'> & { seq?: number }): string {
  const name = [kind ?? [], step_id ?? []].flat().join(' ')
  if (place.seq === undefined) return `${name}, at ${place.where}`
  return name === '' ? `entry ${place.seq}` : `entry ${place.seq} (${name})`
}

/** So many of each are in the sentences. */
export const MOST_NAMED = 20
