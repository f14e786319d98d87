import {
  type Closing,
  type Content,
  DSSE_PAYLOAD_TYPE,
  type Envelope,
  type GateEntry,
  type Link,
  type Opening,
  PREDICATE_TYPE,
  type Seal,
  type Statement,
  STATEMENT_TYPE,
  type StepEntry,
} from '#contract/envelope.ts'
import { PROFILE } from '#contract/scalar.ts'
import { encodeBase64 } from './base64.ts'
import { canonicalize, utf8 } from './canonical.ts'
import { digestOf } from './digest.ts'
import { preAuthEncoding } from './dsse.ts'
import { EvidenceError } from './fault.ts'
import { keyIdOf, verifyEd25519 } from './key.ts'

/** The document of a run, from what was recorded of it in the order of its links. */
export function buildContent(run: {
  evidence_id: string
  run_id: string
  opening: Opening
  recorded: readonly RecordedEntry[]
  closing: Closing
}): Content {
  const { evidence_id, run_id, opening, recorded, closing } = run
  return {
    schema: PROFILE,
    evidence_id,
    run_id,
    opening,
    order: recorded.map(({ kind }) => kind),
    execution: { steps: recorded.flatMap((entry) => (entry.kind === 'step' ? [entry.body] : [])) },
    gates: recorded.flatMap((entry) => (entry.kind === 'gate' ? [entry.body] : [])),
    closing,
  }
}

export type RecordedEntry = { kind: 'step'; body: StepEntry } | { kind: 'gate'; body: GateEntry }

/**
 * The bytes to be signed. They are to be on disk before they are: a retry signs the same bytes, so that one run
 * never has two statements. `chain` is `{count, head}` after the closing entry, `sealed_at` the server's clock.
 */
export function prepareSeal(
  content: Content,
  chain: { count: number; head: string },
  sealed_at: string,
): Uint8Array<ArrayBuffer> {
  return utf8(canonicalize(statementOf(content, digestOf(content), chain, sealed_at)))
}

/** The one statement that fits a document; the verifier rebuilds it by this and compares the bytes. */
export function statementOf(
  content: Pick<Content, 'evidence_id' | 'run_id' | 'closing'>,
  content_sha256: string,
  { count, head }: { count: number; head: string },
  sealed_at: string,
): Statement {
  return {
    _type: STATEMENT_TYPE,
    subject: [{ name: content.evidence_id, digest: { sha256: content_sha256 } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      profile: PROFILE,
      run_id: content.run_id,
      hash_chain: { count, head },
      previous: content.closing.previous,
      sealed_at,
    },
  }
}

/** Who signs. `public_key` is the 32 raw bytes; `sign` answers the 64 bytes of an Ed25519 signature. */
export type Signer = {
  readonly key_id: string
  readonly public_key: Uint8Array
  readonly sign: (message: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>
}

/** Throws `signer-mismatch` where the signer's answer does not verify by its own public key. */
export async function signStatement(statement: Uint8Array, signer: Signer): Promise<Seal> {
  const message = preAuthEncoding(DSSE_PAYLOAD_TYPE, statement)
  const signature = await signer.sign(message)
  const fits =
    signer.key_id === keyIdOf(signer.public_key) &&
    (await verifyEd25519(signer.public_key, message, signature))
  // A key file cut short or swapped under a running server must fail here, not at every later reader.
  if (!fits)
    throw new EvidenceError(
      'signer-mismatch',
      'the signature does not verify by the signer’s own public key',
    )
  return {
    payloadType: DSSE_PAYLOAD_TYPE,
    payload: encodeBase64(statement),
    signatures: [{ keyid: signer.key_id, sig: encodeBase64(signature) }],
  }
}

/** The canonical bytes of the sealed file. */
export function assembleEnvelope(
  content: Content,
  links: readonly Link[],
  seal: Seal,
): Uint8Array<ArrayBuffer> {
  const head = links.at(-1)?.link ?? ''
  const envelope: Envelope = {
    ...content,
    integrity: {
      profile: PROFILE,
      hash_chain: {
        algorithm: 'sha-256',
        canonicalization: 'RFC8785',
        links: [...links],
        count: links.length,
        head,
      },
      content_sha256: digestOf(content),
      seal,
    },
  }
  return utf8(canonicalize(envelope))
}
