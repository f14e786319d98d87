import {
  type Beside,
  compareBesideAll,
  OF_NO_RECORD,
  type RecordBeside,
  recordBeside,
} from '#evidence/beside.ts'
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
  /** By which what several say of each other names it; null where it is not itself [W6]. */
  evidence_id: string | null
  /** null where the file does not verify. */
  run: {
    run_id: string
    definition: string
    outcome: VerifiedEnvelope['closing']['outcome']
  } | null
  /** null where nobody said what is beside the file and nothing hits it, or nothing is on record. */
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
  const recorded = looked.map(recordOf)
  const heldBeside = besideEach(alone)
  for (const nth of names.keys()) {
    const others = heldBeside(nth)
    if (others.length > 0) looked[nth] = await look(nth, others)
  }
  const unread: Unread[] = []
  const pages = given.map((one) => one.page())
  const files = [
    ...(beside ?? []).map((one) => ({ ...one, home: null })),
    ...pages.flatMap((page, nth) =>
      (page?.beside ?? []).map((one) => ({ ...one, home: String(nth) })),
    ),
  ].map((one) => ({
    ...one,
    bytes: async () => {
      const bytes = await unlessUnread(one.bytes())
      if (bytes === null || !('why' in bytes)) return bytes
      unread.push({ file: one.name, why: bytes.why })
      return null
    },
  }))
  const envelopes = looked.map((one, nth) => ({
    home: pages[nth] ? String(nth) : null,
    recorded: recorded[nth] ?? null,
    record: recordOf(one),
  }))
  const { compared, aside } = await compareBesideAll(envelopes, files)
  for (const { from, why } of aside) {
    const { name = '', home = null } = files[from] ?? {}
    // Of a page it is told with the page.
    if (why !== OF_NO_RECORD || home === null) unread.push({ file: name, why })
  }
  const judged = looked.map((one, nth) => {
    const file = names[nth] ?? ''
    if ('why' in one) return { file, why: one.why }
    const page = pages[nth] ?? null
    const isAsked = beside !== null || page !== null
    // What is on record and not here is said of a file only where its reader said what is beside it.
    const told = (compared[nth] ?? []).filter(({ from }) => isAsked || from !== null)
    const isTold = one.record !== null && (isAsked || told.length > 0)
    return { file, ...one.told, page, beside: isTold ? told.map(({ claim }) => claim) : null }
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

const recordOf = (one: Looked | { why: string }): RecordBeside | null =>
  'why' in one ? null : one.record

function lookedAt(
  { verdict, claims, sealed_by, remaining, envelope, standing }: Verification,
  taken: readonly (readonly TakenOver[])[],
): Looked {
  const run = envelope && {
    run_id: envelope.run_id,
    definition: envelope.opening.definition.name,
    outcome: envelope.closing.outcome,
  }
  const place = standing?.place() ?? null
  return {
    told: { verdict, claims, sealed_by, remaining, run, evidence_id: place?.evidence_id ?? null },
    record: envelope && recordBeside(envelope),
    alone: place && { place, sealed_by },
    differing: standing && taken.map(standing.differing),
  }
}
