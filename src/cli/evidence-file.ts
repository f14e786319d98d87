import { createReadStream } from 'node:fs'
import { LIMITS } from '#contract/envelope.ts'
import type { Trusted } from '#evidence/trust.ts'
import { MAX_TRUST_BYTES, readTrustFile } from '#evidence/trust-file.ts'
import { wordsOf } from './ask.ts'
import { CommandError } from './command.ts'

/** Exit code where there is nothing to judge. */
export const CANNOT_READ = 2

/** One byte beyond `most` is enough for the verifier to refuse the file, however large it is. */
export async function readEvidence(
  file: string,
  most: number = LIMITS.bytes,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of createReadStream(file, { end: most }))
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
  return { file: read.file, source: 'pinned' }
}
