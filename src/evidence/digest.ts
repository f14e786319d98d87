import { sha256 as hash } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { canonicalize, utf8 } from './canonical.ts'

/**
 * Lowercase hex SHA-256. Synchronous, so that a link is made inside the transaction that records its entry; for what
 * is small it is also several times faster than waiting for WebCrypto.
 */
export function sha256(data: string | Uint8Array): string {
  return bytesToHex(hash(typeof data === 'string' ? utf8(data) : data))
}

/** The same as its 32 bytes. */
export function sha256Bytes(data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hash(typeof data === 'string' ? utf8(data) : data))
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
