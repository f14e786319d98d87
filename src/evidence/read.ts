import { Envelope, type Limits, type LinkKind } from '#contract/envelope.ts'
import { parse, pointer } from '#contract/parse.ts'
import { PROFILE } from '#contract/scalar.ts'
import { ALLOWED_KEY, canonicalize, utf8 } from './canonical.ts'
import { entriesOf, type Entry, entryPreimage } from './chain.ts'
import { counted } from './counted.ts'
import { EvidenceError, type FaultCode } from './fault.ts'
import { type Spans, spansOf } from './spans.ts'

/** A document that was read, its entries, and the canonical bytes of what is digested of it. */
export type Document = {
  readonly envelope: Envelope
  readonly entries: readonly Entry[]
  readonly written: Written
}

export type Written = {
  /** What the entry in this place is the digest of. Good until the next one is asked for. */
  entry(seq: number): Uint8Array<ArrayBuffer>
  /** The document without `integrity`. */
  content(): Uint8Array<ArrayBuffer>
}

/**
 * The document that these bytes are, or an `EvidenceError` that says why they are none. From here on the value means
 * what the bytes say: nothing was dropped, repeated, decoded in a second way or left unread.
 */
export function readEnvelope(bytes: Uint8Array, limits: Limits): Envelope {
  return readDocument(bytes, limits).envelope
}

/** The same with its parts. Where one pass over the bytes cannot be certain, they are read plainly. */
export function readDocument(bytes: Uint8Array, limits: Limits): Document {
  const text = readText(bytes, limits)
  const spans = spansOf(bytes, text, limits)
  if (spans === null) return readPlainly(bytes, limits)
  const envelope = readJson(text)
  assertScanned(envelope)
  return covered(envelope, limits, () => writtenAt(bytes, spans, envelope))
}

/** The same in the plain way: parse, write again, compare, and hold every value to the schema. */
export function readPlainly(bytes: Uint8Array, limits: Limits): Document {
  const text = readText(bytes, limits)
  const value = readJson(text)
  refuseForeign(value)
  refuseEscapedKeys(text)
  refuseUnsafeShape(value, limits)
  if (canonicalize(value) !== text) {
    throw new EvidenceError('not-canonical', 'the bytes are not the RFC 8785 form of what they say')
  }
  assertFits(value)
  return covered(value, limits, (entries) => writtenAgain(value, entries))
}

function covered(
  envelope: Envelope,
  limits: Limits,
  writtenOf: (entries: readonly Entry[]) => Written,
): Document {
  assertWithin(envelope, limits)
  assertCovered(envelope)
  const entries = [...entriesOf(envelope)]
  return { envelope, entries, written: writtenOf(entries) }
}

// What `spansOf` let pass is what the schema says, and JSON.parse has no two readings of it: no key has an escape.
function assertScanned(_value: unknown): asserts _value is Envelope {}

function writtenAgain(envelope: Envelope, entries: readonly Entry[]): Written {
  const { integrity: _integrity, ...content } = envelope
  return {
    entry(seq) {
      const entry = entries[seq]
      return utf8(entry === undefined ? '' : entryPreimage(entry.kind, canonicalize(entry.body)))
    },
    content: () => utf8(canonicalize(content)),
  }
}

/** The bytes of the file themselves, which are canonical. */
function writtenAt(
  bytes: Uint8Array,
  spans: Spans,
  { evidence_id, run_id, schema, order }: Envelope,
): Written {
  // Ids and the schema's name are written without an escape.
  const opening = `{"evidence_id":"${evidence_id}","opening":${BODY},"run_id":"${run_id}","schema":"${schema}"}`
  const around = {
    opening: aroundBody(entryPreimage('opening', opening)),
    step: aroundBody(entryPreimage('step', BODY)),
    gate: aroundBody(entryPreimage('gate', BODY)),
    closing: aroundBody(entryPreimage('closing', BODY)),
  }
  const kinds = ['opening', ...order, 'closing'] as const
  const places = bodiesOf(kinds, spans)
  let room = new Uint8Array(4096)
  return {
    entry(seq) {
      const [before, after] = around[kinds[seq] ?? 'closing']
      const body = bytes.subarray(places[2 * seq], places[2 * seq + 1])
      const length = before.length + body.length + after.length
      if (length > room.length) room = new Uint8Array(length)
      room.set(before)
      room.set(body, before.length)
      room.set(after, before.length + body.length)
      return room.subarray(0, length)
    },
    content() {
      const [begin = 0, end = 0] = spans.integrity
      const name = '"integrity":'.length
      const content = new Uint8Array(bytes.length - (end + 1 - begin + name))
      content.set(bytes.subarray(0, begin - name))
      content.set(bytes.subarray(end + 1), begin - name)
      return content
    },
  }
}

const BODY = '\0'
const aroundBody = (preimage: string) => {
  const [before = '', after = ''] = preimage.split(BODY)
  return [utf8(before), utf8(after)] as const
}

/** Begin and end of the body of each entry, in the order of the chain. */
function bodiesOf(kinds: readonly LinkKind[], spans: Spans): Float64Array {
  const next = { opening: 0, step: 0, gate: 0, closing: 0 }
  const of = {
    opening: spans.opening,
    step: spans.steps,
    gate: spans.gates,
    closing: spans.closing,
  }
  const places = new Float64Array(2 * kinds.length)
  for (const [seq, kind] of kinds.entries()) {
    places[2 * seq] = of[kind][next[kind]++] ?? 0
    places[2 * seq + 1] = of[kind][next[kind]++] ?? 0
  }
  return places
}

