import { Envelope, Link, type LinkKind, PlanStep, StepEntry } from '#contract/envelope.ts'
import * as z from 'zod/mini'
import { isAt } from './bytes-at.ts'
import { canonicalize, utf8 } from './canonical.ts'
import {
  closingEntry,
  entriesOf,
  type Entry,
  entryPreimage,
  gateEntry,
  openingEntry,
  stepEntry,
} from './chain.ts'
import { sha256OfMany } from './digest.ts'
import { type Spans } from './spans.ts'

/** A document that was read, its entries, and the canonical bytes of what is digested of it. */
export type Document = {
  readonly envelope: Envelope
  readonly entries: Entries
  /** The steps of its plan. */
  readonly planned: Listed<PlanStep>
  readonly written: Written
}

/** Each is parsed when it is asked for, and not kept: a long record fits into no memory twice. */
export type Listed<T> = Iterable<T> & { at(index: number): T | undefined }

/** In the order of the chain. */
export type Entries = Listed<Entry> & { readonly length: number }

export type Written = {
  /** What the entry in this place is the digest of. Good until the next one is asked for. */
  entry(seq: number): Uint8Array<ArrayBuffer>
  /** Are these, in hex, the digests that the document says? */
  isLinked(seq: number, entry: Uint8Array, link: Uint8Array): boolean
  /** The digests that the document says. */
  link(seq: number): Pick<Link, 'entry' | 'link'>
  /** The document without `integrity`. */
  content(): WrittenContent
}

export type WrittenContent = {
  readonly digest: Promise<string>
  /** So much of it as is looked at, and more than is shown. */
  readonly beginning: Uint8Array
  readonly length: number
}

const A_BEGINNING = 8192

/** Of a value that was parsed whole. */
export function documentOf(envelope: Envelope): Document {
  const entries = [...entriesOf(envelope)]
  const { integrity, ...content } = envelope
  return {
    envelope,
    entries,
    planned: envelope.opening.plan.steps,
    written: {
      entry(seq) {
        const entry = entries[seq]
        return utf8(entry === undefined ? '' : entryPreimage(entry.kind, canonicalize(entry.body)))
      },
      isLinked(seq, entry, link) {
        const said = integrity.hash_chain.links[seq]
        return said?.entry === decoder.decode(entry) && said.link === decoder.decode(link)
      },
      link: (seq) => integrity.hash_chain.links[seq] ?? NO_LINK,
      content() {
        const bytes = utf8(canonicalize(content))
        const beginning = bytes.subarray(0, A_BEGINNING)
        return { digest: sha256OfMany(bytes), beginning, length: bytes.length }
      },
    },
  }
}

const NO_LINK = { entry: '', link: '' }

/** In the bytes of a file that `spansOf` let pass. null where `order` and links are not of the same entries. */
export function documentIn(bytes: Uint8Array<ArrayBuffer>, spans: Spans): Document | null {
  const envelope = envelopeIn(bytes, spans)
  const kinds = ['opening', ...envelope.order, 'closing'] as const
  const bodies = bodiesOf(kinds, spans)
  const links = linksIn(bytes, spans, kinds)
  if (bodies === null || links === null || envelope.integrity.hash_chain.count !== kinds.length)
    return null
  const written = writtenIn(bytes, spans, { envelope, kinds, bodies, links })
  return {
    envelope,
    entries: entriesIn(envelope, kinds, listIn(bytes, spans.step, StepEntry)),
    planned: listIn(bytes, spans.planned, PlanStep),
    written,
  }
}

