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
  }
}

const MOST_VALUES = 100

/** The first values whose place or text has `search` in it; `more` when there are others. */
export function valuesOf(document: object, search: string): { values: Value[]; more: boolean } {
  const wanted = search.toLowerCase()
  const values: Value[] = []
  for (const value of leavesOf(document, [])) {
    if (wanted !== '' && !`${value.pointer} ${value.json}`.toLowerCase().includes(wanted)) continue
    if (values.length === MOST_VALUES) return { values, more: true }
    values.push(value)
  }
  return { values, more: false }
}

function withByte(bytes: Uint8Array, offset: number, byte: number): Copy {
  if (!Number.isInteger(offset) || offset < 0 || offset >= bytes.length)
    return { ok: false, why: `the file has bytes 0 to ${bytes.length - 1}` }
  if (!Number.isInteger(byte) || byte < 0 || byte > 255)
    return { ok: false, why: 'a byte is 0 to 255' }
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
  const value = parsed(json)
  const after = value === undefined ? null : written(value)
  if (after === null)
    return {
      ok: false,
      why: 'the new value is no JSON that can be written back; texts need quotes',
    }
  const document = parsed(new TextDecoder().decode(bytes))
  const path = place.split('/').slice(1)
  const last = path.at(-1)
  const parent = path.slice(0, -1).reduce<unknown>((at, key) => memberOf(at, key), document)
  const before = last === undefined ? undefined : memberOf(parent, last)
  if (last === undefined || before === undefined || !isObject(parent))
    return { ok: false, why: 'there is no value in this place' }
  if (canonicalize(before) === after) return { ok: false, why: 'this value is what it is already' }
  Reflect.set(parent, last, value)
  return { ok: true, bytes: utf8(canonicalize(document)), before: canonicalize(before), after }
}

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

function* leavesOf(value: unknown, path: readonly string[]): Generator<Value> {
  if (!isObject(value)) {
    yield { pointer: pointer(path), json: JSON.stringify(value) }
    return
  }
  const members: [string, unknown][] = Object.entries(value)
  for (const [key, member] of members) yield* leavesOf(member, [...path, key])
}
