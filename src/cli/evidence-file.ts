import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { LIMITS } from '#contract/envelope.ts'
import type { Beside } from '#evidence/beside.ts'
import type { Trusted } from '#evidence/trust.ts'
import { MAX_TRUST_BYTES, readTrustFile } from '#evidence/trust-file.ts'
import { openRegular } from '#server/regular-file.ts'
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
export const readKept = (file: string, most: number = LIMITS.bytes) =>
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

/** Named by the reader, who vouches for it. One that cannot be used is no trust file: what it requires is not known. */
export async function readTrust(file: string): Promise<Trusted> {
  const read = readTrustFile(await readEvidence(file, MAX_TRUST_BYTES))
  if (!read.ok) throw new CommandError(`${file} is no trust file: ${read.why}`, CANNOT_READ)
  return { file: read.file, source: 'pinned', name: file }
}

/** The folders of an export that have what is on record beside the envelope. */
export const BESIDE = { log: 'logs', artifact: 'artifacts' } as const

/** Every regular file in them, by the name that it has there. Each is read when it is asked for. */
export async function filesBeside(folder: string): Promise<Beside[]> {
  const listed = await Promise.all(
    Object.values(BESIDE).map(async (name) => {
      const entries = await readdir(join(folder, name), { withFileTypes: true }).catch(nullIfGone)
      return entries?.filter((entry) => entry.isFile()).map((entry) => `${name}/${entry.name}`)
    }),
  )
  if (listed.every((names) => names === undefined))
    throw new CommandError(`${folder} has no folder logs and none artifacts in it`, CANNOT_READ)
  const files: Beside[] = []
  for (const name of listed.flatMap((names) => names ?? []).toSorted()) {
    const file = join(folder, name)
    const { size } = await stat(file)
    files.push({ name, size, bytes: () => readKept(file, size) })
  }
  return files
}

export function nullIfGone(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
}