/** Steps, planned ones and links are nearly all of a long document, and are parsed when somebody asks for all of them. */
function envelopeIn(bytes: Uint8Array<ArrayBuffer>, spans: Spans): Envelope {
  const long = [spans.steps, spans.links, spans.plan]
  const ends = [0, ...long.map(([, end = 0]) => end)]
  const begins = [...long.map(([begin = 0]) => begin), bytes.length]
  const short = begins.map((begin, index) => textOf(bytes, ends[index] ?? 0, begin))
  const head = readScanned(Envelope, short.join('null'))
  const { opening, integrity } = head
  const once = <T>(element: z.ZodMiniType<T>, [begin = 0, end = 0]: readonly number[]) => {
    let all: T[] | undefined
    return () => (all ??= readScanned(z.array(element), textOf(bytes, begin, end)))
  }
  const steps = once(StepEntry, spans.steps)
  const planned = once(PlanStep, spans.plan)
  const links = once(Link, spans.links)
  return {
    ...head,
    execution: {
      get steps() {
        return steps()
      },
    },
    integrity: {
      ...integrity,
      hash_chain: {
        ...integrity.hash_chain,
        get links() {
          return links()
        },
      },
    },
    opening: {
      ...opening,
      plan: {
        ...opening.plan,
        get steps() {
          return planned()
        },
      },
    },
  }
}

// What `spansOf` let pass is what the schema says, and JSON.parse has no two readings of it: no key has an escape.
function readScanned<T>(schema: z.ZodMiniType<T>, text: string): T {
  const value: unknown = JSON.parse(text)
  assertScanned(schema, value)
  return value
}
function assertScanned<T>(_schema: z.ZodMiniType<T>, _value: unknown): asserts _value is T {}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const textOf = (bytes: Uint8Array<ArrayBuffer>, begin: number, end: number): string =>
  decoder.decode(bytes.subarray(begin, end))

/** Begin and end of the body of each entry, in the order of the chain; null where `order` has others. */
function bodiesOf(kinds: readonly LinkKind[], spans: Spans): Uint32Array | null {
  const { opening, step, gate, closing } = spans
  const next = { opening: 0, step: 0, gate: 0, closing: 0 }
  const places = new Uint32Array(2 * kinds.length)
  for (const [seq, kind] of kinds.entries()) {
    places[2 * seq] = spans[kind][next[kind]++] ?? 0
    places[2 * seq + 1] = spans[kind][next[kind]++] ?? 0
  }
  const all = opening.length + step.length + gate.length + closing.length
  return all === places.length && next.step === step.length ? places : null
}

/** Where the two digests of each link are; null where they are not of these kinds, one after the other. */
function linksIn(
  bytes: Uint8Array<ArrayBuffer>,
  { links: [begin = 0, end = 0] }: Spans,
  kinds: readonly LinkKind[],
): Uint32Array | null {
  const places = new Uint32Array(2 * kinds.length)
  let at = begin
  for (const [seq, kind] of kinds.entries()) {
    const entry = at + '[{"entry":"'.length
    const between = `","kind":"${kind}","link":"`
    const link = entry + HEX + between.length
    const after = `","seq":${seq}}`
    if (!isTextAt(bytes, entry + HEX, between) || !isTextAt(bytes, link + HEX, after)) return null
    places[2 * seq] = entry
    places[2 * seq + 1] = link
    at = link + HEX + after.length
  }
  return at + 1 === end ? places : null
}

const HEX = 64

function isTextAt(bytes: Uint8Array<ArrayBuffer>, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1)
    if (bytes[at + index] !== text.charCodeAt(index)) return false
  return true
}

