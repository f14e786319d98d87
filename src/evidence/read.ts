import { Envelope, type Limits, mostInAList } from '#contract/envelope.ts'
import { parseToFirstFault, pointer } from '#contract/parse.ts'
import { PROFILE } from '#contract/scalar.ts'
import { byteSaid } from './bytes-break.ts'
import { ALLOWED_KEY, canonicalize, utf8 } from './canonical.ts'
import { counted } from './counted.ts'
import { type Document, documentIn, documentOf } from './document.ts'
import { type Compared, EvidenceError, type FaultCode } from './fault.ts'
import { jsonBreakIn, utf8BreakIn } from './json-break.ts'
import { placeInRecord } from './names.ts'
import { isRoomFor, MOST_VALUES } from './room.ts'
import { spansOf } from './spans.ts'

/**
 * The document that these bytes are, or an `EvidenceError` that says why they are none. From here on the value means
 * what the bytes say: nothing was dropped, repeated, decoded in a second way or left unread.
 */
export function readEnvelope(bytes: Uint8Array, limits: Limits): Envelope {
  return readDocument(bytes, limits).envelope
}

/** The same with its parts. Where one pass over the bytes cannot be certain, they are read plainly. */
export function readDocument(bytes: Uint8Array, limits: Limits): Document {
  refuseTooLarge(bytes, limits)
  const own = ownBytes(bytes)
  const spans = spansOf(own, limits)
  return (spans && documentIn(own, spans)) ?? readPlainly(own, limits)
}

// They are looked at more than once: nobody else may have a hand on them. Of a buffer that can be resized no browser makes
// a digest, one that was handed over has nothing in it, and in one that is immutable nothing can be moved for a while.
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes
  if (length === 0) return new Uint8Array()
  const isImmutable = 'immutable' in buffer && buffer.immutable === true
  return buffer instanceof ArrayBuffer && !buffer.resizable && !isImmutable
    ? new Uint8Array(buffer, byteOffset, length)
    : new Uint8Array(bytes)
}

/** The same in the plain way: parse, write again, compare, and hold every value to the schema. */
export function readPlainly(bytes: Uint8Array, limits: Limits): Document {
  refuseTooLarge(bytes, limits)
  const text = readText(bytes)
  if (!isRoomFor(bytes)) {
    const most = MOST_VALUES.toLocaleString('en')
    throw new EvidenceError('too-large', `has more than ${most} values, and no more are read`, '', {
      expected: `at most ${most} values`,
      actual: 'more of them',
    })
  }
  const value = readJson(text, bytes)
  refuseForeign(value)
  refuseEscapedKeys(text)
  refuseUnsafeShape(value, limits)
  if (canonicalize(value) !== text) {
    throw new EvidenceError('not-canonical', 'the bytes are not the RFC 8785 form of what they say')
  }
  assertFits(value)
  assertWithin(value, limits)
  assertCovered(value)
  return documentOf(value)
}

function refuseTooLarge(bytes: Uint8Array, limits: Limits): void {
  if (bytes.length <= limits.bytes) return
  throw new EvidenceError(
    'too-large',
    `it is of more than ${counted(limits.bytes, 'byte')}, and no more are read`,
    '',
    { expected: `at most ${counted(limits.bytes, 'byte')}`, actual: counted(bytes.length, 'byte') },
  )
}

/** `byte-order-mark`, `not-utf8`. */
function readText(bytes: Uint8Array): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new EvidenceError('byte-order-mark', 'it begins with a byte order mark')
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const at = utf8BreakIn(bytes) ?? bytes.length
    throw new EvidenceError('not-utf8', `it is not UTF-8${fromByte(bytes, at)}`, '', {
      expected: 'UTF-8',
      actual: byteSaid(bytes[at]),
    })
  }
}

function readJson(text: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const at = fromByte(bytes, jsonBreakIn(bytes))
    throw new EvidenceError('not-json', `it is not one JSON document${at}`, '', {
      expected: 'one JSON document',
      actual: 'something else',
    })
  }
}

/** From 0, as an editor of bytes counts. */
function fromByte(bytes: Uint8Array, at: number | null): string {
  if (at === null || bytes.length === 0) return ''
  return at < bytes.length
    ? `, from byte ${at.toLocaleString('en')} on`
    : `: it ends too early, after ${counted(at, 'byte')}`
}

function refuseForeign(value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EvidenceError('not-an-envelope', 'it is not a JSON object', '', {
      expected: 'an object',
      actual: sortOf(value),
    })
  }
  const schema = 'schema' in value ? value.schema : undefined
  if (schema !== PROFILE) {
    const message = `it does not say that it is a ${PROFILE}`
    const actual = typeof schema === 'string' ? 'another text' : sortOf(schema)
    throw new EvidenceError('not-an-envelope', message, '/schema', { expected: PROFILE, actual })
  }
}

