import { sha256 as hash } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { canonicalize, utf8 } from './canonical.ts'
import { sha256Of } from './sha256.ts'

/**
 * Lowercase hex SHA-256. Synchronous, so that a link is made inside the transaction that records its entry; for what
 * is small it is also several times faster than waiting for WebCrypto.
 */
export function sha256(data: string | Uint8Array): string {
  return bytesToHex(sha256Of(typeof data === 'string' ? bytesOf(data) : data))
}

/** The same as the bytes of its text, into `hex`. */
export function sha256Into(hex: Uint8Array, data: Uint8Array): void {
  const digest = sha256Of(data)
  for (let at = 0; at < digest.length; at += 1) {
    const byte = digest[at] ?? 0
    hex[2 * at] = DIGITS[byte >> 4] ?? 0
    hex[2 * at + 1] = DIGITS[byte & 15] ?? 0
  }
}

const DIGITS = utf8('0123456789abcdef')

/** The same as its 32 bytes. */
export function sha256Bytes(data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256Of(typeof data === 'string' ? bytesOf(data) : data).slice()
}

const encoder = new TextEncoder()
const room = new Uint8Array(4096)

// A short text, as the preimage of a link, has its bytes where those of the one before were.
function bytesOf(text: string): Uint8Array {
  if (3 * text.length > room.length) return encoder.encode(text)
  return room.subarray(0, encoder.encodeInto(text, room).written)
}

/** SHA-256 of the RFC 8785 bytes of `value`: the one way anything of ours is digested. */
export function digestOf(value: unknown): string {
  return sha256(canonicalize(value))
}

/** The digest of what comes in parts. */
export function digesting(): { add: (data: Uint8Array) => void; hex: () => string } {
  const digest = hash.create()
  return { add: (data) => void digest.update(data), hex: () => bytesToHex(digest.digest()) }
}

/** The same digest by WebCrypto: four times as fast where there are megabytes. */
export async function sha256OfMany(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', data)))
}
