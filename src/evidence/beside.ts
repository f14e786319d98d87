import type { VerdictWord } from '#contract/status.ts'
import {
  byDigest,
  checkDigested,
  digested,
  isUnknown,
  missingParts,
  type OnRecord,
  type Part,
  partsOf,
  saysAnother,
  undigested,
} from './attached.ts'
import { type CellsCount, countCells } from './cells.ts'
import { type Claim, fails } from './claims.ts'
import { type VerifiedEnvelope } from './verify.ts'

/** Logs and artifacts that an export into a folder makes at most, so that whoever is handed it can drop it on a page. */
export const MOST_BESIDE = 500_000

/** A file that came with an envelope. */
export type Beside = {
  readonly name: string
  /** In bytes. What is longer than anything on record is not read. */
  readonly size: number
  /** null where they cannot be had: nothing is said of it then, but by who gave it. */
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer> | null>
}

/** The page or the folder that something came in; null where it is beside all that is given, as far as anybody knows. */
export type Home = string | null

/** `from`: the place among the files of the one that the claim is about; null where it is about none alone. */
export type Compared = {
  readonly claim: Claim
  readonly from: number | null
  readonly part: Part | null
}

/** What an envelope has on record beside it: kept of each of several, which may be too large to be held together. */
export type RecordBeside = Recorded & {
  readonly parts: readonly Part[]
  readonly record: OnRecord
  readonly cells: CellsCount | null
}
/** As much of it as is kept of one that the reader gave before: a file of it may still be here. */
export type Recorded = {
  /** Of the document: the same record, by whichever file, page or folder it came. */
  readonly content_sha256: string
  readonly sha256s: readonly string[]
  readonly longest: number
}

export function recordBeside(envelope: VerifiedEnvelope): RecordBeside {
  const parts = partsOf(envelope)
  const record = byDigest(parts)
  return {
    parts,
    record,
    content_sha256: envelope.integrity.content_sha256,
    sha256s: [...record.keys()],
    longest: parts.reduce((most, { bytes }) => Math.max(most, bytes), 0),
    cells: countCells(envelope),
  }
}

/** One of the envelopes that a reader gave, now or before. */
export type GivenEnvelope = {
  readonly home: Home
  /** What it has on record where it verifies by itself, or nobody knows what that is. */
  readonly recorded: Recorded | null
  /** null where it does not verify beside the others: nothing is on record then that a file could be held against. */
  readonly record: RecordBeside | null
}

export type ComparedAll = {
  /** Of each of the envelopes, by its place among them. */
  readonly compared: readonly Compared[][]
  readonly aside: readonly Aside[]
}
/** A file that accuses no record, by its place, and why. `of`: those that it may be of, by their places. */
export type Aside = { readonly from: number; readonly why: string; readonly of: readonly number[] }

/**
 * Everything that came beside envelopes, one file at a time, each read and digested once: it is held against the records,
 * cells in parts are counted, and what is on record and did not come is counted too [A1-A4]. A file is told beside each
 * record that it is of, or is not what it says, and accuses no other [A6]. The same for a page and for the command line.
 * `former`: envelopes that were given before, of which a file may still be here.
 */
export async function compareBesideAll(
  envelopes: readonly GivenEnvelope[],
  files: readonly (Beside & { readonly home: Home })[],
  onProgress: () => unknown = () => {},
  former: readonly Omit<GivenEnvelope, 'record'>[] = [],
): Promise<ComparedAll> {
  const compared = envelopes.map((): Compared[] => [])
  const aside: Aside[] = []
  const all = [
    ...envelopes.map((one, nth) => ({ ...one, nth, isWhole: one.record !== null })),
    ...former.map((one) => ({ ...one, nth: null, isWhole: one.recorded !== null })),
  ]
  const recorded = all.flatMap((one) => one.recorded ?? [])
  const longest = recorded.reduce((most, one) => Math.max(most, one.longest), 0)
  const anywhere = new Set(recorded.flatMap(({ sha256s }) => sha256s))
  const homes = Map.groupBy(all, ({ home }) => home)
  const byHome = new Map([...homes].map(([home, owners]) => [home, homeOf(owners)]))
  const hasRecord = envelopes.some(({ record }) => record !== null)
  for (const [from, { name, size, home, bytes: read }] of files.entries()) {
    await onProgress()
    const its = home === null ? null : (byHome.get(home) ?? homeOf([]))
    const owners = its?.owners ?? all
    // What came with a record that does not verify is of nobody knows what: the right log of a damaged one would accuse an honest one.
    const isAccusing = owners.some(({ isWhole }) => isWhole)
    const isRead = hasRecord && size <= longest
    const bytes = isRead ? await read() : null
    if (isRead && bytes === null) continue
    const file = bytes === null ? undigested(name, size) : await digested(name, bytes)
    const isStray = isUnknown(file, anywhere)
    const isOpen = isStray && owners.some((one) => one.recorded === null)
    let isTold = false
    // What a page has changed of its own record may be right wherever another one has it.
    const isItsOwn = its !== null && saysAnother(file, its.sha256s)
    for (const [index, { record: one }] of envelopes.entries()) {
      if (one === null) continue
      const isHere = its === null || its.records.has(one.content_sha256)
      const isOf = isHere && !isOpen && (isStray || owners.length === 1)
      const found = await checkDigested(one.record, file, anywhere, isOf)
      if (found === null) continue
      if (found.part === null && (!isAccusing || (isItsOwn && !isHere))) continue
      isTold = true
      compared[index]?.push({ ...found, from })
      if (bytes && found.part && one.cells?.wanted.has(found.part.sha256) === true)
        await one.cells.take(found.part.sha256, bytes, onProgress)
    }
    if (isTold) continue
    const of = owners.flatMap(({ nth }) => nth ?? [])
    aside.push({
      from,
      why: !isAccusing ? OF_NO_RECORD : isOpen ? PERHAPS_OF_ANOTHER : OF_ANOTHER,
      of: of.length > 0 ? of : [...envelopes.keys()],
    })
  }
  for (const [index, { record }] of envelopes.entries()) {
    if (record === null) continue
    const found = compared[index] ?? []
    const here = found.flatMap(({ part }) => part ?? [])
    for (const claim of [record.cells?.claim() ?? null, missingParts(record.parts, here)])
      if (claim !== null) found.push({ claim, from: null, part: null })
  }
  return { compared, aside }
}

/** What a page or a folder has: its envelopes, the records that these are, and all digests of those. */
function homeOf<T extends Pick<GivenEnvelope, 'recorded'>>(owners: readonly T[]) {
  const records = owners.flatMap(({ recorded }) => recorded ?? [])
  return {
    owners,
    records: new Set(records.map(({ content_sha256 }) => content_sha256)),
    sha256s: new Set(records.flatMap(({ sha256s }) => sha256s)),
  }
}

/** What is beside an envelope changes nothing about it: but not everything that was asked about is proven then. */
export function verdictWith(beside: readonly Claim[], verdict: VerdictWord): VerdictWord {
  if (beside.some(fails)) return 'does not verify'
  const isPart = verdict === 'proven' && beside.some(({ state }) => state !== 'proven')
  return isPart ? 'not proven' : verdict
}

export const OF_NO_RECORD = 'The record that it came with does not verify'
export const OF_ANOTHER =
  'It is of a record that does not verify beside the others, or was given before: it was compared with nothing'
const PERHAPS_OF_ANOTHER =
  'It is nothing that a record here has, and may be of one that does not verify'
