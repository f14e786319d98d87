import { tryBase64 } from './base64.ts'
import { isUsablePublicKey } from './key.ts'
import { isUsableP256Key } from './p256.ts'

/** A public key: `raw` is the 32 bytes of Ed25519, or the 65 of an uncompressed point of P-256. */
export type PublicKey = {
  readonly alg: 'ES256' | 'EdDSA'
  readonly raw: Uint8Array<ArrayBuffer>
}

/**
 * The key of a SubjectPublicKeyInfo in base64, or null where that is not the one text that it is written as: an
 * encoding with parameters, a compressed point or a point off the curve is no key of ours.
 */
export function decodeSpki(base64: string): PublicKey | null {
  const der = tryBase64(base64)
  if (der === null) return null
  const ed25519 = after(ED25519_SPKI, der)
  if (ed25519 !== null) return isUsablePublicKey(ed25519) ? { alg: 'EdDSA', raw: ed25519 } : null
  const p256 = after(P256_SPKI, der)
  return p256 !== null && isUsableP256Key(p256) ? { alg: 'ES256', raw: p256 } : null
}

function after(
  head: readonly number[],
  der: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> | null {
  return head.every((byte, index) => der[index] === byte) ? der.slice(head.length) : null
}

/** AlgorithmIdentifier of RFC 8410 and the bit string's head, before the 32 bytes. */
export const ED25519_SPKI = [
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
] as const

/** id-ecPublicKey with the named curve of RFC 5480 and the bit string's head, before the 65 bytes. */
export const P256_SPKI = [
  0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
  0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
] as const