function refuseUnsafeShape(value: object, limits: Limits): void {
  const fault = shapeFault(value, limits, 1)
  if (fault === null) return
  const { code, message, path, ...compared } = fault
  throw new EvidenceError(code, message, placeInRecord(path), compared)
}

type ShapeFault = Compared & { code: FaultCode; message: string; path: PropertyKey[] }

// Keys are checked here and not by the schema alone, which passes over a `__proto__` in a record without a word. The
// recursion ends where the limit of depth does.
function shapeFault(value: unknown, limits: Limits, depth: number): ShapeFault | null {
  if (typeof value === 'string') return textFault(value, limits)
  if (typeof value === 'number' && !Number.isFinite(value))
    return {
      code: 'not-writable',
      message: 'a number that no JSON has',
      path: [],
      expected: 'a number of 64 bits',
      actual: 'one that is too large',
    }
  if (!isObject(value)) return null
  if (depth > limits.depth)
    return {
      code: 'too-deep',
      message: `nested deeper than ${limits.depth}`,
      path: [],
      expected: `at most ${counted(limits.depth, 'level')}`,
      actual: 'more of them',
    }
  if (Array.isArray(value)) {
    // Before the schema, which would keep a fault for each element.
    if (value.length > mostInAList(limits))
      return {
        code: 'over-limit',
        message: 'a list longer than any of a record',
        path: [],
        expected: `at most ${counted(mostInAList(limits), 'element')}`,
        actual: counted(value.length, 'element'),
      }
    for (const [index, element] of value.entries()) {
      const fault = shapeFault(element, limits, depth + 1)
      if (fault !== null) return { ...fault, path: [index, ...fault.path] }
    }
    return null
  }
  for (const key of Object.keys(value)) {
    if (!ALLOWED_KEY.test(key)) {
      return {
        code: 'key-not-allowed',
        message: 'a key with characters that no key has',
        path: [],
        expected: 'keys of A-Z, a-z, 0-9, “_”, “.” and “-” alone, and none called __proto__',
        actual: `another key, of ${counted(utf8(key).length, 'byte')}`,
      }
    }
    const fault = shapeFault(value[key], limits, depth + 1)
    if (fault !== null) return { ...fault, path: [key, ...fault.path] }
  }
  return null
}

function textFault(text: string, limits: Limits): ShapeFault | null {
  if (!text.isWellFormed())
    return {
      code: 'not-writable',
      message: 'half a surrogate pair',
      path: [],
      expected: 'whole characters',
      actual: 'half of one',
    }
  // A UTF-16 unit is at most three bytes: most texts need no second look.
  const isLong = text.length * 3 > limits.textBytes && utf8(text).length > limits.textBytes
  return isLong
    ? {
        code: 'over-limit',
        message: `a text of more than ${limits.textBytes} bytes`,
        path: [],
        expected: `at most ${counted(limits.textBytes, 'byte')}`,
        actual: counted(utf8(text).length, 'byte'),
      }
    : null
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

// V8 can decode an escaped key as another one, depending on what it parsed before (nodejs/node#63785). So the bytes
// decide: no allowed key needs an escape. A backslash is always inside a string; from each string's first one we go to
// the end of that string, so that the search never begins in the middle of one. By hand, since a pattern keeps a way
// back for each escape, and of one text of millions of them it has no room for that.
export function refuseEscapedKeys(text: string): void {
  for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at)) {
    while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    do at += 1
    while (isSpace(text[at]))
    if (text[at] === ':')
      throw new EvidenceError('key-escaped', 'a key is written with an escape', '', {
        expected: 'keys without an escape',
        actual: 'one with an escape',
      })
  }
}

const isSpace = (char: string | undefined): boolean =>
  char === ' ' || char === '\n' || char === '\r' || char === '\t'

function assertFits(value: unknown): asserts value is Envelope {
  const parsed = parseToFirstFault(Envelope, value)
  if (parsed.ok) return
  const { message, at } = parsed.error
  // Held to the schema it has numbers in lists alone, and in what a record calls by names of its own.
  const path = at.split('/').slice(1)
  const steps = path.map((step) => (/^\d+$/.test(step) ? Number(step) : step))
  const where = placeInRecord(steps)
  // Another name is a word of whoever wrote the file.
  const name = where === at ? steps.findLast((step) => typeof step === 'string') : undefined
  const there = valueAt(value, path)
  const { said, ...compared } = unfitSaid(there, message, name)
  throw new EvidenceError('schema-violated', said, where, compared)
}