/** `too-large`, `byte-order-mark`, `not-utf8`. */
function readText(bytes: Uint8Array, limits: Limits): string {
  if (bytes.length > limits.bytes) {
    throw new EvidenceError(
      'too-large',
      `${counted(bytes.length, 'byte')}, at most ${limits.bytes.toLocaleString('en')} are read`,
    )
  }
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new EvidenceError('byte-order-mark', 'begins with a byte order mark')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new EvidenceError('not-utf8', 'is not UTF-8')
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new EvidenceError('not-json', 'is not one JSON document')
  }
}

function refuseForeign(value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EvidenceError('not-an-envelope', 'is not a JSON object')
  }
  if (!('schema' in value) || value.schema !== PROFILE) {
    throw new EvidenceError('not-an-envelope', `does not say that it is a ${PROFILE}`, '/schema')
  }
}

function refuseUnsafeShape(value: object, limits: Limits): void {
  const fault = shapeFault(value, limits, 1)
  if (fault !== null) throw new EvidenceError(fault.code, fault.message, pointer(fault.path))
}

type ShapeFault = { code: FaultCode; message: string; path: string[] }

// Keys are checked here and not by the schema alone, which passes over a `__proto__` in a record without a word. The
// recursion ends where the limit of depth does.
function shapeFault(value: unknown, limits: Limits, depth: number): ShapeFault | null {
  if (typeof value === 'string') return textFault(value, limits)
  if (typeof value === 'number' && !Number.isFinite(value))
    return { code: 'not-writable', message: 'a number that no JSON has', path: [] }
  if (!isObject(value)) return null
  if (depth > limits.depth)
    return { code: 'too-deep', message: `nested deeper than ${limits.depth}`, path: [] }
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      const fault = shapeFault(element, limits, depth + 1)
      if (fault !== null) return { ...fault, path: [String(index), ...fault.path] }
    }
    return null
  }
  for (const key of Object.keys(value)) {
    if (!ALLOWED_KEY.test(key)) {
      return { code: 'key-not-allowed', message: 'a key with characters that no key has', path: [] }
    }
    const fault = shapeFault(value[key], limits, depth + 1)
    if (fault !== null) return { ...fault, path: [key, ...fault.path] }
  }
  return null
}

function textFault(text: string, limits: Limits): ShapeFault | null {
  if (!text.isWellFormed())
    return { code: 'not-writable', message: 'half a surrogate pair', path: [] }
  // A UTF-16 unit is at most three bytes: most texts need no second look.
  const isLong = text.length * 3 > limits.textBytes && utf8(text).length > limits.textBytes
  return isLong
    ? { code: 'over-limit', message: `a text of more than ${limits.textBytes} bytes`, path: [] }
    : null
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

// V8 can decode an escaped key as another one, depending on what it parsed before (nodejs/node#63785). So the bytes
// decide: no allowed key needs an escape. A backslash is always inside a string; from each string's first one the
// match runs to the end of that string, so that the search never begins in the middle of a string.
function refuseEscapedKeys(text: string): void {
  for (const [, colon] of text.matchAll(/\\[^][^"\\]*(?:\\[^][^"\\]*)*"(\s*:)?/g)) {
    if (colon !== undefined)
      throw new EvidenceError('key-escaped', 'a key is written with an escape')
  }
}

function assertFits(value: unknown): asserts value is Envelope {
  const parsed = parse(Envelope, value)
  if (!parsed.ok) throw new EvidenceError('schema-violated', parsed.error.message, parsed.error.at)
}

function assertWithin({ execution, gates }: Envelope, limits: Limits): void {
  if (execution.steps.length + gates.length > limits.entries) {
    throw new EvidenceError('over-limit', `more than ${limits.entries} entries`, '/order')
  }
  for (const [index, step] of execution.steps.entries()) {
    if (step.artifacts.length > limits.artifactsPerStep) {
      const where = pointer(['execution', 'steps', index, 'artifacts'])
      throw new EvidenceError('over-limit', `more than ${limits.artifactsPerStep} artifacts`, where)
    }
  }
}

/** Every member but `order` and `integrity` is in exactly one entry, and the chain has a link for each. */
function assertCovered({ order, execution, gates, integrity }: Envelope): void {
  const { links, count } = integrity.hash_chain
  const chain = '/integrity/hash_chain'
  const kinds = ['opening', ...order, 'closing']
  const wrongKind = kinds.findIndex((kind, seq) => links[seq]?.kind !== kind)
  const wrongSeq = links.findIndex(({ seq }, index) => seq !== index)
  if (order.filter((kind) => kind === 'step').length !== execution.steps.length) {
    throw new EvidenceError('coverage-broken', 'order does not have each step once', '/order')
  }
  if (order.length !== execution.steps.length + gates.length) {
    throw new EvidenceError('coverage-broken', 'order does not have each gate once', '/order')
  }
  if (wrongKind !== -1) {
    const where = `${chain}/links/${wrongKind}`
    throw new EvidenceError(
      'coverage-broken',
      `link ${wrongKind} is not of the kind that order says`,
      where,
    )
  }
  if (wrongSeq !== -1) {
    throw new EvidenceError(
      'coverage-broken',
      `link ${wrongSeq} has another seq`,
      `${chain}/links/${wrongSeq}/seq`,
    )
  }
  if (links.length !== kinds.length) {
    throw new EvidenceError(
      'coverage-broken',
      `${counted(links.length, 'link')} for ${counted(kinds.length, 'entry', 'entries')}`,
      `${chain}/links`,
    )
  }
  if (count !== links.length) {
    throw new EvidenceError(
      'coverage-broken',
      `count is ${count}, there ${links.length === 1 ? 'is' : 'are'} ${counted(links.length, 'link')}`,
      `${chain}/count`,
    )
  }
}
