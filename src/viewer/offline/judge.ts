import { LIMITS, type Opening } from '#contract/envelope.ts'
import type { Part } from '#evidence/attached.ts'
import {
  compareBesideAll,
  type Compared,
  type RecordBeside,
  recordBeside,
  type RecordedBefore,
} from '#evidence/beside.ts'
import type { Claim } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import type { Trusted } from '#evidence/trust.ts'
import {
  type Stage,
  type Verification,
  type VerifiedEnvelope,
  verifyEnvelope,
  type VerifyOptions,
} from '#evidence/verify.ts'
import { type FileAt, type Unread, whyUnread } from '#viewer/parts/dropped-files.ts'

/** What the reader gave. `trust` and why others are none: each with what the reader said of its keys. */
export type Question = {
  envelopes: readonly FileAt[]
  trust: readonly Trusted[]
  refused: readonly string[]
  attached: readonly FileAt[]
  /** Envelopes that the reader gave before: what each has on record, or the file where that is not known yet. */
  former: readonly (RecordedBefore | FileAt)[]
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
      /** null where it does not verify. */
      recorded: RecordedBefore | null
    }
)
/** What a verified envelope says of itself as a whole. */
export type JudgedRun = Pick<VerifiedEnvelope, 'run_id' | 'evidence_id' | 'closing'> &
  Pick<Opening, 'title' | 'definition' | 'actor' | 'started_at'>
export type Attached = { claim: Claim; file: File | null; part: Part | null }

/** How far it is: of which envelope, and in what. */
export type Progress = { nth: number; stage: Stage | 'beside' }

export type JudgeOptions = { onProgress: (progress: Progress) => void; signal?: AbortSignal }

/** Before what takes long the browser may draw, and hear that the reader has had enough. */
export async function judge(
  { envelopes, trust, refused, attached, former }: Question,
  { onProgress, signal }: JudgeOptions,
): Promise<Judged[]> {
  const at = async (nth: number, stage: Progress['stage']) => {
    signal?.throwIfAborted()
    onProgress({ nth, stage })
    await drawn()
    signal?.throwIfAborted()
  }
  const judged: { one: Judged; record: RecordBeside | null }[] = []
  for (const [nth, file] of envelopes.entries()) {
    await at(nth, 'read')
    judged.push(
      await judgeOne(file, { trust, refused, onProgress: (stage) => at(nth, stage) }, signal),
    )
  }
  const records = judged.flatMap(({ record }) => record ?? [])
  const beside = () => at(envelopes.length - 1, 'beside')
  const { files, unread } = await readable(records.length === 0 ? [] : attached)
  const before: RecordedBefore[] = []
  for (const one of files.length === 0 ? [] : former) {
    if (!('file' in one)) before.push(one)
    else {
      const { record } = await judgeOne(one, { trust, refused, onProgress: beside }, signal)
      if (record) before.push(recordedIn(record))
    }
  }
  const given = files.map(({ path, file }) => ({
    name: path,
    size: file.size,
    bytes: () => bytesOf(file),
  }))
  const compared = await compareBesideAll(records, given, beside, before)
  const of = new Map(records.map((record, index) => [record, compared[index] ?? []]))
  return judged.map(({ one, record }) =>
    'unreadable' in one || record === null
      ? one
      : {
          ...one,
          unread,
          attached: (of.get(record) ?? []).map((found) => attachedOf(found, files)),
        },
  )
}

async function judgeOne(
  { path, file }: FileAt,
  options: VerifyOptions,
  signal?: AbortSignal,
): Promise<{ one: Judged; record: RecordBeside | null }> {
  try {
    // One byte beyond the limit is enough to be refused.
    const bytes = await bytesOf(file.slice(0, LIMITS.bytes + 1))
    const { verdict, claims, sealed_by, remaining, envelope } = await verifyEnvelope(bytes, options)
    const record = envelope && recordBeside(envelope)
    const one = {
      path,
      found: { verdict, claims, sealed_by, remaining },
      run: envelope && runIn(envelope),
      bytes: file.size,
      sha256: await sha256OfMany(bytes),
      attached: [],
      unread: [],
      recorded: record && recordedIn(record),
    }
    return { one, record }
  } catch (error) {
    signal?.throwIfAborted()
    // It went away, or the browser may not read it. Bad evidence throws nothing.
    return { one: { path, unreadable: whyUnread(error) }, record: null }
  }
}

function runIn({ run_id, evidence_id, opening, closing }: VerifiedEnvelope): JudgedRun {
  const { title, definition, actor, started_at } = opening
  return { run_id, evidence_id, closing, title, definition, actor, started_at }
}

const recordedIn = ({ record, longest }: RecordBeside): RecordedBefore => ({
  sha256s: [...record.keys()],
  longest,
})

async function readable(given: readonly FileAt[]): Promise<{ files: FileAt[]; unread: Unread[] }> {
  const unread: Unread[] = []
  const files: FileAt[] = []
  for (const one of given) {
    // A browser that will not read it says so of its first byte.
    const why = await bytesOf(one.file.slice(0, 1)).then(() => null, whyUnread)
    if (why === null) files.push(one)
    else unread.push({ path: one.path, why })
  }
  return { files, unread }
}

const attachedOf = ({ claim, from, part }: Compared, files: readonly FileAt[]): Attached => ({
  claim,
  file: from === null ? null : (files[from]?.file ?? null),
  part,
})

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())

const drawn = () => new Promise<void>((resolve) => setTimeout(resolve))
