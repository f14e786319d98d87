import {
  byDigest,
  checkDigested,
  digested,
  missingParts,
  type OnRecord,
  type Part,
  partsOf,
  tooLong,
} from './attached.ts'
import { type CellsCount, countCells } from './cells.ts'
import { type Claim } from './claims.ts'
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

/** `from`: the place among the files of the one that the claim is about; null where it is about none alone. */
export type Compared = {
  readonly claim: Claim
  readonly from: number | null
  readonly part: Part | null
}

/** What an envelope has on record beside it: kept of each of several, which may be too large to be held together. */
export type RecordBeside = {
  readonly parts: readonly Part[]
  readonly record: OnRecord
  readonly longest: number
  readonly cells: CellsCount | null
}

export function recordBeside(envelope: VerifiedEnvelope): RecordBeside {
  const parts = partsOf(envelope)
  return {
    parts,
    record: byDigest(parts),
    longest: parts.reduce((most, { bytes }) => Math.max(most, bytes), 0),
    cells: countCells(envelope),
  }
}

/**
 * Everything that came beside an envelope, one file at a time: each is held against the record, cells in parts are
 * counted, and what is on record and did not come is counted too [A1-A4]. The same for a page and for the command line.
 */
export async function compareBeside(
  envelope: VerifiedEnvelope,
  files: readonly Beside[],
  onProgress: () => unknown = () => {},
): Promise<Compared[]> {
  return (await compareBesideAll([recordBeside(envelope)], files, onProgress)).flat()
}

/** What envelopes have on record that the reader gave before: a file of theirs may still be here. */
export type RecordedBefore = { readonly sha256s: readonly string[]; readonly longest: number }

/** The same beside several envelopes, by their place among them: each file is read and digested once [A6]. */
export async function compareBesideAll(
  all: readonly RecordBeside[],
  files: readonly Beside[],
  onProgress: () => unknown = () => {},
  before: readonly RecordedBefore[] = [],
): Promise<Compared[][]> {
  const compared = all.map((): Compared[] => [])
  const longest = [...all, ...before].reduce((most, one) => Math.max(most, one.longest), 0)
  const elsewhere = new Set([
    ...all.flatMap(({ record }) => [...record.keys()]),
    ...before.flatMap(({ sha256s }) => sha256s),
  ])
  for (const [from, { name, size, bytes: read }] of files.entries()) {
    await onProgress()
    const isRead = size <= longest
    const bytes = isRead ? await read() : null
    if (isRead && bytes === null) continue
    const file = bytes && (await digested(name, bytes))
    for (const [index, { record, cells }] of all.entries()) {
      const found =
        file === null
          ? { claim: tooLong(record, name, size), part: null }
          : await checkDigested(record, file, elsewhere)
      if (found !== null) compared[index]?.push({ ...found, from })
      if (bytes && found?.part && cells?.wanted.has(found.part.sha256) === true)
        await cells.take(found.part.sha256, bytes, onProgress)
    }
  }
  for (const [index, { parts, cells }] of all.entries()) {
    const found = compared[index] ?? []
    const missing = missingParts(
      parts,
      found.flatMap(({ part }) => part ?? []),
    )
    for (const claim of [cells?.claim() ?? null, missing])
      if (claim !== null) found.push({ claim, from: null, part: null })
  }
  return compared
}
