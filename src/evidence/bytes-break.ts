import { canonicalize, utf8 } from './canonical.ts'
import { type ClaimCode, CODE } from './claims.ts'
import { counted } from './counted.ts'
import { type Compared, EvidenceError } from './fault.ts'
import { jsonBreakIn, utf8BreakIn } from './json-break.ts'
import { placeInRecord } from './names.ts'

/** Where bytes that cannot be read as a record first are none. For an account of the damage, and for nothing else. */
export type Break = {
  /** So many bytes stand before it. */
  readonly offset: number
  /** From 1 on, both; of the column each byte counts. */
  readonly line: number
  readonly column: number
  /** JSON pointer, as far as it can be told, '' for the whole. */
  readonly where: string
  readonly expected: string
  /** What stands there, null behind the last. */
  readonly byte: number | null
  /** That and what follows, and what stands before it: ASCII as it is, other bytes by their numbers. */
  readonly before: string
  readonly after: string
  /** What kind of damage it looks like. */
  readonly looks: string | null
}

/** null where they are one JSON document in its one form, or where that cannot be told. */
export function breakOf(bytes: Uint8Array<ArrayBuffer>, code: ClaimCode): Break | null {
  const at = (offset: number | null, said?: string): Break | null => {
    if (offset === null) return null
    const { where, expected } = placeIn(bytes, offset)
    return breakAt(bytes, { offset, where, expected: said ?? expected })
  }
  if (code === 'byte-order-mark') return at(0, 'JSON, and no byte order mark,')
  if (code === 'not-json') return at(jsonBreakIn(bytes))
  if (code === 'not-utf8') {
    const [json, none] = [jsonBreakIn(bytes), utf8BreakIn(bytes)]
    // Behind what breaks it as JSON nobody knows where anything stands.
    return json !== null && none !== null && json < none ? at(json) : at(none, 'UTF-8')
  }
  if (CODE[code].claim !== 'canonical' || code === 'not-writable' || code === 'too-deep')
    return null
  const written = canonicalIn(bytes)
  if (written === null) return null
  const offset = differenceOf(bytes, written)
  // A key that no record has may be canonical.
  if (offset === bytes.length && offset === written.length) return null
  const [next] = written.subarray(offset)
  return at(offset, next === undefined ? EXPECTED.end : `what RFC 8785 writes (${byteSaid(next)})`)
}

/** null of what has none, as half a surrogate has not. */
function canonicalIn(bytes: Uint8Array): Uint8Array | null {
  try {
    return utf8(canonicalize(JSON.parse(strict.decode(bytes))))
  } catch (fault) {
    if (fault instanceof EvidenceError) return null
    throw fault
  }
}

function differenceOf(bytes: Uint8Array, others: Uint8Array): number {
  let same = 0
  while (same < bytes.length && bytes[same] === others[same]) same += 1
  return same
}

function breakAt(
  bytes: Uint8Array<ArrayBuffer>,
  { offset, where, expected }: Pick<Break, 'offset' | 'where' | 'expected'>,
): Break {
  let line = 1
  let begin = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1 && at < offset;) {
    line += 1
    begin = at + 1
    at = bytes.indexOf(NEWLINE, begin)
  }
  return {
    offset,
    line,
    column: offset - begin + 1,
    where,
    expected,
    byte: bytes[offset] ?? null,
    before: visibly(bytes.subarray(Math.max(0, offset - SHOWN), offset)),
    after: visibly(bytes.subarray(offset, offset + SHOWN)),
    looks: looksLike(bytes, offset, expected),
  }
}

/** What a person would see in a hex dump. */
function looksLike(
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
  expected: string,
): string | null {
  if (bytes.length === 0) return 'It is empty.'
  const begins = BEGINNINGS.find(({ text }) => text.every((byte, at) => bytes[at] === byte))
  if (begins !== undefined) return begins.said
  if (isWide(bytes)) return UTF_16
  let zeros = offset
  while (bytes[zeros] === 0) zeros += 1
  if (zeros > offset)
    return `${counted(zeros - offset, 'zero byte stands', 'zero bytes stand')} there: nothing was written in ${zeros - offset === 1 ? 'its' : 'their'} place, as when a disk or a transfer leaves a gap.`
  if (expected === EXPECTED.end && bytes[offset] === OPEN_OBJECT)
    return 'Another document begins there: it looks like two files in one.'
  if (offset === bytes.length) return 'It ends there, in the middle: it looks cut off.'
  return null
}

/** Every second byte is zero, as far as it is looked at. */
function isWide(bytes: Uint8Array): boolean {
  const [first, second, third, fourth] = Array.from(bytes.subarray(0, 4), (byte) => byte === 0)
  return first !== second && third === first && fourth === second
}