/** The bytes of the file themselves, which are canonical. */
function writtenIn(
  bytes: Uint8Array<ArrayBuffer>,
  { integrity: [begin = 0, end = 0] }: Spans,
  {
    envelope: { evidence_id, run_id, schema },
    kinds,
    bodies,
    links,
  }: {
    envelope: Envelope
    kinds: readonly LinkKind[]
    bodies: Uint32Array
    links: Uint32Array
  },
): Written {
  // Ids and the schema's name are written without an escape.
  const opening = `{"evidence_id":"${evidence_id}","opening":${BODY},"run_id":"${run_id}","schema":"${schema}"}`
  const around = {
    opening: aroundBody(entryPreimage('opening', opening)),
    step: aroundBody(entryPreimage('step', BODY)),
    gate: aroundBody(entryPreimage('gate', BODY)),
    closing: aroundBody(entryPreimage('closing', BODY)),
  }
  const room = new Uint8Array(4096)
  return {
    entry(seq) {
      const [before, after] = around[kinds[seq] ?? 'closing']
      const body = bytes.subarray(bodies[2 * seq], bodies[2 * seq + 1])
      const length = before.length + body.length + after.length
      const preimage = length > room.length ? new Uint8Array(length) : room.subarray(0, length)
      preimage.set(before)
      preimage.set(body, before.length)
      preimage.set(after, before.length + body.length)
      return preimage
    },
    isLinked: (seq, entry, link) =>
      isAt(bytes, links[2 * seq] ?? NaN, entry) && isAt(bytes, links[2 * seq + 1] ?? NaN, link),
    link(seq) {
      const [entry = 0, link = 0] = [links[2 * seq], links[2 * seq + 1]]
      return { entry: textOf(bytes, entry, entry + HEX), link: textOf(bytes, link, link + HEX) }
    },
    content() {
      // In their place, and put back before anybody can look: a copy of a long file would be made only to be copied by
      // WebCrypto, which takes its own before it answers. Were it not so, the digest would be another one.
      const from = begin - '"integrity":'.length
      const integrity = bytes.slice(from, end + 1)
      const length = bytes.length - integrity.length
      bytes.copyWithin(from, end + 1)
      const beginning = bytes.slice(0, Math.min(length, A_BEGINNING))
      const digest = sha256OfMany(bytes.subarray(0, length))
      bytes.copyWithin(end + 1, from, length)
      bytes.set(integrity, from)
      return { digest, beginning, length }
    },
  }
}

const BODY = '\0'
const aroundBody = (preimage: string) => {
  const [before = '', after = ''] = preimage.split(BODY)
  return [utf8(before), utf8(after)] as const
}

function entriesIn(
  envelope: Envelope,
  kinds: readonly LinkKind[],
  steps: Listed<StepEntry>,
): Entries {
  const { gates } = envelope
  const nth = nthOfKind(kinds)
  return {
    length: kinds.length,
    at(seq) {
      const index = nth[seq] ?? 0
      const kind = kinds[seq]
      if (kind === undefined) return undefined
      switch (kind) {
        case 'opening':
          return openingEntry(envelope)
        case 'step': {
          const step = steps.at(index)
          return step && stepEntry(step, index, seq)
        }
        case 'gate': {
          const gate = gates[index]
          return gate && gateEntry(gate, index, seq)
        }
        case 'closing':
          return closingEntry(envelope, seq)
      }
    },
    [Symbol.iterator]: () => entriesOf({ ...envelope, execution: { steps } }),
  }
}

/** The place of each entry among those of its kind. */
function nthOfKind(kinds: readonly LinkKind[]): Uint32Array {
  const next = { opening: 0, step: 0, gate: 0, closing: 0 }
  return Uint32Array.from(kinds, (kind) => next[kind]++)
}

/** Of begin and end of each. They stand one behind the other with a comma between: many at a time are one text to parse. */
function listIn<T>(
  bytes: Uint8Array<ArrayBuffer>,
  places: readonly number[],
  element: z.ZodMiniType<T>,
): Listed<T> {
  const length = places.length / 2
  const many = z.array(element)
  const parsed = (from: number, most: number): T[] => {
    const begin = places[2 * from] ?? 0
    let end = places[2 * from + 1] ?? 0
    for (let next = from + 1; next < length; next += 1) {
      const further = places[2 * next + 1] ?? 0
      if (further - begin > most) break
      end = further
    }
    return readScanned(many, `[${textOf(bytes, begin, end)}]`)
  }
  let near: readonly T[] = []
  let first = 0
  let last = -1
  let since = 0
  return {
    at(index) {
      if (index < 0 || index >= length) return undefined
      if (index !== last && index !== last + 1) since = index
      last = index
      if (index < first || index >= first + near.length) {
        // Whoever asks for one behind the other gets them as fast as all. Attacker: a record in whose order each second
        // one is behind the other, so that no more is parsed ahead than was asked for.
        const asked = (places[2 * index] ?? 0) - (places[2 * since] ?? 0)
        near = parsed(index, Math.min(asked, BYTES_AT_A_TIME))
        first = index
      }
      return near[index - first]
    },
    *[Symbol.iterator]() {
      for (let from = 0; from < length;) {
        const some = parsed(from, BYTES_AT_A_TIME)
        yield* some
        from += some.length
      }
    },
  }
}

const BYTES_AT_A_TIME = 256 * 1024
