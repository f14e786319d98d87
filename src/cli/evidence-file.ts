import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { LIMITS } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { TrustFile } from '#contract/trust.ts'
import type { Trusted } from '#evidence/trust.ts'
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

/** Named by the reader, who vouches for it. */
export async function readTrust(file: string): Promise<Trusted> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandError(wordsOf(error), CANNOT_READ, { cause: error })
  })
  const parsed = parseJson(TrustFile, text)
  if (!parsed.ok)
    throw new CommandError(
      `${file} is no trust file: ${parsed.error.at} ${parsed.error.message}`,
      CANNOT_READ,
    )
  return { file: parsed.value, source: 'pinned' }
}
