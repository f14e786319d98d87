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
