import type { PathLike } from 'node:fs'
import { open, readdir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { LIMITS } from '#contract/envelope.ts'
import { isLeftover } from '#evidence/attached.ts'
import type { Beside } from '#evidence/beside.ts'
import type { Trusted } from '#evidence/trust.ts'
import { MAX_TRUST_BYTES, readTrustFile } from '#evidence/trust-file.ts'
import { openRegular, sizeOfRegular } from '#server/regular-file.ts'
import { wordsOf } from './ask.ts'
import { CommandError } from './command.ts'

/** Exit code where there is nothing to judge. */
export const CANNOT_READ = 2

/**
 * What the reader names, be it a pipe. One byte beyond `most` is enough for the verifier to refuse the file, however
 * large it is.
 */
export const readEvidence = (file: string, most: number = LIMITS.bytes) =>
  readFrom(open(file), most)

/** The same of a folder that somebody else has written. What is no file in it is not opened. */
export const readKept = (file: PathLike, most: number = LIMITS.bytes) =>
  readFrom(openRegular(file), most)

async function readFrom(
  opening: Promise<FileHandle>,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = []
  try {
    // Closes it, however it ends.
    for await (const chunk of (await opening).createReadStream({ end: most }))
      if (Buffer.isBuffer(chunk)) chunks.push(chunk)
  } catch (error) {
    throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
  }
  return Buffer.concat(chunks)
}

/** One that cannot be had hides none of the others: an answer of 500, a bad sector. */
export async function unlessUnread<T>(read: Promise<T>): Promise<T | { why: string }> {
  try {
    return await read
  } catch (error) {
    if (error instanceof CommandError) return { why: error.message }
    throw error
  }
}

/** Named by the reader, who vouches for it. One that cannot be used is no trust file: what it requires is not known. */
export async function readTrust(file: string): Promise<Trusted> {
  const read = readTrustFile(await readEvidence(file, MAX_TRUST_BYTES))
  if (!read.ok) throw new CommandError(`${file} is no trust file: ${read.why}`, CANNOT_READ)
  return { file: read.file, source: 'pinned', name: file }
}

/** The folders of an export that have what is on record beside the envelope. */
export const BESIDE = { log: 'logs', artifact: 'artifacts' } as const

/**
 * Whatever is in them, by the name that it has there. Each is read when it is asked for: what cannot be read, also a whole
 * folder, is among them, and asking for it throws CommandError, so that it hides none of the others.
 */
export async function filesBeside(folder: string): Promise<Beside[]> {
  const found = await Promise.all(
    Object.values(BESIDE)
      .toSorted()
      .map((name) => listedIn(join(folder, name), name)),
  )
  if (found.every((files) => files === null))
    throw new CommandError(`${folder} has no folder logs and none artifacts in it`, CANNOT_READ)
  return found.flatMap((files) => files ?? [])
}

/** null where there is no such folder. */
async function listedIn(folder: string, called: string): Promise<Beside[] | null> {
  // A name is bytes, and need not be text: by that it would not be found again.
  const names = await readdir(folder, { encoding: 'buffer' }).catch((error: unknown) =>
    isGone(error) ? null : unread(called, error),
  )
  if (!Array.isArray(names)) return names && [names]
  const files: Beside[] = []
  for (const bytes of names.toSorted((a, b) => a.compare(b))) {
    const name = `${called}/${bytes.toString()}`
    const file = Buffer.concat([Buffer.from(`${folder}/`), bytes])
    try {
      const size = await sizeOfRegular(file)
      if (!isLeftover(name)) files.push({ name, size, bytes: () => readKept(file, size) })
    } catch (error) {
      files.push(unread(name, error))
    }
  }
  return files
}

/** Of no size, and so asked for by whoever takes it for short enough. */
const unread = (name: string, error: unknown): Beside => ({
  name,
  size: 0,
  bytes: () => Promise.reject(new CommandError(wordsOf(error), CANNOT_READ, { cause: error })),
})

export function nullIfGone(error: unknown): null {
  if (isGone(error)) return null
  throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
}

export const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
