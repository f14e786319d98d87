/**
 * ECDSA over P-256 with SHA-256, the signature as r and s of 32 bytes each. A high s counts as a low one does:
 * authenticators make both. What that allows, a second signature over the same bytes by whoever has the first, says
 * nothing that the first did not.
 */
export async function verifyEs256(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (!isUsableP256Key(publicKey) || !isEs256Signature(signature)) return false
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), algorithm, false, [
    'verify',
  ])
  return crypto.subtle.verify(algorithm, key, new Uint8Array(signature), new Uint8Array(message))
}

/** One that a key can have made, whichever it is. */
export function isEs256Signature(signature: Uint8Array): boolean {
  return (
    signature.length === 64 &&
    isScalar(signature.subarray(0, 32)) &&
    isScalar(signature.subarray(32))
  )
}

/** An uncompressed point of the curve. Its order is prime, so that no point of it is of a low one. */
export function isUsableP256Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 65 || publicKey[0] !== 0x04) return false
  const [x, y] = [bigEndian(publicKey.subarray(1, 33)), bigEndian(publicKey.subarray(33))]
  if (x >= FIELD_PRIME || y >= FIELD_PRIME) return false
  return (y * y - (x * x * x - 3n * x + B)) % FIELD_PRIME === 0n
}

/**
 * The 64 bytes of a signature in DER, or null where it is not the DER that these 64 are written as: no length in a
 * long form, no zero in front that is not needed, nothing behind.
 */
export function signatureOfDer(der: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const length = der[3] ?? 0
  const r = padded(der.subarray(4, 4 + length))
  const s = padded(der.subarray(6 + length))
  if (r === null || s === null) return null
  const signature = Uint8Array.from([...r, ...s])
  const written = derOfSignature(signature)
  const isSame = written.length === der.length && written.every((byte, at) => byte === der[at])
  return isSame ? signature : null
}

/** The DER of 64 bytes, as an authenticator writes it. */
export function derOfSignature(signature: Uint8Array): Uint8Array<ArrayBuffer> {
  const integers = [...integerOf(signature.subarray(0, 32)), ...integerOf(signature.subarray(32))]
  return Uint8Array.from([0x30, integers.length, ...integers])
}

function integerOf(bytes: Uint8Array): number[] {
  const digits = withoutZeros(bytes)
  const first = digits[0] ?? 0x80
  const unsigned = first >= 0x80 ? [0, ...digits] : [...digits]
  return [0x02, unsigned.length, ...unsigned]
}

function padded(integer: Uint8Array): Uint8Array | null {
  const digits = withoutZeros(integer)
  if (digits.length > 32) return null
  const bytes = new Uint8Array(32)
  bytes.set(digits, 32 - digits.length)
  return bytes
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first === -1 ? new Uint8Array() : bytes.subarray(first)
}

function isScalar(bytes: Uint8Array): boolean {
  const scalar = bigEndian(bytes)
  return scalar > 0n && scalar < GROUP_ORDER
}

function bigEndian(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

const FIELD_PRIME = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const GROUP_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn
