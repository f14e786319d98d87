import { type Envelope, type Integrity, Statement } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { type Entry } from './chain.ts'
import { type Claim, type ClaimCode } from './claims.ts'
import { counted, fewOf } from './counted.ts'
import { type Entries } from './document.ts'
import { type ChainCheck } from './integrity.ts'
import { payloadText } from './sealed.ts'

/**
 * What can still be said of a file that does not verify. It is for finding out what happened to it: nothing of it makes
 * the file, or a part of it, a record to rely on.
 */
export type Remaining = {
  readonly entries: number
  /** So many entries, from the first on, are as they were linked. */
  readonly intact: number
  /** Where the chain breaks first; null where it is whole. */
  readonly broken: Place | null
  /** Every entry that is not the one that was linked. */
  readonly changed: readonly Place[]
  /** A seal by a pinned key is over these very links: what is not changed is what was sealed. */
  readonly sealed: boolean
  /** What a pinned passkey froze, and is still so: entries 0 to `upTo`. */
  readonly frozen: readonly Frozen[]
  /** All of this in words. */
  readonly sentences: readonly string[]
}

export type Place = {
  readonly seq: number
  readonly kind: Entry['kind']
  readonly where: string
  readonly step_id?: string
}

export type Frozen = {
  readonly step_id: string
  readonly approver: string
  readonly decision: 'approved' | 'rejected'
  readonly upTo: number
  /** The passkey counts by the number alone that the record gives itself. */
  readonly ended?: 'retired' | 'revoked'
}

export function remainingOf(
  envelope: Envelope,
  entries: Entries,
  { changed, broken, isHeadRight, links }: ChainCheck,
  claims: readonly Claim[],
): Remaining {
  return remainingIn({
    entries: entries.length,
    placeAt(seq) {
      const entry = entries.at(seq)
      return entry === undefined ? null : placeOf(entry)
    },
    changed,
    broken,
    isHeadRight,
    isStored: broken.length === 0 && isHeadRight && isStatementOver(envelope),
    seal: claims.find(({ claim }) => claim === 'seal'),
    frozen: frozenBy(envelope, links, claims),
    more: null,
  })
}

/** What was found of a chain, by seq. */
type Found = {
  readonly entries: number
  readonly placeAt: (seq: number) => Place | null
  readonly changed: readonly number[]
  readonly broken: readonly number[]
  readonly isHeadRight: boolean
  /** The links are whole, and the seal's Statement is over them. */
  readonly isStored: boolean
  readonly seal: Claim | undefined
  readonly frozen: readonly Frozen[]
  /** Of a file that is no record as it stands: so many more entries than links are in it. */
  readonly more: number | null
}

export function remainingIn({ isHeadRight, isStored, seal, more, ...chain }: Found): Remaining {
  const first = Math.min(chain.changed[0] ?? Infinity, chain.broken[0] ?? Infinity)
  const isWhole = first === Infinity && isHeadRight
  const isSealOver = (word: ClaimCode) => isStored && seal?.code === word
  const found = {
    entries: chain.entries,
    intact: Math.min(first, chain.entries),
    broken: isWhole ? null : (chain.placeAt(first) ?? chain.placeAt(chain.entries - 1)),
    changed: chain.changed.flatMap((seq) => chain.placeAt(seq) ?? []),
    sealed: isSealOver('seal-signed'),
    frozen: chain.frozen,
  }
  const lapsed = ENDED.find(({ code }) => isSealOver(code))?.word ?? null
  const ended = (seal?.code === 'seal-signed' ? seal.ended : null) ?? null
  return { ...found, sentences: [...sentencesOf(found, lapsed, ended, more)] }
}

/** A key that was the reader's, and is not for this envelope. */
const ENDED = [
  { code: 'key-retired', word: 'retired' },
  { code: 'key-revoked', word: 'revoked' },
] as const

function placeOf({ seq, kind, where, body }: Entry): Place {
  return { seq, kind, where, ...('step_id' in body && { step_id: body.step_id }) }
}

/** Whoever changed entries and links alike has no such seal. */
export function isStatementOver({
  evidence_id,
  run_id,
  integrity,
}: Pick<Envelope, 'evidence_id' | 'run_id'> & {
  readonly integrity: Pick<Integrity, 'seal'> & {
    readonly hash_chain: Pick<Integrity['hash_chain'], 'head' | 'count'>
  }
}): boolean {
  const { head, count } = integrity.hash_chain
  const statement = parseJson(Statement, payloadText(integrity.seal.payload))
  if (!statement.ok) return false
  const { subject, predicate } = statement.value
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
  envelope: Envelope,
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
  return envelope.gates.flatMap((entry, gate) =>
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
  { entries, intact, broken, changed, sealed, frozen }: Omit<Remaining, 'sentences'>,
  lapsed: string | null,
  ended: string | null,
  more: number | null,
): Generator<string> {
  if (more !== null)
    yield 'As it stands this file is no record. What follows is of one reading of it.'
  if (broken === null)
    yield 'The chain is intact to its end: what does not verify is something else.'
  else if (intact === 0) yield 'The chain is broken from its first entry on.'
  else if (intact === entries)
    yield 'The entries are as they were linked; the head is not the last link.'
  else yield `Up to entry ${intact - 1} the chain is intact; it breaks first at ${nameOf(broken)}.`
  if (changed.length > 0) {
    yield `Changed${more === null ? '' : ' or taken away'} since they were linked: ${fewOf(changed.map(nameOf), MOST_NAMED)}.`
  }
  if (more !== null && more > 0)
    yield `It has ${counted(more, 'entry', 'entries')} more than were linked.`
  if (lapsed !== null)
    yield `The seal over these links is by a key that is ${lapsed} and does not count for this envelope: whoever has that key now can have made all of it.`
  else if (sealed)
    yield `A seal by a key that you pinned is over these very links: the other ${entries - changed.length} of ${entries} entries are as they were sealed.${ended === null ? '' : ` That key is ${ended}: whoever has it now can have sealed them too.`}`
  else yield 'No seal by a key that you pinned is over these links: anyone can have made them.'
  for (const { step_id, approver, decision, upTo, ended: passkey } of frozen) {
    yield `The passkey of ${approver} that you pinned signed “${decision}” at gate ${step_id}: everything up to entry ${upTo} is as it was then.${passkey === undefined ? '' : ` That passkey is ${passkey}: whoever has it now can have signed it too.`}`
  }
}

function nameOf({ seq, kind, step_id }: Place): string {
  return `entry ${seq} (${step_id === undefined ? kind : `${kind} ${step_id}`})`
}

const MOST_NAMED = 20
