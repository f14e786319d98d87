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
