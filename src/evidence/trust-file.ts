import { parseToFirstFault } from '#contract/parse.ts'
import { JsonFault, strictJson } from '#contract/strict-json.ts'
import { TrustFile } from '#contract/trust.ts'
import { trustFault } from './trust.ts'

/** A trust file, or why it is none, in words that end a sentence. */
export type ReadTrust =
  | { readonly ok: true; readonly file: TrustFile }
  | { readonly ok: false; readonly why: string }

export const MAX_TRUST_BYTES = 4 * 1024 * 1024
/** Deeper than any member of it is. */
const MAX_DEPTH = 16

/** No server has had so many, and each one that is not known is a question to who reads the offer. */
export const MOST_OFFERED = 100

/**
 * The one way that a trust file is read, wherever a reader has it from [V17]. It is no canonical file, since people
 * write it: but a member twice would be one thing to who looks at it and another to who reads it. One fault refuses the
 * whole: half a trust file would be another one.
 */
export const readTrustFile = (bytes: Uint8Array): ReadTrust => readAs(bytes, fileIn)

/** What a server says of itself (`GET /api/trust`), in the same way. It requires nothing of a reader, whatever it says. */
export const readOffer = (bytes: Uint8Array): ReadTrust =>
  readAs(bytes, (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fileIn(value)
    const keys = 'server_keys' in value ? value.server_keys : null
    return Array.isArray(keys) && keys.length > MOST_OFFERED
      ? refused(
          `it offers ${keys.length.toLocaleString('en')} server keys, and no more than ${MOST_OFFERED} are taken`,
        )
      : fileIn({ ...value, schema: 'runseal/trust/1', required: [] })
  })

function readAs(bytes: Uint8Array, read: (value: unknown) => ReadTrust): ReadTrust {
  if (bytes.length > MAX_TRUST_BYTES) return refused('it is too long to be a trust file')
  const json = jsonOf(bytes)
  return 'why' in json ? refused(`it ${json.why}`) : read(json.value)
}

function fileIn(value: unknown): ReadTrust {
  const parsed = parseToFirstFault(TrustFile, value)
  if (!parsed.ok) {
    const { at, message } = parsed.error
    return refused(`${at === '' ? 'it' : `its member ${at}`} does not fit: ${message}`)
  }
  const fault = trustFault(parsed.value)
  return fault === null ? { ok: true, file: parsed.value } : refused(fault)
}

function jsonOf(bytes: Uint8Array): { value: unknown } | { why: string } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    // Said by itself: who looks at the file does not see it.
    if (text.startsWith('\ufeff')) return { why: 'begins with a byte order mark' }
    return { value: strictJson(text, MAX_DEPTH) }
  } catch (fault) {
    if (fault instanceof JsonFault) return { why: fault.message }
    if (fault instanceof TypeError) return { why: 'is not UTF-8' }
    throw fault
  }
}

const refused = (why: string): ReadTrust => ({ ok: false, why })
