import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ServerKey } from '#contract/trust.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { keyIdOf } from '#evidence/key.ts'
import type { Signer } from '#evidence/seal.ts'
import { writeDurably } from './durable-file.ts'

/**
 * The key that this data folder's envelopes are sealed with: `key.pem`, PKCS #8, mode 0600. It is made only where
 * `make` says that this is a first start: a key that is missing later is lost, and another one in its place would be
 * another server to every reader.
 */
export async function openKey(folder: string, { make }: { make: boolean }): Promise<Signer> {
  const path = join(folder, 'key.pem')
  const mode = statSync(path, { throwIfNoEntry: false })?.mode
  if (mode === undefined) {
    if (!make) throw new Error(`the sealing key ${path} is missing: restore it from a backup`)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { privateKey } = generateKeyPairSync('ed25519')
    await writeDurably(path, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  } else if ((mode & 0o077) !== 0)
    throw new Error(`the sealing key ${path} may be used by others: chmod 600 it`)
  return signerOf(createPrivateKey(readFileSync(path)), path)
}

const signerOf = (key: KeyObject, path: string): Signer => ({
  ...publicPartOf(createPublicKey(key), path),
  sign: async (message) => sign(null, message, key),
})

export function publicPartOf(key: KeyObject, path: string): Omit<Signer, 'sign'> {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`the sealing key ${path} is no Ed25519 key`)
  // An SPKI of Ed25519 is a fixed head and the 32 raw bytes.
  const spki = key.export({ type: 'spki', format: 'der' })
  const public_key = new Uint8Array(spki.subarray(-32))
  return { key_id: keyIdOf(public_key), public_key }
}

/** As `GET /api/trust` and `trust export` offer it. */
export function serverKeyOf({ key_id, public_key }: Omit<Signer, 'sign'>): ServerKey {
  return {
    key_id,
    alg: 'Ed25519',
    public_key: encodeBase64(public_key),
    status: 'active',
    last_seal_seq: null,
  }
}
