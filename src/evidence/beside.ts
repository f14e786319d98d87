import { byDigest, checkAttached, missingParts, type Part, partsOf, tooLong } from './attached.ts'
import { checkCells } from './cells.ts'
import { type Claim } from './claims.ts'
import { type VerifiedEnvelope } from './verify.ts'

/** A file that came with an envelope. */
export type Beside = {
  readonly name: string
  /** In bytes. What is longer than anything on record is not read. */
  readonly size: number
  readonly bytes: () => Promise<Uint8Array<ArrayBuffer>>
}

/** `from`: the place among the files of the one that the claim is about; null where it is about none alone. */
export type Compared = {
  readonly claim: Claim
  readonly from: number | null
  readonly part: Part | null
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
  const parts = partsOf(envelope)
  const record = byDigest(parts)
  const longest = parts.reduce((most, { bytes }) => Math.max(most, bytes), 0)
  const wanted = new Set(envelope.execution.steps.map(({ cells_part }) => cells_part?.sha256))
  const cells = new Map<string, Uint8Array>()
  const compared: Compared[] = []
  for (const [from, file] of files.entries()) {
    await onProgress()
    if (file.size > longest) {
      compared.push({ claim: tooLong(record, file.name, file.size), part: null, from })
      continue
    }
    const bytes = await file.bytes()
    const found = await checkAttached(record, file.name, bytes)
    compared.push({ ...found, from })
    if (found.part !== null && wanted.has(found.part.sha256)) cells.set(found.part.sha256, bytes)
  }
  const counted = await checkCells(envelope, (sha256) => cells.get(sha256) ?? null, onProgress)
  const missing = missingParts(
    parts,
    compared.flatMap(({ part }) => part ?? []),
  )
  for (const claim of [counted, missing])
    if (claim !== null) compared.push({ claim, from: null, part: null })
  return compared
}
