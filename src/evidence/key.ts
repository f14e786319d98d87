import { sha256 } from './digest.ts'

/** Hex SHA-256 of the 32 raw bytes: `keyid` of a seal and `opening.server`. */
export function keyIdOf(publicKey: Uint8Array): string {
  return sha256(publicKey)
}

/**
 * Ed25519 as RFC 8032 has it and no more. WebCrypto is asked last, because engines differ in what else they let
 * through: other encodings of one point or of S make a second signature out of one, and under a low-order key a
 * signature fits messages that nobody signed.
 */
export async function verifyEd25519(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (!isUsablePublicKey(publicKey) || !isEd25519Signature(signature)) return false
  const key = await importPublicKey(publicKey)
  if (key === null) return false
  return crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), new Uint8Array(message))
}

/** One that a key can have made, whichever it is. */
export function isEd25519Signature(signature: Uint8Array): boolean {
  return (
    signature.length === 64 &&
    isUsablePoint(signature.subarray(0, 32)) &&
    littleEndian(signature.subarray(32)) < GROUP_ORDER
  )
}

export function isUsablePublicKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && isUsablePoint(publicKey)
}

// y is canonical, and the point is none of the eight whose order divides the cofactor: they are these five y, with
// either sign of x.
function isUsablePoint(encoded: Uint8Array): boolean {
  const y = littleEndian(encoded) & Y_MASK
  return y < FIELD_PRIME && !LOW_ORDER_Y.has(y)
}

// An engine may refuse 32 bytes that are no point of the curve already here.
async function importPublicKey(publicKey: Uint8Array): Promise<CryptoKey | null> {
  try {
    return await crypto.subtle.importKey('raw', new Uint8Array(publicKey), 'Ed25519', false, [
      'verify',
    ])
  } catch (refusal) {
    if (refusal instanceof DOMException && refusal.name === 'DataError') return null
    throw refusal
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

const FIELD_PRIME = 2n ** 255n - 19n
const Y_MASK = 2n ** 255n - 1n
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const LOW_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n,
  FIELD_PRIME - 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd83d3d706a17c7n,
])
