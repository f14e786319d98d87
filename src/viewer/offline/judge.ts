import { LIMITS, type Opening } from '#contract/envelope.ts'
import type { Part } from '#evidence/attached.ts'
import { compareBeside } from '#evidence/beside.ts'
import type { Claim } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { type Verification, type VerifiedEnvelope, verifyEnvelope } from '#evidence/verify.ts'
import { readTrustOf } from '#viewer/review/read-trust-file.ts'

/** What the reader gave. `isConfirmed`: they compared the keys of the trust file with what they got elsewhere. */
export type Given = {
  envelope: File | null
  trust: File | null
  isConfirmed: boolean
  attached: readonly File[]
}

export type Judgement =
  | { state: 'nothing given' }
  | { state: 'unreadable'; why: string }
  | {
      state: 'judged'
      found: Pick<Verification, 'verdict' | 'claims' | 'sealed_by' | 'remaining'>
      /** null where the envelope does not verify. */
      run: JudgedRun | null
      envelope: File
      sha256: string
      trust: ReadTrust | null
      /** Nothing where the envelope does not verify: then nothing is on record. */
      attached: readonly Attached[]
    }
/** What a verified envelope says of itself as a whole. */
export type JudgedRun = Pick<VerifiedEnvelope, 'run_id' | 'evidence_id' | 'closing'> &
  Pick<Opening, 'title' | 'definition' | 'actor' | 'started_at'>
export type Attached = { claim: Claim; file: File | null; part: Part | null }

/** One pass over everything that was given. Before what takes long, the browser may draw. */
export async function judge({ envelope, trust, isConfirmed, attached }: Given): Promise<Judgement> {
  if (envelope === null) return { state: 'nothing given' }
  try {
    await drawn()
    const read = trust && (await readTrustOf(trust))
    // One byte beyond the limit is enough to be refused.
    const bytes = await bytesOf(envelope.slice(0, LIMITS.bytes + 1))
    const verification = await verifyEnvelope(bytes, {
      trust:
        read?.ok === true ? [{ file: read.file, source: isConfirmed ? 'pinned' : 'offered' }] : [],
      refused: read?.ok === false ? [read.why] : [],
      onProgress: drawn,
    })
    return {
      state: 'judged',
      found: {
        verdict: verification.verdict,
        claims: verification.claims,
        sealed_by: verification.sealed_by,
        remaining: verification.remaining,
      },
      run: verification.envelope && runIn(verification.envelope),
      envelope,
      sha256: await sha256OfMany(bytes),
      trust: read,
      attached: await judgeAttached(verification, attached),
    }
  } catch (error) {
    // A file that went away, or that the browser may not read. Bad evidence throws nothing.
    if (error instanceof DOMException) return { state: 'unreadable', why: error.message }
    throw error
  }
}

function runIn({ run_id, evidence_id, opening, closing }: VerifiedEnvelope): JudgedRun {
  const { title, definition, actor, started_at } = opening
  return { run_id, evidence_id, closing, title, definition, actor, started_at }
}

async function judgeAttached(
  { envelope }: Verification,
  files: readonly File[],
): Promise<Attached[]> {
  if (envelope === null) return []
  const beside = files.map((file) => ({
    name: file.name,
    size: file.size,
    bytes: () => bytesOf(file),
  }))
  const compared = await compareBeside(envelope, beside, drawn)
  return compared.map(({ claim, from, part }) => ({
    claim,
    file: from === null ? null : (files[from] ?? null),
    part,
  }))
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())

const drawn = () => new Promise<void>((resolve) => setTimeout(resolve))
