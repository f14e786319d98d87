import { LIMITS, type Opening } from '#contract/envelope.ts'
import type { Part } from '#evidence/attached.ts'
import { compareBeside } from '#evidence/beside.ts'
import type { Claim } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import type { Trusted } from '#evidence/trust.ts'
import {
  type Stage,
  type Verification,
  type VerifiedEnvelope,
  verifyEnvelope,
} from '#evidence/verify.ts'
import { type FileAt, type Unread, whyUnread } from '#viewer/parts/dropped-files.ts'

/** What the reader gave. `trust` and why others are none: each with what the reader said of its keys. */
export type Question = {
  envelopes: readonly FileAt[]
  trust: readonly Trusted[]
  refused: readonly string[]
  attached: readonly FileAt[]
}

/** One of the envelopes, or why its file cannot be read. */
export type Judged = { path: string } & (
  | { unreadable: string }
  | {
      found: Pick<Verification, 'verdict' | 'claims' | 'sealed_by' | 'remaining'>
      /** null where the envelope does not verify. */
      run: JudgedRun | null
      bytes: number
      sha256: string
      /** Nothing where the envelope does not verify: then nothing is on record. */
      attached: readonly Attached[]
      /** Files beside it that could not be read. */
      unread: readonly Unread[]
    }
)
/** What a verified envelope says of itself as a whole. */
export type JudgedRun = Pick<VerifiedEnvelope, 'run_id' | 'evidence_id' | 'closing'> &
  Pick<Opening, 'title' | 'definition' | 'actor' | 'started_at'>
export type Attached = { claim: Claim; file: File | null; part: Part | null }

/** How far it is: of which envelope, and in what. */
export type Progress = { nth: number; stage: Stage | 'beside' }

export type JudgeOptions = { onProgress: (progress: Progress) => void; signal?: AbortSignal }

/** Every envelope by itself. Before what takes long the browser may draw, and hear that the reader has had enough. */
export async function judge(
  { envelopes, trust, refused, attached }: Question,
  { onProgress, signal }: JudgeOptions,
): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const [nth, { path, file }] of envelopes.entries()) {
    const at = async (stage: Progress['stage']) => {
      signal?.throwIfAborted()
      onProgress({ nth, stage })
      await drawn()
      signal?.throwIfAborted()
    }
    await at('read')
    try {
      // One byte beyond the limit is enough to be refused.
      const bytes = await bytesOf(file.slice(0, LIMITS.bytes + 1))
      const verification = await verifyEnvelope(bytes, { trust, refused, onProgress: at })
      const { verdict, claims, sealed_by, remaining, envelope } = verification
      judged.push({
        path,
        found: { verdict, claims, sealed_by, remaining },
        run: envelope && runIn(envelope),
        bytes: file.size,
        sha256: await sha256OfMany(bytes),
        ...(await judgeAttached(envelope, attached, () => at('beside'))),
      })
    } catch (error) {
      signal?.throwIfAborted()
      // It went away, or the browser may not read it. Bad evidence throws nothing.
      judged.push({ path, unreadable: whyUnread(error) })
    }
  }
  return judged.map((one) => withoutOthers(one, judged))
}

function runIn({ run_id, evidence_id, opening, closing }: VerifiedEnvelope): JudgedRun {
  const { title, definition, actor, started_at } = opening
  return { run_id, evidence_id, closing, title, definition, actor, started_at }
}

async function judgeAttached(
  envelope: VerifiedEnvelope | null,
  given: readonly FileAt[],
  breathe: () => Promise<void>,
): Promise<{ attached: Attached[]; unread: Unread[] }> {
  if (envelope === null) return { attached: [], unread: [] }
  const unread: Unread[] = []
  const files: FileAt[] = []
  for (const one of given) {
    // A browser that will not read it says so of its first byte.
    const why = await bytesOf(one.file.slice(0, 1)).then(() => null, whyUnread)
    if (why === null) files.push(one)
    else unread.push({ path: one.path, why })
  }
  const beside = files.map(({ path, file }) => ({
    name: path,
    size: file.size,
    bytes: () => bytesOf(file),
  }))
  const compared = await compareBeside(envelope, beside, breathe)
  const attached = compared.map(({ claim, from, part }) => ({
    claim,
    file: from === null ? null : (files[from]?.file ?? null),
    part,
  }))
  return { attached, unread }
}

/** What is on record in another of the envelopes is no fault of this one. */
function withoutOthers(one: Judged, all: readonly Judged[]): Judged {
  if ('unreadable' in one) return one
  const elsewhere = new Set(
    all.flatMap((other) =>
      other === one || 'unreadable' in other
        ? []
        : other.attached.flatMap(({ part, file }) => (part === null ? [] : (file ?? []))),
    ),
  )
  const isHere = ({ part, file }: Attached) =>
    part !== null || file === null || !elsewhere.has(file)
  return { ...one, attached: one.attached.filter(isHere) }
}

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())

const drawn = () => new Promise<void>((resolve) => setTimeout(resolve))
