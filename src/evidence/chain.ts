import {
  type Closing,
  type Content,
  type GateEntry,
  type Link,
  type LinkKind,
  type Opening,
  type StepEntry,
} from '#contract/envelope.ts'
import { PROFILE } from '#contract/scalar.ts'
import { canonicalize, utf8 } from './canonical.ts'
import { digestOf, sha256, sha256Into } from './digest.ts'

/**
 * The hash chain of a run. The server extends it while the run grows and the verifier walks it again afterwards, in
 * bytes: an entry, once linked, cannot be changed without changing every link after it.
 */
export type ChainState = {
  /** Link of the last entry; the seed where there is none yet. */
  readonly head: string
  /** `seq` of the next link, which is the count of links so far. */
  readonly seq: number
}

/** What each kind of entry digests. Every member of an envelope but `order` and `integrity` is in exactly one. */
export type EntryBody = {
  opening: { schema: typeof PROFILE; evidence_id: string; run_id: string; opening: Opening }
  step: StepEntry
  gate: GateEntry
  closing: Closing
}

/** An entry, its place in the chain, and the JSON pointer of its body in the envelope. */
export type Entry = {
  [K in LinkKind]: {
    readonly kind: K
    readonly body: EntryBody[K]
    readonly seq: number
    readonly where: string
  }
}[LinkKind]

/** The chain before its first entry. Both ids are given when the run starts. */
export function openChain(evidence_id: string, run_id: string): ChainState {
  return { head: digestOf({ type: `${PROFILE}/seed`, evidence_id, run_id }), seq: 0 }
}

export function extendChain<K extends LinkKind>(
  state: ChainState,
  kind: K,
  body: EntryBody[K],
): { state: ChainState; link: Link } {
  const entry = entryDigest(kind, body)
  const { seq } = state
  const link = linkDigest({ seq, prev: state.head, kind, entry })
  return { state: { head: link, seq: seq + 1 }, link: { seq, kind, entry, link } }
}

export function entryDigest<K extends LinkKind>(kind: K, body: EntryBody[K]): string {
  return sha256(entryPreimage(kind, canonicalize(body)))
}

/** The text whose SHA-256 is the entry, around the canonical text of its body. */
export function entryPreimage(kind: LinkKind, body: string): string {
  // Members in canonical order, and none that has to be escaped.
  return `{"body":${body},"kind":"${kind}","type":"${PROFILE}/entry"}`
}

export function linkDigest(link: LinkFields): string {
  return sha256(linkPreimage(link))
}

/** The text whose SHA-256 is the link. Hex, integers and our own words only: safe to print into a shell line. */
export function linkPreimage({ seq, prev, kind, entry }: LinkFields): string {
  // Members in canonical order, and none that has to be escaped.
  return `{"entry":"${entry}","kind":"${kind}","prev":"${prev}","seq":${seq},"type":"${PROFILE}/link"}`
}

/**
 * The same from the hex of an entry to that of its link, in bytes that are good until the next one. Texts of a hundred
 * thousand links, made to be digested and compared, would take nearly as long as their digests.
 */
export function extendInBytes(
  seed: ChainState,
): (kind: LinkKind, entry: Uint8Array) => Uint8Array<ArrayBuffer> {
  const link = utf8(seed.head)
  const forms = {
    opening: formOf('opening'),
    step: formOf('step'),
    gate: formOf('gate'),
    closing: formOf('closing'),
  }
  let { seq } = seed
  return (kind, entry) => {
    const { room, entryAt, prevAt, seqAt, after } = forms[kind]
    room.set(entry, entryAt)
    room.set(link, prevAt)
    const digits = String(seq++)
    for (let nth = 0; nth < digits.length; nth += 1) room[seqAt + nth] = digits.charCodeAt(nth)
    const end = seqAt + digits.length
    room.set(after, end)
    sha256Into(link, room.subarray(0, end + after.length))
    return link
  }
}

function formOf(kind: LinkKind) {
  const gap = '0'.repeat(64)
  const text = linkPreimage({ seq: 0, prev: gap, kind, entry: gap })
  const seqAt = text.lastIndexOf('0,')
  const room = new Uint8Array(text.length + 15)
  room.set(utf8(text))
  return {
    room,
    entryAt: text.indexOf(gap),
    prevAt: text.lastIndexOf(gap),
    seqAt,
    after: utf8(text.slice(seqAt + 1)),
  }
}

export type LinkFields = { seq: number; prev: string; kind: LinkKind; entry: string }

/** The entries of a document in the order they were recorded. `order` must fit `steps` and `gates`. */
export function* entriesOf(content: Recorded): Generator<Entry> {
  yield openingEntry(content)
  const steps = content.execution.steps[Symbol.iterator]()
  const gates = content.gates[Symbol.iterator]()
  const next = { step: 0, gate: 0 }
  let seq = 1
  for (const kind of content.order) {
    if (kind === 'step') {
      const step = steps.next()
      if (step.done) break
      yield stepEntry(step.value, next.step++, seq++)
    } else {
      const gate = gates.next()
      if (gate.done) break
      yield gateEntry(gate.value, next.gate++, seq++)
    }
  }
  yield closingEntry(content, seq)
}

type Recorded = Omit<Content, 'execution'> & {
  readonly execution: { readonly steps: Iterable<StepEntry> }
}

type EntryOf<K extends LinkKind> = Extract<Entry, { kind: K }>

export const openingEntry = ({
  evidence_id,
  opening,
  run_id,
  schema,
}: EntryBody['opening']): EntryOf<'opening'> => ({
  kind: 'opening',
  body: { evidence_id, opening, run_id, schema },
  seq: 0,
  where: '/opening',
})

/** `index` is the place among the steps, `seq` the one in the chain. */
export const stepEntry = (body: StepEntry, index: number, seq: number): EntryOf<'step'> => ({
  kind: 'step',
  body,
  seq,
  where: `/execution/steps/${index}`,
})

export const gateEntry = (body: GateEntry, index: number, seq: number): EntryOf<'gate'> => ({
  kind: 'gate',
  body,
  seq,
  where: `/gates/${index}`,
})

export const closingEntry = (
  { closing }: Pick<Content, 'closing'>,
  seq: number,
): EntryOf<'closing'> => ({ kind: 'closing', body: closing, seq, where: '/closing' })
