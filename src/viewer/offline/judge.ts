import { LIMITS } from '#contract/envelope.ts'
import type { Part } from '#evidence/attached.ts'
import { compareBeside } from '#evidence/beside.ts'
import type { Claim } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import type { ReadTrust } from '#evidence/trust-file.ts'
import { type Verification, verifyEnvelope } from '#evidence/verify.ts'
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
      verification: Verification
      envelope: File
      sha256: string
      trust: ReadTrust | null
      /** Nothing where the envelope does not verify: then nothing is on record. */
      attached: readonly Attached[]
    }
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
      verification,
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

async function judgeAttached(
  { envelope }: Verification,
  files: readonly File[],
): Promise<Attached[]> {
  if (envelope === null) return []
  const beside = files.map((file) => ({ name: file.name, bytes: () => bytesOf(file) }))
  const compared = await compareBeside(envelope, beside, drawn)
  return compared.map(({ claim, from, part }) => ({
    claim,
    file: from === null ? null : (files[from] ?? null),
    part,
  }))
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())

const drawn = () => new Promise<void>((resolve) => setTimeout(resolve))
