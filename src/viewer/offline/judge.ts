import { LIMITS, type Opening } from '#contract/envelope.ts'
import type { VerdictWord } from '#contract/status.ts'
import type { Part } from '#evidence/attached.ts'
import {
  compareBesideAll,
  type Compared,
  type Home,
  type RecordBeside,
  recordBeside,
  type Recorded,
  verdictWith,
} from '#evidence/beside.ts'
import type { Claim } from '#evidence/claims.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import type { TakenOver } from '#evidence/lineage.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import type { Series } from '#evidence/series.ts'
import { type Alone, besideEach, walkTogether } from '#evidence/together.ts'
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
  /** Envelopes that the reader gave before: what each has on record, or the file where that is not known. */
  former: readonly (Former | FileAt)[]
}

/** One of the envelopes, or why its file cannot be read. */
export type Judged = (At & { unreadable: string }) | JudgedFile
export type JudgedFile = At & {
  found: Pick<Verification, 'verdict' | 'claims' | 'sealed_by' | 'remaining'>
  /** Of it and of what is beside it, where its reader said what that is: as the command line has it. */
  withBeside: VerdictWord
  /** null where the envelope does not verify. */
  run: JudgedRun | null
  bytes: number
  sha256: string
  /** Nothing where the envelope does not verify: then nothing is on record. */
  attached: readonly Attached[]
  /** Files beside it that could not be read, or accuse nobody; of one that does not verify all that came with it. */
  unread: readonly Unread[]
  /** null where it does not verify by itself. */
  recorded: Recorded | null
}
type At = Pick<FileAt, 'path' | 'page'>
/** `recorded`: null where it does not verify. */
export type Former = At & { recorded: Recorded | null }
/** What a verified envelope says of itself as a whole. */
export type JudgedRun = Pick<VerifiedEnvelope, 'run_id' | 'evidence_id' | 'closing'> &
  Pick<Opening, 'title' | 'definition' | 'actor' | 'started_at'>
export type Attached = { claim: Claim; file: File | null; part: Part | null }

/** How far it is: of which envelope, and in what; `isAgain`: held against the others by now. */
export type Progress = {
  nth: number
  stage: Stage | 'beside'
  isAgain: boolean
  /** Logs and artifacts that were read. */
  compared: number
}

/** Each of the envelopes, and what they say of each other. */
export type Judgement = { judged: readonly Judged[]; series: readonly Series[] }

export type JudgeOptions = { onProgress: (progress: Progress) => void; signal?: AbortSignal }

/**
 * Each by itself, and then each held against all others. Before what takes long the browser may draw, and hear that the
 * reader has had enough.
 */
export async function judge(
  { envelopes, trust, refused, attached, former }: Question,
  { onProgress, signal }: JudgeOptions,
): Promise<Judgement> {
  let compared = 0
  const at = async (nth: number, stage: Progress['stage'], isAgain: boolean) => {
    signal?.throwIfAborted()
    onProgress({ nth, stage, isAgain, compared })
    await drawn()
    signal?.throwIfAborted()
  }
  const look = async (
    file: FileAt,
    nth: number,
    previous: readonly HeldEnvelope[] | null,
    taken: readonly (readonly TakenOver[])[] = [],
  ) => {
    const breathe = (stage: Stage) => at(nth, stage, previous !== null)
    const options = { trust, refused, previous: previous ?? [], onProgress: breathe }
    return await judgeOne(file, options, taken, signal)
  }
  const alone: Looked[] = []
  for (const [nth, file] of envelopes.entries()) {
    await at(nth, 'read', false)
    alone.push(await look(file, nth, null))
  }
  const seen = alone.map(({ alone }) => alone)
  const series = await walkTogether(seen, async (nth, taken) => {
    const file = envelopes[nth]
    return file === undefined ? null : (await look(file, nth, [], taken)).differing
  })
  const heldBeside = besideEach(seen)
  const judged: Looked[] = []
  for (const [nth, file] of envelopes.entries()) {
    const [first, others] = [alone[nth], heldBeside(nth)]
    judged.push(first && others.length === 0 ? first : await look(file, nth, others))
  }
  const beside = () => at(envelopes.length - 1, 'beside', true)
  const before: Former[] = []
  for (const one of attached.length === 0 ? [] : former)
    before.push(
      'file' in one
        ? formerOf((await judgeOne(one, { trust, refused, onProgress: beside }, [], signal)).one)
        : one,
    )
  const homeOf = homesOf([...envelopes, ...before])
  const unread: Unread[] = []
  const files = attached.map((one) => ({
    name: one.path,
    size: one.file.size,
    home: homeOf(one),
    bytes: async () => {
      compared += 1
      try {
        return await bytesOf(one.file)
      } catch (error) {
        unread.push({ path: one.path, why: whyUnread(error) })
        return null
      }
    },
  }))
  const recordedIn = (nth: number) => alone[nth]?.record ?? null
  const { compared: found, aside } = await compareBesideAll(
    judged.map(({ one, record }, nth) => ({
      home: homeOf(one),
      recorded: recordedIn(nth),
      record,
    })),
    files,
    beside,
    before.map((one) => ({ home: homeOf(one), recorded: one.recorded })),
  )
  /** Of a file by itself nobody asks for all that it has on record beside it: of a page, or beside files, that is asked. */
  const askedOf = (one: At, nth: number): Claim[] => {
    const its = homeOf(one)
    const isAsked =
      one.page !== undefined || files.some(({ home }) => home === null || home === its)
    const told = (found[nth] ?? []).filter(({ from }) => isAsked || from !== null)
    return told.map(({ claim }) => claim)
  }
  const withFiles = ({ one, record }: Looked, nth: number): Judged =>
    'unreadable' in one
      ? one
      : {
          ...one,
          withBeside: verdictWith(askedOf(one, nth), one.found.verdict),
          recorded: keptOf(recordedIn(nth)),
          unread: [
            ...(record === null ? [] : unread),
            ...aside.flatMap(({ from, why, of }) =>
              of.includes(nth) ? { path: files[from]?.name ?? '', why } : [],
            ),
          ],
          attached: (found[nth] ?? []).map((one) => attachedOf(one, attached)),
        }
  return { judged: judged.map(withFiles), series }
}

