import { EvidenceError } from './fault.ts'

/** Standard alphabet, padded. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/**
 * Strict: the one text that `encodeBase64` would write, else `not-base64`. No whitespace, no missing padding, no bits
 * left over in the last character, so that no two texts are one signature.
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string
  try {
    binary = atob(text)
  } catch {
    throw new EvidenceError('not-base64', 'is not base64')
  }
  if (btoa(binary) !== text) throw new EvidenceError('not-base64', 'is not canonical base64')
  return Uint8Array.from(binary, (character) => character.charCodeAt(0))
}

/** The same for what only has to be looked at: null where it is not base64. */
export function tryBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return decodeBase64(text)
  } catch (fault) {
    if (fault instanceof EvidenceError) return null
    throw fault
  }
}

/** The alphabet of URLs, without padding: what WebAuthn writes. */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** As strict as `tryBase64`. */
export function tryBase64Url(text: string): Uint8Array<ArrayBuffer> | null {
  if (/[^A-Za-z0-9_-]/.test(text)) return null
  const standard = text.replaceAll('-', '+').replaceAll('_', '/')
  return tryBase64(standard + '='.repeat(-text.length & 3))
}

/**
 * As strict, of text that stands in a file and may be long: without a string of it. null where it is not base64. A text
 * is the same in pieces of which each, but for the last, is of so many characters that 4 go into it, and has no padding.
 */
export function base64InBytes(text: Uint8Array): Uint8Array<ArrayBuffer> | null {
  if (text.length % 4 !== 0) return null
  const padding = text.at(-1) !== PADDING ? 0 : text.at(-2) !== PADDING ? 1 : 2
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  const digits = text.length - padding
  let bits = 0
  let out = 0
  for (let at = 0; at < digits; at += 1) {
    const digit = DIGITS[text[at] ?? 0] ?? NO_DIGIT
    if (digit === NO_DIGIT) return null
    bits = ((bits & 0x3ffff) << 6) | digit
    const nth = at & 3
    if (nth === 1) bytes[out++] = bits >> 4
    else if (nth === 2) bytes[out++] = bits >> 2
    else if (nth === 3) bytes[out++] = bits
  }
  // Of the last character, what belongs to no byte.
  const isLeftOver = (padding === 1 && (bits & 3) !== 0) || (padding === 2 && (bits & 15) !== 0)
  return isLeftOver ? null : bytes
}

const PADDING = 0x3d
const NO_DIGIT = 0xff
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const DIGITS = new Uint8Array(256).fill(NO_DIGIT)
for (let digit = 0; digit < ALPHABET.length; digit += 1) DIGITS[ALPHABET.charCodeAt(digit)] = digit
