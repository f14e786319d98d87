import {
  type Closing,
  DSSE_PAYLOAD_TYPE,
  type Envelope,
  type Integrity,
  Statement,
} from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import * as z from 'zod/mini'
import { TRUST_SOURCE, type TrustSource } from '#contract/trust.ts'
import { decodeBase64, tryBase64 } from './base64.ts'
import { canonicalize } from './canonical.ts'
import { type ChainState } from './chain.ts'
import { beginningIn, beginningOf, type Claim, type ClaimCode, claimOf } from './claims.ts'
import { preAuthEncoding, verifyDsse } from './dsse.ts'
import { EvidenceError } from './fault.ts'
import { isEd25519Signature } from './key.ts'
import { shellForBinding, shellForSealTime } from './redo.ts'
import { statementOf } from './seal.ts'
import { shellForSeal } from './shell.ts'
import { findKey, type TrustedKey, type Trusted, upTo, validityOf } from './trust.ts'

/** The key whose signature is on the seal, where the reader has that key and the signature is right. */
export type SealedBy = {
  readonly key_id: string
  readonly source: TrustSource
  readonly name?: string
}

/** What of a record a signature is checked by. */
export type Sealed = {
  readonly integrity: Pick<Integrity, 'seal'>
  readonly closing: Pick<Closing, 'seal_seq'>
}

/** The signature alone. A wrong one is wrong by whoever's key; a right one proves something by a pinned key only. */
export async function checkSeal(
  { integrity: { seal }, closing }: Sealed,
  trust: readonly Trusted[],
  refusedKeys: readonly string[] = [],
): Promise<{ claim: Claim; by: SealedBy | null }> {
  const at = { where: '/integrity/seal', ...signedOf(seal) }
  const keyid = seal.signatures[0]?.keyid ?? ''
  const signature = tryBase64(seal.signatures[0]?.sig ?? '')
  if (signature === null || !isEd25519Signature(signature)) {
    const message = 'The signature is none that any key can have made.'
    return { claim: claimOf('signature-wrong', { ...at, message }), by: null }
  }
  // Whichever file has it.
  if (refusedKeys.includes(keyid)) {
    const message = `The seal names the key ${keyid}, which you refused: its signature was not checked, and it would count for nothing.`
    return { claim: claimOf('key-refused', { ...at, message }), by: null }
  }
  const trusted = findKey(trust, keyid, closing.seal_seq)
  if (trusted === null) {
    const message = `The seal names the key ${keyid}, which you do not have: its signature was not checked, and anyone can have written it.`
    return { claim: claimOf('key-unknown', { ...at, message }), by: null }
  }
  const { key, public_key, source } = trusted
  const result = await verifyDsse(seal, {
    keys: [{ key_id: keyid, public_key }],
    threshold: 1,
    payloadTypes: [DSSE_PAYLOAD_TYPE],
  })
  if (!result.ok) {
    const payload = tryBase64(seal.payload)
    const message =
      payload === null
        ? 'What the signature would be over is not strict base64: no one reading of it was signed.'
        : `The signature is not one of the key ${keyid} over this seal.`
    const shell = payload === null ? {} : { shell: shellForSeal(public_key, payload.length) }
    const of = { expected: `a signature of ${keyid}`, actual: 'none of that key' }
    return { claim: claimOf('signature-wrong', { ...at, ...of, ...shell, message }), by: null }
  }
  const shell = shellForSeal(public_key, result.payload.length)
  const by = { key_id: keyid, source, ...(key.name !== undefined && { name: key.name }) }
  const claim = claimOf(codeOf(trusted), {
    ...at,
    message: sealSentence(trusted) + (trusted.counts ? validityOf([key], closing.seal_seq) : ''),
    ...(trusted.counts && key.status !== 'active' && { ended: key.status }),
    ...(trusted.counts
      ? { expected: key.key_id, actual: keyid }
      : { expected: upTo(key.last_seal_seq), actual: `number ${closing.seal_seq}` }),
    shell,
  })
  return { claim, by }
}