const UTF_16 = 'It looks like UTF-16: an editor or a shell has written it in another encoding.'
const BEGINNINGS = [
  { text: [0x1f, 0x8b], said: 'It begins as a file of gzip does: unpack it first.' },
  { text: [0x50, 0x4b, 0x03, 0x04], said: 'It begins as a file of zip does: unpack it first.' },
  { text: [0x28, 0xb5, 0x2f, 0xfd], said: 'It begins as a file of zstd does: unpack it first.' },
  { text: [0xff, 0xfe], said: UTF_16 },
  { text: [0xfe, 0xff], said: UTF_16 },
  { text: [0x3c], said: 'It begins as a web page does: another answer was saved in its place.' },
] as const

export function* sentencesOfBytes(found: Break): Generator<string> {
  const { offset, line, column, where, expected, after, looks } = found
  // Nothing of the file itself: a page draws no word of what does not verify. What stands there is in `verify --json`.
  const stands = after === '' ? 'the file ends there' : 'something else stands there'
  yield `The bytes break after ${counted(offset, 'byte')} (line ${line.toLocaleString('en')}, column ${column.toLocaleString('en')})${where === '' ? '' : `, at ${where}`}: ${expected} was expected, and ${stands}.`
  if (looks !== null) yield looks
}

/** What is no word of the file. */
export const comparedAt = ({ expected, byte }: Break): Compared => ({
  expected: expected.replace(/,$/, ''),
  actual: byteSaid(byte),
})

/** Of none it is the end. */
export const byteSaid = (byte: number | null | undefined): string =>
  typeof byte === 'number' ? `byte 0x${byte.toString(16).padStart(2, '0')}` : 'the end of the file'

const visibly = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte >= SPACE && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('')

const SHOWN = 32

/** What is open where `stop` stands, and what may come there. JSON before it is right, or nobody's to rely on. */
function placeIn(bytes: Uint8Array, stop: number): Pick<Break, 'where' | 'expected'> {
  const open: Open[] = []
  let next: keyof typeof EXPECTED = 'value'
  for (let at = 0; at < stop && open.length <= MOST_OPEN; at += 1) {
    const byte = bytes[at] ?? 0
    const top = open.at(-1)
    if (SPACES.includes(byte)) continue
    if (byte === COLON) next = 'value'
    else if (byte === COMMA) {
      next = top?.isList === false ? 'name' : 'value'
      if (top) top.index += 1
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      const isList = byte === OPEN_LIST
      next = isList ? 'element' : 'member'
      open.push({ isList, index: 0, name: { from: 0, to: 0 } })
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      open.pop()
      next = open.length === 0 ? 'end' : 'next'
    } else {
      const isName: boolean = next === 'name' || next === 'member'
      const end = byte === QUOTE ? textEnd(bytes, at) : wordEnd(bytes, at)
      if (end > stop || (end === stop && byte !== QUOTE)) {
        next = byte === QUOTE ? (isName ? 'restOfName' : 'rest') : 'restOfWord'
        break
      }
      if (isName && top) top.name = { from: at + 1, to: end - 1 }
      next = isName ? 'colon' : open.length === 0 ? 'end' : 'next'
      at = end - 1
    }
  }
  const isOfTop =
    next === 'name' || next === 'member' || next === 'element' || next === 'restOfName'
  const steps = (isOfTop ? open.slice(0, -1) : open).map(({ isList, index, name }) =>
    isList
      ? index
      : latin1.decode(bytes.subarray(name.from, Math.min(name.to, name.from + LONGEST))),
  )
  // Deeper than that nobody has looked.
  return {
    where: placeInRecord(steps),
    expected: open.length > MOST_OPEN ? 'what JSON has there' : EXPECTED[next],
  }
}

type Open = { readonly isList: boolean; index: number; name: { from: number; to: number } }

/** Of the names that a record has, the longest is shorter. */
const LONGEST = 64
/** Deeper than any record. */
const MOST_OPEN = 100

const EXPECTED = {
  value: 'a value',
  element: 'a value or “]”',
  name: 'a name',
  member: 'a name or “}”',
  colon: '“:”',
  next: '“,” or a closing bracket',
  rest: 'the rest of a text',
  restOfName: 'the rest of a name',
  restOfWord: 'the rest of a number or word, or what may follow it,',
  end: 'the end of the file',
} as const

/** Behind its last quote, or behind the file. */
function textEnd(bytes: Uint8Array, begin: number): number {
  let at = begin + 1
  for (; at < bytes.length && bytes[at] !== QUOTE; at += 1) if (bytes[at] === BACKSLASH) at += 1
  return at + 1
}

function wordEnd(bytes: Uint8Array, begin: number): number {
  let at = begin + 1
  while (at < bytes.length && !BEHIND_WORDS.includes(bytes[at] ?? 0)) at += 1
  return at
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const latin1 = new TextDecoder('latin1')
const SPACES = utf8(' \n\r\t')
const BEHIND_WORDS = utf8(' \n\r\t,:]}"[{')
const [SPACE, QUOTE, COMMA, COLON, BACKSLASH, NEWLINE] = [0x20, 0x22, 0x2c, 0x3a, 0x5c, 0x0a]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]
