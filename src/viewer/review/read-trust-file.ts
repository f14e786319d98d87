import { parseJson } from '#contract/parse.ts'
import { TrustFile } from '#contract/trust.ts'
import { trustFault } from '#evidence/trust.ts'

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
  // A large file is looked at where it begins and ends: it is refused in any case, and an envelope must not wait for it.
  const look =
    file.size <= MAX_BYTES ? file : new Blob([file.slice(0, LOOK_BYTES), file.slice(-LOOK_BYTES)])
  return /"schema"\s*:\s*"runseal\/trust\//.test(await look.text())
}
