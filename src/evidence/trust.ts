import { type ServerKey, type TrustFile, TRUST_SOURCE, type TrustSource } from '#contract/trust.ts'
import { keysOf } from '#contract/status.ts'
import { decodeBase64 } from './base64.ts'
import { EvidenceError } from './fault.ts'
import { isUsablePublicKey, keyIdOf } from './key.ts'

/** A trust file and where the reader has it from. */
export type Trusted = { readonly file: TrustFile; readonly source: TrustSource }

/** A sealing key as one of the reader's files has it. `counts`: whether it does for an envelope of this `seal_seq`. */
export type TrustedKey = {
  readonly key: ServerKey
  readonly public_key: Uint8Array<ArrayBuffer>
  readonly source: TrustSource
  readonly counts: boolean
}

/**
 * The key of this id, from the best source that has it. Where two files of one source differ about whether it counts,
 * it does not: a revocation is not undone by an older copy.
 */
export function findKey(
  trust: readonly Trusted[],
  keyid: string,
  seal_seq: number,
): TrustedKey | null {
  for (const source of keysOf(TRUST_SOURCE)) {
    const found = trust
      .filter((trusted) => trusted.source === source)
      .flatMap(({ file }) => file.server_keys.filter(({ key_id }) => key_id === keyid))
      .map((key) => ({
        key,
        public_key: decodeBase64(key.public_key),
        source,
        counts: counts(key, seal_seq),
      }))
    const key = found.find((key) => !key.counts) ?? found[0]
    if (key !== undefined) return key
  }
  return null
}

/**
 * Why a trust file is refused as a whole, or null. One key under two ids would let one holder pass for two; an id that
 * is not its key's would let another key be confirmed by the fingerprint of a good one.
 */
export function trustFault(file: TrustFile): string | null {
  for (const { key_id, public_key } of file.server_keys) {
    const raw = decoded(public_key)
    if (raw === null || !isUsablePublicKey(raw)) return `${key_id} is no Ed25519 public key`
    if (keyIdOf(raw) !== key_id) return `${key_id} is not the id of its key`
  }
  const keys = file.approvers.map(({ public_key }) => public_key)
  const twice = keys.findIndex((key, index) => keys.indexOf(key) !== index)
  if (twice !== -1) return `${file.approvers[twice]?.id} has the public key of another approver`
  const ids = [
    ...file.server_keys.map(({ key_id }) => key_id),
    ...file.approvers.map(({ id }) => id),
  ]
  const again = ids.find((id, index) => ids.indexOf(id) !== index)
  if (again !== undefined) return `${again} is there twice`
  const names = file.required.map(({ name }) => name)
  const required = names.find((name, index) => names.indexOf(name) !== index)
  return required === undefined ? null : `${required} is required twice`
}

function counts({ status, last_seal_seq }: ServerKey, seal_seq: number): boolean {
  return status === 'active' || (last_seal_seq !== null && seal_seq <= last_seal_seq)
}

function decoded(base64: string): Uint8Array<ArrayBuffer> | null {
  try {
    return decodeBase64(base64)
  } catch (fault) {
    if (fault instanceof EvidenceError) return null
    throw fault
  }
}
