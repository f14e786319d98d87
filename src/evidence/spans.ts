import { Envelope, LIMITS, type Limits, mostInAList } from '#contract/envelope.ts'
import * as z from 'zod/mini'
import { ALLOWED_KEY, utf8 } from './canonical.ts'

/*
 * The quick way to read an envelope. The schema is closed, and a canonical text has each member in one place and in one
 * form: so a text is both when it is, token by token, what the schema lets come next. One pass from left to right holds
 * it to that and notes where the parts are that are digested. It never refuses: of what it does not know at once it says
 * so, and read.ts finds out in the plain way, which is also what it is tested against. So a mistake here can lie in one
 * direction only, in letting something pass. A schema that says more than what is known here is an error when this file
 * is loaded.
 */

/** Where these parts are in the bytes: begin and end, one after the other, in the order of the file. */
export type Spans = { readonly [K in Place]: readonly number[] }

/** The spans of bytes that are UTF-8, canonical, within the limits and fit the schema; null where that is not certain. */
export function spansOf(bytes: Uint8Array, limits: Limits): Spans | null {
  // What follows is made for the limits of the contract: others are not this pass's matter. No schema nests so deep.
  if (limits.depth < LIMITS.depth || limits.textBytes < LIMITS.textBytes) return null
  const spans = {
    closing: [],
    steps: [],
    step: [],
    gate: [],
    integrity: [],
    links: [],
    opening: [],
    plan: [],
    planned: [],
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const scan = { bytes, view, limits, spans, shown: '', shownFrom: 0 }
  if (readEnvelope(scan, 0) !== bytes.length) return null
  return (spans.step.length + spans.gate.length) / 2 <= limits.entries ? spans : null
}

type Place = (typeof PLACES)[keyof typeof PLACES]
const PLACES = {
  '/closing': 'closing',
  '/execution/steps': 'steps',
  '/execution/steps/*': 'step',
  '/gates/*': 'gate',
  '/integrity': 'integrity',
  '/integrity/hash_chain/links': 'links',
  '/opening': 'opening',
  '/opening/plan/steps': 'plan',
  '/opening/plan/steps/*': 'planned',
} as const

type Scan = {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly limits: Limits
  readonly spans: { readonly [K in Place]: number[] }
  /** The bytes from here on, each as one character. */
  shown: string
  shownFrom: number
}

/** Where what begins at `at` ends, or `NOT`. */
type Reader = (scan: Scan, at: number) => number
const NOT = -1

function readerOf(schema: z.core.$ZodType, path: string): Reader {
  const read = unmarked(schema, path)
  const place = Object.entries(PLACES).find(([marked]) => marked === path)?.[1]
  if (place === undefined) return read
  return (scan, at) => {
    const end = read(scan, at)
    scan.spans[place].push(at, end)
    return end
  }
}

function unmarked(schema: z.core.$ZodType, path: string): Reader {
  if (schema instanceof z.core.$ZodArray) return arrayReader(schema, path)
  if (schema instanceof z.core.$ZodString) return stringReader(schema)
  if (schema instanceof z.core.$ZodNumber) return countReader(schema)
  if ((schema._zod.def.checks ?? []).length > 0) throw new Error(`${path}: no reader for its check`)
  if (schema instanceof z.core.$ZodObject) return objectReader(schema, path)
  if (schema instanceof z.core.$ZodRecord) return recordReader(schema, path)
  if (schema instanceof z.core.$ZodBoolean) return anyOf([wordReader('true'), wordReader('false')])
  if (schema instanceof z.core.$ZodLiteral)
    return anyOf([...schema._zod.def.values].map((value) => wordReader(JSON.stringify(value))))
  if (schema instanceof z.core.$ZodEnum)
    return anyOf(
      Object.values(schema._zod.def.entries).map((one) => wordReader(JSON.stringify(one))),
    )
  if (schema instanceof z.core.$ZodNullable)
    return anyOf([wordReader('null'), readerOf(schema._zod.def.innerType, path)])
  if (schema instanceof z.core.$ZodUnion)
    return anyOf(schema._zod.def.options.map((option) => readerOf(option, path)))
  throw new Error(`${path}: no reader for ${schema._zod.def.type}`)
}

function wordReader(word: string): Reader {
  const wanted = wordOf(word)
  return ({ view }, at) => (isAt(view, at, wanted) ? at + wanted.length : NOT)
}

/** A text of at least four bytes, four at a time; the last four may overlap the ones before. */
type Word = { readonly length: number; readonly fours: Int32Array; readonly last: number }

function wordOf(word: string): Word {
  const { buffer, length } = utf8(word)
  if (length < 4) throw new Error(`${word} is too short to be looked for`)
  const view = new DataView(buffer)
  const fours = Int32Array.from({ length: (length - 1) >> 2 }, (_, nth) => view.getInt32(4 * nth))
  return { length, fours, last: view.getInt32(length - 4) }
}

// Names of members are a third of all bytes.
function isAt(view: DataView, at: number, { length, fours, last }: Word): boolean {
  if (at + length > view.byteLength) return false
  for (let nth = 0; nth < fours.length; nth += 1)
    if (view.getInt32(at + 4 * nth) !== fours[nth]) return false
  return view.getInt32(at + length - 4) === last
}

// No two of ours begin a longer text of each other, so the first that fits is the one.
const anyOf =
  (readers: readonly Reader[]): Reader =>
  (scan, at) => {
    for (const read of readers) {
      const end = read(scan, at)
      if (end !== NOT) return end
    }
    return NOT
  }

function objectReader(schema: z.core.$ZodObject, path: string): Reader {
  const { shape, catchall } = schema._zod.def
  if (!(catchall instanceof z.core.$ZodNever)) throw new Error(`${path}: is not closed`)
  const members = Object.keys(shape)
    .toSorted()
    .flatMap((key) => {
      const member = shape[key]
      if (member === undefined) return []
      const isOptional = member instanceof z.core.$ZodOptional
      const type = isOptional ? member._zod.def.innerType : member
      const read = readerOf(type, `${path}/${key}`)
      return [{ first: wordOf(`{"${key}":`), next: wordOf(`,"${key}":`), isOptional, read }]
    })
  return (scan, begin) => {
    const { bytes, view } = scan
    let at = begin
    for (const { first, next, isOptional, read } of members) {
      const name = at === begin ? first : next
      if (isAt(view, at, name)) {
        at = read(scan, at + name.length)
        if (at === NOT) return NOT
      } else if (!isOptional) return NOT
    }
    // None of ours may be empty.
    return at !== begin && bytes[at] === CLOSE_OBJECT ? at + 1 : NOT
  }
}

function arrayReader(schema: z.core.$ZodArray, path: string): Reader {
  const read = readerOf(schema._zod.def.element, `${path}/*`)
  const { least, most } = lengthOf(schema, path)
  const isOfArtifacts = path === '/execution/steps/*/artifacts'
  return (scan, begin) => {
    const { bytes, limits } = scan
    if (bytes[begin] !== OPEN_ARRAY) return NOT
    if (bytes[begin + 1] === CLOSE_ARRAY) return least === 0 ? begin + 2 : NOT
    let count = 0
    let at = begin
    do {
      at = read(scan, at + 1)
      if (at === NOT) return NOT
      count += 1
    } while (bytes[at] === COMMA)
    if (isOfArtifacts && count > limits.artifactsPerStep) return NOT
    if (count > mostInAList(limits)) return NOT
    return bytes[at] === CLOSE_ARRAY && count >= least && count <= most ? at + 1 : NOT
  }
}

function recordReader(schema: z.core.$ZodRecord, path: string): Reader {
  const { keyType, valueType } = schema._zod.def
  if (!(keyType instanceof z.core.$ZodString)) throw new Error(`${path}: no reader for its keys`)
  const readKey = readerOf(keyType, path)
  const readValue = readerOf(valueType, `${path}/*`)
  return (scan, begin) => {
    const { bytes } = scan
    if (bytes[begin] !== OPEN_OBJECT) return NOT
    if (bytes[begin + 1] === CLOSE_OBJECT) return begin + 2
    let at = begin
    let before = ''
    do {
      const colon = readKey(scan, at + 1)
      if (colon === NOT || bytes[colon] !== COLON) return NOT
      const key = plainText(scan, at + 2, colon - 1)
      // As it is written, without an escape; each once and all in order.
      if (!ALLOWED_KEY.test(key) || key <= before) return NOT
      before = key
      at = readValue(scan, colon + 1)
      if (at === NOT) return NOT
    } while (bytes[at] === COMMA)
    return bytes[at] === CLOSE_OBJECT ? at + 1 : NOT
  }
}

function stringReader(schema: z.core.$ZodString): Reader {
  if (schema instanceof z.core.$ZodStringFormat) throw new Error('no reader for a format')
  const patterns: RegExp[] = []
  let most = Infinity
  for (const check of schema._zod.def.checks ?? []) {
    if (check instanceof z.core.$ZodCheckRegex) patterns.push(check._zod.def.pattern)
    else if (check instanceof z.core.$ZodCheckMaxLength) most = check._zod.def.maximum
    else throw new Error(`no reader for a string with ${check._zod.def.check}`)
  }
  const [pattern] = patterns
  const letters = patterns.length === 1 && most === Infinity ? lettersOf(pattern?.source) : null
  if (letters !== null) return lettersReader(letters)
  return (scan, at) => {
    const { bytes } = scan
    if (bytes[at] !== QUOTE) return NOT
    let end = at + 1
    let isPlain = true
    for (; bytes[end] !== QUOTE; end += 1) {
      const byte = bytes[end]
      if (byte === undefined || byte < SPACE) return NOT
      if (byte === BACKSLASH) {
        isPlain = false
        end += 1
      } else if (byte > LAST_ASCII) isPlain = false
    }
    const length = end - at - 1
    if (length > LIMITS.textBytes) return NOT
    if (isPlain && patterns.length === 0) return length <= most ? end + 1 : NOT
    const value = isPlain ? plainText(scan, at + 1, end) : valueOf(bytes, at, end + 1)
    if (value === null || value.length > most) return NOT
    for (const one of patterns) if (!one.test(value)) return NOT
    return end + 1
  }
}

/** What a pattern says that says no more than which letters, and how many of them. */
type Letters = { allowed: Uint8Array; least: number; most: number; never: Word | null }

function lettersOf(pattern = ''): Letters | null {
  const found = /^\^(?:\(\?!(\w+)\$\))?(\[[^\]]+\])\{(\d+)(?:,(\d+))?\}\$$/.exec(pattern)
  if (found === null) return null
  const [, never, letters = '', least = '', most = least] = found
  const one = new RegExp(`^${letters}$`)
  return {
    allowed: Uint8Array.from({ length: 256 }, (_, byte) =>
      byte <= LAST_ASCII && one.test(String.fromCodePoint(byte)) ? 1 : 0,
    ),
    least: Number(least),
    most: Number(most),
    never: never === undefined ? null : wordOf(`${never}"`),
  }
}

// Ids, keys and digests are half of all bytes.
function lettersReader({ allowed, least, most, never }: Letters): Reader {
  return ({ bytes, view }, at) => {
    if (bytes[at] !== QUOTE) return NOT
    let end = at + 1
    while (allowed[bytes[end] ?? 0] === 1) end += 1
    const length = end - at - 1
    if (bytes[end] !== QUOTE || length < least || length > most) return NOT
    return never !== null && isAt(view, at + 1, never) ? NOT : end + 1
  }
}

/** Of ASCII. A decoder that is called for each of them takes longer than all else that is done here. */
function plainText(scan: Scan, begin: number, end: number): string {
  if (begin < scan.shownFrom || end > scan.shownFrom + scan.shown.length) {
    scan.shown = oneByOne.decode(scan.bytes.subarray(begin, Math.max(end, begin + SHOWN_AT_ONCE)))
    scan.shownFrom = begin
  }
  return scan.shown.slice(begin - scan.shownFrom, end - scan.shownFrom)
}

const oneByOne = new TextDecoder('latin1')
const SHOWN_AT_ONCE = 65_536
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Of a string that is written as RFC 8785 writes it, else null. */
function valueOf(bytes: Uint8Array, begin: number, end: number): string | null {
  try {
    const token = decoder.decode(bytes.subarray(begin, end))
    const value: unknown = JSON.parse(token)
    return typeof value === 'string' && value.isWellFormed() && JSON.stringify(value) === token
      ? value
      : null
  } catch {
    return null
  }
}

// Whole numbers from 0 on of at most 15 digits, which are all that we write: others are not this pass's matter.
function countReader(schema: z.core.$ZodNumber): Reader {
  if (!(schema instanceof z.core.$ZodNumberFormat) || schema._zod.def.format !== 'safeint')
    throw new Error('no reader for a number that is not whole')
  const { least, most } = boundsOf(schema)
  return ({ bytes }, begin) => {
    let value = 0
    let at = begin
    for (; ; at += 1) {
      const digit = (bytes[at] ?? 0) - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const digits = at - begin
    if (digits === 0 || digits > 15 || (digits > 1 && bytes[begin] === ZERO)) return NOT
    return value >= least && value <= most ? at : NOT
  }
}

function boundsOf(schema: z.core.$ZodNumber): { least: number; most: number } {
  let least = 0
  let most = Infinity
  for (const check of schema._zod.def.checks ?? []) {
    if (check instanceof z.core.$ZodCheckGreaterThan)
      least = Math.max(least, Number(check._zod.def.value) + (check._zod.def.inclusive ? 0 : 1))
    else if (check instanceof z.core.$ZodCheckLessThan && check._zod.def.inclusive)
      most = Math.min(most, Number(check._zod.def.value))
    else throw new Error(`no reader for a number with ${check._zod.def.check}`)
  }
  return { least, most }
}

function lengthOf(schema: z.core.$ZodArray, path: string): { least: number; most: number } {
  let [least, most] = [0, Infinity]
  for (const check of schema._zod.def.checks ?? []) {
    if (check instanceof z.core.$ZodCheckMinLength) least = check._zod.def.minimum
    else if (check instanceof z.core.$ZodCheckLengthEquals)
      [least, most] = [check._zod.def.length, check._zod.def.length]
    else throw new Error(`${path}: no reader for a list with ${check._zod.def.check}`)
  }
  return { least, most }
}

const [SPACE, QUOTE, COMMA, ZERO, COLON, BACKSLASH] = [0x20, 0x22, 0x2c, 0x30, 0x3a, 0x5c]
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]
const LAST_ASCII = 0x7f

const readEnvelope = readerOf(Envelope, '')
