import serialize from 'canonicalize'
import { EvidenceError } from './fault.ts'

/**
 * RFC 8785 text of `value`. What JSON cannot say is refused with `not-writable`: the library would drop an undefined
 * member and write null for an undefined element, and two different values would have one digest.
 */
export function canonicalize(value: unknown): string {
  refuseUnwritable(value)
  try {
    const text = serialize(value)
    if (text !== undefined) return text
  } catch (cause) {
    throw new EvidenceError('not-writable', lowerCased(cause))
  }
  throw new EvidenceError('not-writable', `${typeof value} has no JSON form`)
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}

// Numbers and strings are left to the library, which refuses NaN, infinities and lone surrogates; so are cycles.
function refuseUnwritable(root: unknown): void {
  const seen = new Set<object>()
  const rest = [root]
  while (rest.length > 0) {
    const value = rest.pop()
    if (typeof value === 'object') {
      if (value === null || seen.has(value)) continue
      seen.add(value)
      for (const child of Object.values(value)) rest.push(child)
    } else if (
      typeof value !== 'string' &&
      typeof value !== 'number' &&
      typeof value !== 'boolean'
    ) {
      throw new EvidenceError('not-writable', `${typeof value} has no JSON form`)
    }
  }
}

function lowerCased(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  return message.charAt(0).toLowerCase() + message.slice(1)
}
