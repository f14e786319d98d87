import { tryBase64 } from './base64.ts'
import { utf8 } from './canonical.ts'
import { verifyEd25519 } from './key.ts'

/** Dead Simple Signing Envelope, v1. */
export type Dsse = {
  readonly payloadType: string
  readonly payload: string
  readonly signatures: readonly { readonly keyid?: string; readonly sig: string }[]
}

export type DsseKey = { readonly key_id: string; readonly public_key: Uint8Array }

/** `signers` are the ids of the keys that signed: at least `threshold`. */
export type DsseResult =
  | {
      readonly ok: true
      readonly payload: Uint8Array<ArrayBuffer>
      readonly signers: readonly string[]
    }
  | {
      readonly ok: false
      readonly code: 'payload-type-unsupported' | 'not-base64' | 'threshold-not-met'
    }

/**
 * Verifies over the very bytes that it returns as payload. `keys` has each key once; a `keyid` is a hint that leaves
 * out keys and never adds one, and a key that signs twice counts once.
 */
export async function verifyDsse(
  envelope: Dsse,
  options: { keys: readonly DsseKey[]; threshold: number; payloadTypes: readonly string[] },
): Promise<DsseResult> {
  if (envelope.payloadType === '' || !options.payloadTypes.includes(envelope.payloadType)) {
    return { ok: false, code: 'payload-type-unsupported' }
  }
  const payload = decodeEither(envelope.payload)
  if (payload === null) return { ok: false, code: 'not-base64' }
  const message = preAuthEncoding(envelope.payloadType, payload)
  const signers = new Set<string>()
  for (const { keyid, sig } of envelope.signatures) {
    const signature = decodeEither(sig)
    if (signature === null) return { ok: false, code: 'not-base64' }
    for (const key of options.keys) {
      if (keyid !== undefined && keyid !== key.key_id) continue
      if (await verifyEd25519(key.public_key, message, signature)) signers.add(key.key_id)
    }
  }
  return signers.size >= Math.max(1, options.threshold)
    ? { ok: true, payload, signers: [...signers] }
    : { ok: false, code: 'threshold-not-met' }
}

/** PAE: the bytes that are signed. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = utf8(`DSSEv1 ${utf8(payloadType).length} ${payloadType} ${payload.length} `)
  const bytes = new Uint8Array(head.length + payload.length)
  bytes.set(head)
  bytes.set(payload, head.length)
  return bytes
}

// DSSE allows either alphabet, each strict in itself; the schema of our own seals allows the standard one only.
function decodeEither(text: string): Uint8Array<ArrayBuffer> | null {
  return tryBase64(/[+/]/.test(text) ? text : text.replaceAll('-', '+').replaceAll('_', '/'))
}
