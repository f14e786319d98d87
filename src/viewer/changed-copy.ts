import { pointer } from '#contract/parse.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { EvidenceError } from '#evidence/fault.ts'
import type { Change, Value } from './verifier.ts'

export type Copy =
  | { ok: true; bytes: Uint8Array<ArrayBuffer>; before: string; after: string }
  | { ok: false; why: string }

/** The bytes of a document with one thing changed, for seeing what a verifier makes of it. `bytes` stay as they are. */
export function changedCopy(bytes: Uint8Array, change: Change): Copy {
  switch (change.kind) {
    case 'byte':
      return withByte(bytes, change.offset, change.byte)
    case 'value':
      return withValue(bytes, change.pointer, change.json)
    case 'added':
      return withMember(bytes, change.pointer, change.name, change.json)
    case 'removed':
      return withoutValue(bytes, change.pointer)
  }
}

const MOST_VALUES = 100
/** Longest value that can be edited as a text. */
const MOST_JSON = 20_000

/** The first values whose place, or text where they have no members, has `search` in it; `more` when there are others. */
export function valuesOf(document: object, search: string): { values: Value[]; more: boolean } {
  const wanted = search.toLowerCase()
  const values: Value[] = []
  for (const { path, value } of valuesIn(document, [])) {
    const place = pointer(path)
    const text = isObject(value) ? place : `${place} ${JSON.stringify(value)}`
    if (wanted !== '' && !text.toLowerCase().includes(wanted)) continue
    if (values.length === MOST_VALUES) return { values, more: true }
    const holds = Array.isArray(value) ? 'list' : isObject(value) ? 'members' : null
    values.push({ pointer: place, json: jsonUpTo(value, MOST_JSON), holds })
  }
  return { values, more: false }
}

function withByte(bytes: Uint8Array, offset: number, byte: number): Copy {
  if (!Number.isInteger(offset) || offset < 0 || offset >= bytes.length)
    return { ok: false, why: `say which byte: a whole number of 0 to ${bytes.length - 1}` }
  if (!Number.isInteger(byte) || byte < 0 || byte > 255)
    return { ok: false, why: 'say what it becomes: a whole number of 0 to 255' }
  if (bytes[offset] === byte) return { ok: false, why: 'this byte is what it is already' }
  const copy = new Uint8Array(bytes)
  copy[offset] = byte
  return { ok: true, bytes: copy, before: around(bytes, offset), after: around(copy, offset) }
}

const AROUND_BYTES = 24
const around = (bytes: Uint8Array, offset: number): string =>
  new TextDecoder().decode(
    bytes.subarray(Math.max(0, offset - AROUND_BYTES), offset + AROUND_BYTES),
  )

function withValue(bytes: Uint8Array, place: string, json: string): Copy {
  const after = valueOf(json)
  if ('why' in after) return after
  const { document, mark, parent, key, before } = placeIn(bytes, place)
  if (before === undefined || !isObject(parent)) return NOTHING_THERE
  if (canonicalize(before) === after.text)
    return { ok: false, why: 'this value is what it is already' }
  Reflect.set(parent, key, mark)
  return copyOf(document, mark, canonicalize(before), after.text)
}

function withMember(bytes: Uint8Array, place: string, name: string, json: string): Copy {
  const after = valueOf(json)
  if ('why' in after) return after
  const { document, mark, before: holder } = placeIn(bytes, place)
  if (!isObject(holder)) return NOTHING_THERE
  if (Array.isArray(holder)) holder.push(mark)
  else if (name === '') return { ok: false, why: 'a new member needs a name' }
  else if (Object.hasOwn(holder, name))
    return { ok: false, why: 'there is a member of this name already' }
  // As its own: the name of a prototype is a name like others here.
  else
    Object.defineProperty(holder, name, {
      value: mark,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  return copyOf(document, mark, 'nothing', after.text)
}

function withoutValue(bytes: Uint8Array, place: string): Copy {
  const { document, mark, parent, key, before } = placeIn(bytes, place)
  if (before === undefined || !isObject(parent)) return NOTHING_THERE
  if (Array.isArray(parent)) parent.splice(Number(key), 1)
  else Reflect.deleteProperty(parent, key)
  return copyOf(document, mark, canonicalize(before), 'nothing')
}

const NOTHING_THERE: Copy = { ok: false, why: 'there is no value in this place' }

function placeIn(bytes: Uint8Array, place: string) {
  const text = new TextDecoder().decode(bytes)
  const document = parsed(text)
  // Stands for the new value until that is written in its place.
  let mark = 'here'
  while (text.includes(mark)) mark += '!'
  const path = place.split('/').slice(1)
  const key = path.at(-1) ?? ''
  const [holders, isWhole] = [path.slice(0, -1), path.length === 0]
  const parent = isWhole ? undefined : holders.reduce<unknown>(memberOf, document)
  return { document, mark, parent, key, before: isWhole ? document : memberOf(parent, key) }
}

/** As the record would write it; as it was typed where that would be another value, or another number by its text. */
function valueOf(json: string): { text: string } | { ok: false; why: string } {
  const value = parsed(json)
  if (value === undefined) return { ok: false, why: 'the new value is no JSON; texts need quotes' }
  const text = numbersIn(json).every((number) => String(Number(number)) === number)
    ? written(value)
    : null
  return { text: text ?? json.trim() }
}

const numbersIn = (json: string): string[] =>
  json.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').match(/-?\d[\d.eE+-]*/g) ?? []

const SHOWN_CHARS = 2000
const copyOf = (document: unknown, mark: string, before: string, after: string): Copy => ({
  ok: true,
  bytes: utf8(canonicalize(document).replace(JSON.stringify(mark), () => after)),
  before: before.slice(0, SHOWN_CHARS),
  after: after.slice(0, SHOWN_CHARS),
})

function written(value: unknown): string | null {
  try {
    return canonicalize(value)
  } catch (fault) {
    if (fault instanceof EvidenceError) return null
    throw fault
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

const memberOf = (value: unknown, key: string): unknown =>
  isObject(value) && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined

/** Each value, what holds others before them. */
function* valuesIn(
  value: unknown,
  path: readonly string[],
): Generator<{ path: readonly string[]; value: unknown }> {
  if (path.length > 0) yield { path, value }
  if (!isObject(value)) return
  const members: [string, unknown][] = Object.entries(value)
  for (const [key, member] of members) yield* valuesIn(member, [...path, key])
}

/** null where it is longer: a record of 100 MB is no text to edit. */
function jsonUpTo(value: unknown, most: number): string | null {
  return roomAfter(value, most) < 0 ? null : JSON.stringify(value)
}

function roomAfter(value: unknown, room: number): number {
  if (typeof value === 'string') return room - value.length - 2
  if (!isObject(value)) return room - 4
  const members: [string, unknown][] = Object.entries(value)
  let left = room - 2
  for (const [key, member] of members) {
    left = roomAfter(member, left - (Array.isArray(value) ? 1 : key.length + 4))
    if (left < 0) break
  }
  return left
}
