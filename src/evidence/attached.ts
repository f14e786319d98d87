import { type StepEntry } from '#contract/envelope.ts'
import { type Claim, claimOf } from './claims.ts'
import { counted } from './counted.ts'
import { sha256OfMany } from './digest.ts'
import { shellForPart } from './redo.ts'
import { type VerifiedEnvelope } from './verify.ts'

/** A log or an artifact that an entry has the digest of. `chunks` are those of each MiB, for a log. */
export type Part = {
  readonly kind: 'log' | 'artifact'
  readonly step_id: string
  readonly attempt: number
  /** JSON pointer of the digest. */
  readonly where: string
  /** null for a log. */
  readonly path: string | null
  readonly sha256: string
  readonly bytes: number
  readonly chunks: readonly string[]
}

/** What an entry has one digest of, and is looked at by itself: an artifact, or a MiB of a log. */
export type Piece = { readonly sha256: string; readonly bytes: number }

/**
 * Everything that is on record beside the envelope, in the order of the entries. A log without a byte is nothing. Cells
 * in a part of their own are kept as artifacts are.
 */
export function partsOf({ execution }: VerifiedEnvelope): Part[] {
  return execution.steps.flatMap(
    ({ step_id, attempt, log, artifacts, cells_part }, index): Part[] => {
      const of = { step_id, attempt }
      const at = `/execution/steps/${index}`
      const files = artifacts.map((artifact, nth): Part => ({
        ...of,
        kind: 'artifact',
        where: `${at}/artifacts/${nth}/sha256`,
        path: artifact.path,
        sha256: artifact.sha256,
        bytes: artifact.bytes,
        chunks: [],
      }))
      if (cells_part !== undefined)
        files.push({
          ...of,
          kind: 'artifact',
          where: `${at}/cells_part/sha256`,
          path: 'cells.jsonl',
          sha256: cells_part.sha256,
          bytes: cells_part.bytes,
          chunks: [],
        })
      const { sha256, bytes, chunks } = log
      return bytes === 0
        ? files
        : [
            { ...of, kind: 'log', where: `${at}/log/sha256`, path: null, sha256, bytes, chunks },
            ...files,
          ]
    },
  )
}

/**
 * Parts by their digests. One can be that of many: `parts` are the first of those that ask for the same number of bytes
 * and the same digest of each MiB, so that many files of one digest are not each held against all of them.
 */
export type OnRecord = ReadonlyMap<
  string,
  { readonly parts: readonly Part[]; readonly count: number }
>

export function byDigest(parts: readonly Part[]): OnRecord {
  const groups = [...Map.groupBy(parts, ({ sha256 }) => sha256)]
  return new Map(
    groups.map(([sha256, same]) => {
      const first = Map.groupBy(
        same,
        ({ bytes, chunks }) => `${bytes} ${chunks.join(' ')}`,
      ).values()
      return [sha256, { parts: [...first].flatMap(([part]) => part ?? []), count: same.length }]
    }),
  )
}

/** A file that was read and digested once, for however many records it is held against. */
export type Digested = {
  readonly name: string
  readonly bytes: number
  /** null where it was not read, since it is longer than anything on record. */
  readonly sha256: string | null
  /** The digests of its first MiB. */
  readonly chunks: (count: number) => Promise<readonly string[]>
}

