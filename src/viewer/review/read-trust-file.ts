import { parseJson } from '#contract/parse.ts'
import { MAX_TRUST_BYTES, readTrustFile, type ReadTrust } from '#evidence/trust-file.ts'
import * as z from 'zod/mini'

const LOOK_BYTES = 64 * 1024

/** One byte beyond the limit is enough to be refused. */
export async function readTrustOf(file: Blob): Promise<ReadTrust> {
  return readTrustFile(new Uint8Array(await file.slice(0, MAX_TRUST_BYTES + 1).arrayBuffer()))
}

/** Is it meant to be a trust file? By its own word, so that a bad one is refused as what it is. */
export async function isTrustFile(file: File): Promise<boolean> {
  if (file.size <= MAX_TRUST_BYTES) {
    const said = parseJson(z.looseObject({ schema: z.string() }), await file.text())
    if (said.ok) return said.value.schema.startsWith('runseal/trust/')
  }
  // No JSON, or a large file, for which an envelope must not wait: by how it begins, where only a member of its own
  // can be. What an envelope quotes of a trust file does not make it one.
  return /^\s*\{\s*"schema"\s*:\s*"runseal\/trust\//.test(await file.slice(0, LOOK_BYTES).text())
}