type Looked = {
  one: Judged
  record: RecordBeside | null
  alone: Alone
  /** Of each list of what others took over from it the first that it does not say; null where it has no place. */
  differing: readonly (TakenOver | null)[] | null
}

async function judgeOne(
  { path, page, file }: FileAt,
  options: VerifyOptions,
  taken: readonly (readonly TakenOver[])[],
  signal?: AbortSignal,
): Promise<Looked> {
  try {
    // One byte beyond the limit is enough to be refused.
    const bytes = await bytesOf(file.slice(0, LIMITS.bytes + 1))
    const { verdict, claims, sealed_by, remaining, envelope, standing } = await verifyEnvelope(
      bytes,
      options,
    )
    const record = envelope && recordBeside(envelope)
    const one = {
      path,
      ...(page !== undefined && { page }),
      found: { verdict, claims, sealed_by, remaining },
      withBeside: verdict,
      run: envelope && runIn(envelope),
      bytes: file.size,
      sha256: await sha256OfMany(bytes),
      attached: [],
      unread: [],
      recorded: keptOf(record),
    }
    return {
      one,
      record,
      alone: standing && { place: standing.place(), sealed_by },
      differing: standing && taken.map(standing.differing),
    }
  } catch (error) {
    signal?.throwIfAborted()
    // It went away, or the browser may not read it. Bad evidence throws nothing.
    const one = { path, ...(page !== undefined && { page }), unreadable: whyUnread(error) }
    return { one, record: null, alone: null, differing: null }
  }
}

function runIn({ run_id, evidence_id, opening, closing }: VerifiedEnvelope): JudgedRun {
  const { title, definition, actor, started_at } = opening
  return { run_id, evidence_id, closing, title, definition, actor, started_at }
}

/** Not its parts: it is kept of many, and goes from a worker to the page. */
const keptOf = (one: Recorded | null): Recorded | null =>
  one && { content_sha256: one.content_sha256, sha256s: one.sha256s, longest: one.longest }

/** What of it counts beside what is given after it. */
export const formerOf = (one: Judged): Former => ({
  path: one.path,
  ...(one.page !== undefined && { page: one.page }),
  recorded: 'recorded' in one ? one.recorded : null,
})

/**
 * The page that a file came in, or of the folders that it lies in the nearest that one of these envelopes lies in too. As an
 * export has them both: in its page or its folder.
 */
function homesOf(envelopes: readonly At[]): (one: At) => Home {
  const homes = new Set(envelopes.map(({ path }) => folderOf(path)))
  return ({ path, page }) => {
    if (page !== undefined) return `${page.number} ${page.name}`
    let at = folderOf(path)
    while (at !== '' && !homes.has(at)) at = folderOf(at)
    return at === '' ? null : at
  }
}

const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

const attachedOf = ({ claim, from, part }: Compared, files: readonly FileAt[]): Attached => ({
  claim,
  file: from === null ? null : (files[from]?.file ?? null),
  part,
})

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer())

const drawn = () => new Promise<void>((resolve) => setTimeout(resolve))
