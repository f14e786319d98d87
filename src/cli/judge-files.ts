import { type Beside, compareBesideAll, type RecordBeside, recordBeside } from '#evidence/beside.ts'
import type { Claim } from '#evidence/claims.ts'
import type { TakenOver } from '#evidence/lineage.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import type { Series } from '#evidence/series.ts'
import { type Alone, besideEach, walkTogether } from '#evidence/together.ts'
import {
  type Verification,
  type VerifiedEnvelope,
  verifyEnvelope,
  type VerifyOptions,
} from '#evidence/verify.ts'
import { CommandError } from './command.ts'
import { unlessUnread } from './evidence-file.ts'
import { type GivenPage, givenFiles } from './given-file.ts'

/** What is told of a file. The record itself is let go: many of them do not fit in together. */
export type Judged = Pick<Verification, 'verdict' | 'claims' | 'sealed_by' | 'remaining'> & {
  /** null where the file does not verify. */
  run: {
    run_id: string
    definition: string
    outcome: VerifiedEnvelope['closing']['outcome']
  } | null
  /** null where nobody said what is beside the file, or nothing is on record. */
  beside: readonly Claim[] | null
  /** The page that it was taken from; null where it is a file by itself. */
  page: Omit<GivenPage, 'beside'> | null
}

/** Each of the files, or why it cannot be read; and what they say of each other. */
export type JudgedFiles = {
  files: readonly (({ file: string } & Judged) | Unread)[]
  series: readonly Series[]
  /** Beside them, and not to be had: nothing is said of these, and all else of the others. */
  unread: readonly Unread[]
}
export type Unread = { file: string; why: string }

/** Each by itself, and then each held against all others [W11]. `beside`: what came with them; null where nobody said. */
export async function judgeFiles(
  names: readonly string[],
  options: VerifyOptions,
  beside: readonly Beside[] | null,
): Promise<JudgedFiles> {
  const given = givenFiles(names)
  const look = async (
    nth: number,
    previous: readonly HeldEnvelope[],
    taken: readonly (readonly TakenOver[])[] = [],
  ): Promise<Looked | { why: string }> => {
    try {
      const bytes = (await given[nth]?.envelope()) ?? new Uint8Array()
      return lookedAt(await verifyEnvelope(bytes, { ...options, previous }), taken)
    } catch (error) {
      if (error instanceof CommandError) return { why: error.message }
      throw error
    }
  }
  const looked: (Looked | { why: string })[] = []
  for (const nth of names.keys()) looked.push(await look(nth, []))
  const alone = looked.map((one) => ('why' in one ? null : one.alone))
  const series = await walkTogether(alone, async (nth, taken) => {
    const found = await look(nth, [], taken)
    return 'why' in found ? null : found.differing
  })
  const heldBeside = besideEach(alone)
  for (const nth of names.keys()) {
    const others = heldBeside(nth)
    if (others.length > 0) looked[nth] = await look(nth, others)
  }
  const records = looked.flatMap((one) => ('why' in one ? [] : (one.record ?? [])))
  const unread: Unread[] = []
  const pages = given.map((one) => one.page())
  // What came in a page is held against the others only where the record of that page verified: else nobody knows what it
  // is, and the right log of a damaged page would accuse an honest one.
  const cameAlong = pages.flatMap((page, nth) => (hasRecord(looked[nth]) && page?.beside) || [])
  const all = [...(beside ?? []), ...cameAlong]
  // Beside what does not verify nothing is on record, and nothing is looked at.
  const files = (records.length === 0 ? [] : all).map((one) => ({
    ...one,
    bytes: async () => {
      const bytes = await unlessUnread(one.bytes())
      if (bytes === null || !('why' in bytes)) return bytes
      unread.push({ file: one.name, why: bytes.why })
      return null
    },
  }))
  const isAsked = beside !== null || pages.some((page) => page !== null)
  const compared = isAsked ? await compareBesideAll(records, files) : null
  const judged = looked.map((one, nth) => {
    const file = names[nth] ?? ''
    if ('why' in one) return { file, why: one.why }
    const page = pages[nth] ?? null
    // What came in one page is held against all, and says of none of the others that what is on record is not here.
    const isBeside = beside !== null || page !== null
    const of = isBeside ? one.record && compared?.[records.indexOf(one.record)] : null
    return { file, ...one.told, page, beside: of?.map(({ claim }) => claim) ?? null }
  })
  return { files: judged, series, unread }
}

type Looked = {
  told: Omit<Judged, 'beside' | 'page'>
  record: RecordBeside | null
  alone: Alone
  /** Of each list of what others took over from it the first that it does not say; null where it has no place. */
  differing: readonly (TakenOver | null)[] | null
}

const hasRecord = (one: Looked | { why: string } | undefined): boolean =>
  one !== undefined && 'record' in one && one.record !== null

function lookedAt(
  { verdict, claims, sealed_by, remaining, envelope, standing }: Verification,
  taken: readonly (readonly TakenOver[])[],
): Looked {
  const run = envelope && {
    run_id: envelope.run_id,
    definition: envelope.opening.definition.name,
    outcome: envelope.closing.outcome,
  }
  return {
    told: { verdict, claims, sealed_by, remaining, run },
    record: envelope && recordBeside(envelope),
    alone: standing && { place: standing.place(), sealed_by },
    differing: standing && taken.map(standing.differing),
  }
}
