import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'

// The CSP forbids eval; zod must not probe for it, in the browser or anywhere else. `mini` has no messages of its own.
z.config({ ...en(), jitless: true })

/** The one profile. Every digest and signature of an envelope is under it. */
export const PROFILE = 'runseal/evidence-envelope/1'

const DAY = [
  String.raw`\d{4}-(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])`,
  String.raw`\d{4}-(?:0[469]|11)-(?:0[1-9]|[12]\d|30)`,
  String.raw`\d{4}-02-(?:0[1-9]|1\d|2[0-8])`,
  // A leap day: of a year that 4 divides and 100 does not, or that 400 divides.
  String.raw`(?:\d\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29`,
].join('|')

/**
 * UTC instant with milliseconds, as everything of ours writes it: `2026-11-12T09:30:00.000Z`. Of a day that there is:
 * another one would be one day to who reads it and another to who counts with it.
 */
export const Instant = z
  .string()
  .check(z.regex(new RegExp(String.raw`^(?:${DAY})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$`)))
export type Instant = z.infer<typeof Instant>

/** Lowercase hex SHA-256. */
export const Sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))
export type Sha256 = z.infer<typeof Sha256>

/** Run, evidence, gate and step ids, and names of definitions. */
export const Id = z.string().check(z.regex(/^[A-Za-z0-9_.-]{1,128}$/))

/**
 * Key of a free map. No character of it is ever escaped in JSON: an escape in a key is refused on the bytes
 * (nodejs/node#63785). `__proto__` is no key: assigning it in an object changes the prototype instead.
 */
export const Key = z.string().check(z.regex(/^(?!__proto__$)[A-Za-z0-9_.-]{1,128}$/))

/** `user:NAME`, `token:ID` or `system`. */
export const Actor = z.string().check(z.regex(/^(user:|token:|system$)[A-Za-z0-9_.@-]{0,128}$/))

/** Non-negative safe integer. */
export const Count = z.int().check(z.nonnegative())

/** Money as a decimal string, never a float. */
export const Decimal = z.string().check(z.regex(/^-?(0|[1-9]\d{0,30})(\.\d{1,18})?$/))

/** Text of a person or a run: any characters, so it is shown only through the one component that defuses them. */
export const Text = z.string().check(z.maxLength(65_536))

/** Strict, padded base64; the decoder in evidence refuses non-canonical tails too. */
export const Base64 = z
  .string()
  .check(z.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/))

/** Strict, unpadded base64url. */
export const Base64Url = z.string().check(z.regex(/^[A-Za-z0-9_-]*$/))