export async function digested(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Digested> {
  const chunks: string[] = []
  return {
    name,
    bytes: bytes.length,
    sha256: await sha256OfMany(bytes),
    chunks: async (count) => {
      for (let at = chunks.length * MIB; at < bytes.length && chunks.length < count; at += MIB)
        chunks.push(await sha256OfMany(bytes.subarray(at, at + MIB)))
      return chunks
    },
  }
}

export const undigested = (name: string, bytes: number): Digested => ({
  name,
  bytes,
  sha256: null,
  chunks: async () => [],
})

/**
 * What these bytes are. `name` is what they came under: it can only accuse them. Who opens a file by the digest in its
 * name must not be told of another one that it is right.
 */
export async function checkAttached(
  record: OnRecord,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Found> {
  const file = await digested(name, bytes)
  return (await checkDigested(record, file, NOWHERE, true)) ?? { claim: unknown(file), part: null }
}

type Found = { readonly claim: Claim; readonly part: Part | null }

/** The same of what was asked for as the part of this digest: null where it is that. */
export async function checkHad(
  record: OnRecord,
  sha256: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Claim | null> {
  const file = await digested('', bytes)
  for (const part of record.get(sha256)?.parts ?? []) {
    const chunks = await file.chunks(part.chunks.length)
    const fault = faultOf(part, bytes.length, chunks) ?? (file.sha256 === sha256 ? null : OTHER)
    if (fault !== null) {
      const { where, step_id } = part
      const message = `What is here as ${wordsFor(part)} is something else: ${fault}.`
      const at = { where, step_id, expected: sha256, actual: file.sha256 ?? '' }
      return claimOf('attached-differs', { ...at, message })
    }
  }
  return null
}

/** Digests that are on record in envelopes that came together with this one, or before it. */
type Elsewhere = Pick<ReadonlySet<string>, 'has'>
const NOWHERE: Elsewhere = new Set()

/** Neither these bytes nor what their name says are on record. */
export const isUnknown = (file: Digested, anywhere: Elsewhere): boolean =>
  (file.sha256 === null || !anywhere.has(file.sha256)) && !saysAnother(file, anywhere)

/** Its name says a digest on record there, which is not the one of these bytes. */
export const saysAnother = ({ name, sha256 }: Digested, onRecord: Elsewhere): boolean =>
  saidBy(name, sha256, onRecord) !== null

/**
 * The same beside other envelopes, which accuse and never acquit: a digest in the name that is on record elsewhere has to
 * be that of the bytes too. Attacker: an envelope of a key of his own, which has on record what he put in the place of a
 * log. null for what is not on record here: only where the file came with this record (`isOf`) it is a fault here that it
 * says another digest, or that it is on record nowhere.
 */
export async function checkDigested(
  record: OnRecord,
  file: Digested,
  elsewhere: Elsewhere,
  isOf: boolean,
): Promise<Found | null> {
  const { name, bytes, sha256: actual } = file
  const { parts: same = [], count = 0 } = (actual !== null && record.get(actual)) || {}
  const [part] = same
  const said = saidBy(name, actual, record)
  const meant = said === null ? undefined : record.get(said)?.parts[0]
  if (meant !== undefined) {
    const fault =
      actual === null
        ? otherSize(bytes, meant.bytes)
        : faultOf(meant, bytes, await file.chunks(meant.chunks.length))
    return { claim: differs(name, meant, actual, fault ?? OTHER), part: null }
  }
  if (part === undefined && !isOf) return null
  const saidElsewhere = saidBy(name, actual, elsewhere)
  if (saidElsewhere !== null) return { claim: differsElsewhere(file, saidElsewhere), part: null }
  if (actual === null || part === undefined)
    return actual !== null && elsewhere.has(actual) ? null : { claim: unknown(file), part: null }
  for (const one of same) {
    const chunks = one.chunks.length > 0 ? await file.chunks(one.chunks.length) : []
    const fault = faultOf(one, bytes, chunks)
    if (fault !== null) return { claim: differs(name, one, actual, fault), part: null }
  }
  const is = `${shown(name)} is ${wordsFor(part)}${count > 1 ? `, and ${count - 1} more on record` : ''}`
  const { where, step_id } = part
  const at = { where, step_id, expected: part.sha256, actual, shell: shellForPart(part) }
  const own = ownName(name)
  const doubt = isPlain(own)
    ? looksLikeAnother(own, actual)
      ? 'it has what can be read as a digest, and is not the one of these bytes'
      : null
    : 'it has characters that can look like others, or like nothing'
  const claim =
    doubt === null
      ? claimOf('attached-whole', { ...at, message: `${is}.` })
      : claimOf('attached-renamed', {
          ...at,
          message: `${is}. What its name says was not checked: ${doubt}.`,
        })
  return { claim, part }
}

/**
 * Attacker: a digest cut short, with a digit more, or with an O for a 0, which a person takes for that of another file. So
 * no run of sixteen of these letters and digits counts, but for the digest itself, whatever stands between or around them.
 */
function looksLikeAnother(name: string, actual: string): boolean {
  const text = name
    .replace(/(?:\.[a-z][a-z\d]{0,3}){1,2}$/i, '')
    .replaceAll(MARKS, '')
    .toLowerCase()
    .replaceAll(actual, ' ')
  const runs = text.match(/[0-9a-fgiloqsz]{16,}/g) ?? []
  // A date is none.
  return runs.some((run) => /[a-f]/.test(run) && /\d/.test(run))
}

const MARKS = /[._/-]/g

/** From the folder on that an export has it in: what is above is the reader's own, and says nothing of these bytes. */
const ownName = (name: string): string =>
  /(?:^|\/)((?:logs|artifacts)\/[^/]*)$/.exec(name)?.[1] ?? name

/** As an export writes it, or of letters and digits that look like no others. */
const isPlain = (name: string): boolean =>
  name.length <= 'artifacts/'.length + MOST_OF_A_NAME &&
  name.slice(name.lastIndexOf('/') + 1).length <= MOST_OF_A_NAME &&
  /^(?:[\w.-]+\/)*[\w.-]+$/.test(name)

const MOST_OF_A_NAME = 255

/** A name that is not plain, with whatever is not ASCII as its number. */
function shown(name: string): string {
  if (isPlain(name)) return name
  const text = JSON.stringify(name.slice(0, MOST_OF_A_NAME)).replaceAll(
    /[^ -~]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
  return `A file that is named ${text}`
}

/** What a system leaves in a folder beside the files of a person. Nobody gave it as evidence. To be asked of files alone. */
export const isLeftover = (path: string): boolean =>
  /(?:^|\/)(?:\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$/.test(path)

/** What is on record and not among `found`; null where nothing is. */
export function missingParts(parts: readonly Part[], found: readonly Part[]): Claim | null {
  const here = new Set(found.map(({ sha256 }) => sha256))
  const missing = parts.filter(({ sha256 }) => !here.has(sha256))
  const [first] = missing
  if (first === undefined) return null
  const message = `${missing.length.toLocaleString('en')} of ${counted(parts.length, 'log or artifact', 'logs and artifacts')} on record ${missing.length === 1 ? 'is' : 'are'} not here, first ${wordsFor(first)}.`
  return claimOf('attached-missing', { message, where: first.where, step_id: first.step_id })
}

/** The n-th artifact of a step, or the n-th MiB of its log; null where the entry has none. */
export function pieceOf(
  { log, artifacts }: Pick<StepEntry, 'log' | 'artifacts'>,
  kind: Part['kind'],
  index: number,
): Piece | null {
  switch (kind) {
    case 'log':
      return chunksOf(log)[index] ?? null
    case 'artifact':
      return artifacts[index] ?? null
  }
}

/** Are these the bytes that the entry has the digest and the number of? `fault` is null where they are. */
export async function comparePiece(
  { sha256, bytes: size }: Piece,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ actual: string; fault: string | null }> {
  const actual = await sha256OfMany(bytes)
  if (actual !== sha256) return { actual, fault: bytes.length === 0 ? EMPTY : OTHER }
  const isWhole = bytes.length === size
  return { actual, fault: isWhole ? null : otherSize(bytes.length, size) }
}

/**
 * The digest on record that the name says, where the bytes have another one: 64 digits in either case and whatever stands
 * around or between them, also what shows as nothing. A name that says two digests is wrong about one. What only looks
 * like a digit is not found out here: such a name is not plain.
 */
function saidBy(name: string, actual: string | null, onRecord: Elsewhere): string | null {
  const plain = name
    .normalize('NFKC')
    .replaceAll(/[\p{Default_Ignorable_Code_Point}\p{M}\p{C}._/-]/gu, '')
    .toLowerCase()
  for (const [digits] of plain.matchAll(/[0-9a-f]{64,}/g))
    for (let from = 0; from + 64 <= digits.length; from += 1) {
      const said = digits.slice(from, from + 64)
      if (said !== actual && onRecord.has(said)) return said
    }
  return null
}

const unknown = ({ name, sha256: actual }: Digested): Claim =>
  claimOf('attached-unknown', {
    message: `${shown(name)} is nothing that this run has on record.`,
    ...(actual !== null && { actual }),
  })

const differsElsewhere = ({ name, sha256: actual }: Digested, expected: string): Claim =>
  claimOf('attached-differs', {
    message: `${shown(name)} says the digest of what another envelope here has on record, and is something else.`,
    expected,
    ...(actual !== null && { actual }),
  })

const differs = (name: string, part: Part, actual: string | null, fault: string): Claim =>
  claimOf('attached-differs', {
    message: `${shown(name)} is not ${wordsFor(part)}: ${fault}.`,
    where: part.where,
    step_id: part.step_id,
    expected: part.sha256,
    ...(actual !== null && { actual }),
  })

const MIB = 1024 * 1024

function faultOf(part: Part, length: number, chunks: readonly string[]): string | null {
  if (length === 0 && part.bytes > 0) return EMPTY
  const other = part.chunks.findIndex((sha256, index) => sha256 !== chunks[index])
  if (other !== -1) return `MiB ${other + 1} of ${part.chunks.length} is another one`
  return length === part.bytes ? null : otherSize(length, part.bytes)
}

const chunksOf = ({ bytes, chunks }: Pick<Part, 'bytes' | 'chunks'>): Piece[] =>
  chunks.map((sha256, index) => ({ sha256, bytes: Math.min(MIB, bytes - index * MIB) }))

const OTHER = 'it has another digest'
const EMPTY = 'it is empty'
const otherSize = (found: number, said: number): string =>
  `it has ${counted(found, 'byte')} and the record says ${said.toLocaleString('en')}`

function wordsFor({ kind, step_id, attempt, path }: Part): string {
  const by = `step ${step_id}, attempt ${attempt}`
  return kind === 'log' ? `the log of ${by}` : `the artifact ${path} of ${by}`
}