/** The bytes that a signature of a seal is over, whether it is right or not. */
function signedOf({
  payloadType,
  payload,
}: Envelope['integrity']['seal']): Pick<Claim, 'preimage'> {
  const bytes = tryBase64(payload)
  return bytes === null ? {} : { preimage: beginningIn(preAuthEncoding(payloadType, bytes)) }
}

function codeOf({ key, source, counts }: TrustedKey): ClaimCode {
  if (!counts) return key.status === 'revoked' ? 'key-revoked' : 'key-retired'
  switch (source) {
    case 'pinned':
      return 'seal-signed'
    case 'first_seen':
      return 'key-first-seen'
    case 'offered':
      return 'key-offered'
  }
}

function sealSentence({ key, source, counts }: TrustedKey): string {
  const { proves } = TRUST_SOURCE[source]
  // By the server, or by a file that came with the record: here nobody knows which.
  const label =
    source === 'offered'
      ? 'only offered: proves nothing about the server'
      : TRUST_SOURCE[source].label
  const by = `The seal is signed by the key ${key.key_id} (${label})`
  if (!counts) return `${by}, which is ${key.status} and does not count for this envelope.`
  return proves ? `${by}.` : `${by}: that the key is the server’s is not checked.`
}

/** What was signed is this document, this chain and this server: rebuilt from our own recomputation, byte for byte. */
export function checkBinding(
  envelope: Envelope,
  { head, seq: count }: ChainState,
  digest: string,
): Claim {
  const { seal } = envelope.integrity
  const where = '/integrity/seal/payload'
  const text = payloadText(seal.payload)
  const statement = parseJson(Statement, text)
  if (!statement.ok)
    return claimOf('statement-unreadable', {
      where,
      preimage: beginningOf(text),
      message: 'The seal is over no statement about an envelope.',
    })
  const { sealed_at } = statement.value.predicate
  const rebuilt = canonicalize(statementOf(envelope, digest, { count, head }, sealed_at))
  if (text !== rebuilt) {
    return claimOf('statement-differs', {
      where,
      shell: shellForBinding({ head, count }),
      message: 'The seal is about another document or another chain.',
      expected: rebuilt,
      actual: text,
      preimage: beginningOf(rebuilt),
    })
  }
  const { finished_at } = envelope.closing
  // Instants of ours sort as text.
  if (sealed_at < finished_at) {
    return claimOf('sealed-early', {
      where,
      message: 'It was sealed before the run had ended.',
      expected: `not before ${finished_at}`,
      actual: sealed_at,
      preimage: beginningOf(rebuilt),
      shell: shellForSealTime(),
    })
  }
  const { server } = envelope.opening
  const keyid = seal.signatures[0]?.keyid ?? ''
  if (server !== keyid) {
    return claimOf('server-differs', {
      where: '/opening/server',
      message: 'The run was recorded under another key than the one that sealed it.',
      expected: keyid,
      actual: server,
      preimage: beginningOf(rebuilt),
    })
  }
  return claimOf('seal-bound', {
    where,
    expected: keyid,
    actual: server,
    preimage: beginningOf(rebuilt),
    shell: shellForBinding({ head, count }),
    message: `The seal is over this very document, and names the key that the run began with. It says that it was made at ${sealed_at}, which is the word of whoever has that key.`,
  })
}

/** When a seal says that it was made; undefined where it is over no statement. */
export const sealedAt = (seal: Envelope['integrity']['seal']): string | undefined =>
  statementIn(seal)?.predicate.sealed_at

/** What a seal of any form is over; null where that is no statement. */
export function statementIn(seal: unknown): Statement | null {
  const read = z.safeParse(z.looseObject({ payload: z.string() }), seal)
  const statement = parseJson(Statement, read.success ? payloadText(read.data.payload) : '')
  return statement.ok ? statement.value : null
}

/** '' for what is no text: no statement then. */
function payloadText(payload: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decodeBase64(payload))
  } catch (fault) {
    if (fault instanceof EvidenceError || fault instanceof TypeError) return ''
    throw fault
  }
}