function unfitSaid(there: unknown, message: string, name = ''): Compared & { said: string } {
  if (message.startsWith('Unrecognized key'))
    return {
      said: 'it has a member that no record has',
      expected: 'the members that a record has there',
      actual: 'another one too',
    }
  const fault = message.replace(/^Invalid \w+: /, '')
  // An expression of hundreds of characters tells a person nothing.
  const isPattern = fault.startsWith('must match pattern')
  const expected = isPattern
    ? 'a text as a record has it there'
    : fault
        .replace(/^(?:.*: )?expected /, '')
        .replace(/, received .*$/, '')
        .replace(/ to (be |have )(?=[<>])/, ' ')
        .replace(' to have ', ' of ')
        .replace(/^(string|int|array|record)\b/, (sort) => SORTS[sort] ?? sort)
  const actual = sortOf(there)
  if (there === undefined && name !== '') return { said: `it lacks ${name}`, expected, actual }
  const member = name === '' ? 'something' : `the member ${name}`
  const said = isPattern
    ? `${member} is not written as a record has it there`
    : `${member} is not what a record has there: expected ${expected}, and there is ${actual}`
  return { said, expected, actual }
}

/** What sort of value it is, of which nothing is said. */
function sortOf(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return `a text of ${counted(utf8(value).length, 'byte')}`
  if (Array.isArray(value)) return `a list of ${counted(value.length, 'element')}`
  if (typeof value === 'object') return 'an object'
  if (value === Infinity || value === -Infinity) return 'a number that no JSON has'
  return `the number ${Object.is(value, -0) ? '-0' : Number(value)}`
}

/** The schema's words for sorts, in ours. */
const SORTS: { readonly [sort: string]: string } = {
  string: 'text',
  int: 'integer',
  array: 'list',
  record: 'object',
}

const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (within, step) =>
      typeof within === 'object' && within !== null && Object.hasOwn(within, step)
        ? Reflect.get(within, step)
        : undefined,
    value,
  )

function assertWithin({ execution, gates }: Envelope, limits: Limits): void {
  const entries = execution.steps.length + gates.length
  if (entries > limits.entries)
    throw new EvidenceError('over-limit', `more than ${limits.entries} entries`, '/order', {
      expected: `at most ${counted(limits.entries, 'entry', 'entries')}`,
      actual: counted(entries, 'entry', 'entries'),
    })
  for (const [index, { artifacts }] of execution.steps.entries()) {
    if (artifacts.length <= limits.artifactsPerStep) continue
    const where = pointer(['execution', 'steps', index, 'artifacts'])
    const message = `more than ${limits.artifactsPerStep} artifacts`
    throw new EvidenceError('over-limit', message, where, {
      expected: `at most ${counted(limits.artifactsPerStep, 'artifact')}`,
      actual: counted(artifacts.length, 'artifact'),
    })
  }
}

/** Every member but `order` and `integrity` is in exactly one entry, and the chain has a link for each. */
function assertCovered({ order, execution, gates, integrity }: Envelope): void {
  const { links, count } = integrity.hash_chain
  const chain = '/integrity/hash_chain'
  const kinds = ['opening', ...order, 'closing']
  for (const [kind, all] of [
    ['step', execution.steps],
    ['gate', gates],
  ] as const) {
    const ordered = order.filter((one) => one === kind).length
    if (ordered !== all.length)
      throw uncovered(`order does not have each ${kind} once`, '/order', [
        counted(all.length, kind),
        counted(ordered, kind),
      ])
  }
  const wrongKind = kinds.findIndex((kind, seq) => links[seq]?.kind !== kind)
  if (wrongKind !== -1)
    throw uncovered(
      `link ${wrongKind} is not of the kind that order says`,
      `${chain}/links/${wrongKind}`,
      [`${kinds[wrongKind]}`, links[wrongKind]?.kind ?? 'nothing'],
    )
  const wrongSeq = links.findIndex(({ seq }, index) => seq !== index)
  if (wrongSeq !== -1)
    throw uncovered(`link ${wrongSeq} has another seq`, `${chain}/links/${wrongSeq}/seq`, [
      `${wrongSeq}`,
      `${links[wrongSeq]?.seq}`,
    ])
  if (links.length !== kinds.length) {
    const [expected, actual] = [
      counted(kinds.length, 'entry', 'entries'),
      counted(links.length, 'link'),
    ]
    throw uncovered(`${actual} for ${expected}`, `${chain}/links`, [
      counted(kinds.length, 'link'),
      actual,
    ])
  }
  if (count !== links.length)
    throw uncovered(
      `count is ${count}, there ${links.length === 1 ? 'is' : 'are'} ${counted(links.length, 'link')}`,
      `${chain}/count`,
      [`${links.length}`, `${count}`],
    )
}

const uncovered = (message: string, where: string, [expected, actual]: readonly [string, string]) =>
  new EvidenceError('coverage-broken', message, where, { expected, actual })
