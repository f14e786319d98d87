import { parseJson } from '#contract/parse.ts'
import { TrustFile } from '#contract/trust.ts'
import { trustFault } from '#evidence/trust.ts'
import * as z from 'zod/mini'

/** A trust file, or why it is none, in words that end a sentence. */
export type ReadTrust = { ok: true; file: TrustFile } | { ok: false; why: string }

const MAX_BYTES = 4 * 1024 * 1024
const LOOK_BYTES = 64 * 1024

/** One fault refuses the whole of it [V17]: half a trust file would be another one. */
export async function readTrustFile(file: File): Promise<ReadTrust> {
  if (file.size > MAX_BYTES) return { ok: false, why: 'it is too long to be a trust file' }
  const parsed = parseJson(TrustFile, await file.text())
  if (!parsed.ok) {
    const { at, message } = parsed.error
    return {
      ok: false,
      why: at === '' ? `it ${message}` : `its member ${at} does not fit: ${message}`,
    }
  }
  const fault = trustFault(parsed.value)
  return fault === null ? { ok: true, file: parsed.value } : { ok: false, why: fault }
}

/** Is it meant to be a trust file? By its own word, so that a bad one is refused as what it is. */
export async function isTrustFile(file: File): Promise<boolean> {
  if (file.size <= MAX_BYTES) {
    const said = parseJson(z.looseObject({ schema: z.string() }), await file.text())
    if (said.ok) return said.value.schema.startsWith('runseal/trust/')
  }
  // No JSON, or a large file, for which an envelope must not wait: by how it begins, where only a member of its own
  // can be. What an envelope quotes of a trust file does not make it one.
  return /^\s*\{\s*"schema"\s*:\s*"runseal\/trust\//.test(await file.slice(0, LOOK_BYTES).text())
}
