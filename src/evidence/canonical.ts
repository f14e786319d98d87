import serialize from 'canonicalize'
import { EvidenceError } from './fault.ts'

/**
 * RFC 8785 text of `value`, a tree. What JSON cannot say is refused with `not-writable`: `JSON.stringify` and the library
 * alike would drop an undefined member and write null for an undefined element, and two values would have one digest.
 */
export function canonicalize(value: unknown): string {
  // Where the members stand in canonical order already, as in all that was read from a canonical file, RFC 8785 is what
  // the engine itself writes, ten times as fast.
  const text = isInOrder(value) ? JSON.stringify(value) : serialize(value)
  if (text === undefined) throw new EvidenceError('not-writable', 'has no JSON form')
  return text
}

/** Of every member of a document, at any depth [E2]. */
export const ALLOWED_KEY = /^(?!__proto__$)[A-Za-z0-9_.-]+$/

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

function isInOrder(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return true
      throw new EvidenceError('not-writable', 'half a surrogate pair has no JSON form')
    case 'number':
      if (Number.isFinite(value)) return true
      throw new EvidenceError('not-writable', `${value} has no JSON form`)
    case 'boolean':
      return true
    case 'object':
      return value === null || (Array.isArray(value) ? areInOrder(value) : areMembersInOrder(value))
    case 'undefined':
    case 'function':
    case 'symbol':
    case 'bigint':
      throw new EvidenceError('not-writable', `${typeof value} has no JSON form`)
  }
}

// To the end, whatever the order: the library drops what is refused here.
function areInOrder(values: readonly unknown[]): boolean {
  let inOrder = true
  for (const value of values) inOrder = isInOrder(value) && inOrder
  return inOrder
}

function areMembersInOrder(object: object): boolean {
  let inOrder = true
  let before = ''
  const members: [string, unknown][] = Object.entries(object)
  for (const [key, value] of members) {
    inOrder = isInOrder(key) && isInOrder(value) && inOrder && before <= key
    before = key
  }
  return inOrder
}
