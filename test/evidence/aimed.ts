import {
  type Assertion,
  type Content,
  type Envelope,
  type Previous,
  type Statement,
} from '#contract/envelope.ts'
import { decodeBase64, encodeBase64, encodeBase64Url, tryBase64Url } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { type HeldEnvelope } from '#evidence/place.ts'
import { derOfSignature, signatureOfDer } from '#evidence/p256.ts'

/*
 * Mutants of which one comparison of the verifier is all that stands against them: a change that is found by two shows
 * of neither that it is made. `at` and `which` are any numbers, and are taken by their remainder.
 */

/** The one change of a sealed document by whoever has no key. `other` is a record of the same key. */
export const AIM = {
  'a bit of the signature': ({ integrity }, at) => {
    const [signature] = integrity.seal.signatures
    if (signature) signature.sig = encodeBase64(flipped(decodeBase64(signature.sig), at))
  },
  'the signature of another': ({ integrity }, _at, other) => {
    integrity.seal.signatures = structuredClone(other.integrity.seal.signatures)
  },
  'the statement of another': ({ integrity }, _at, other) => {
    integrity.seal.payload = other.integrity.seal.payload
  },
  'the seal of another': ({ integrity }, _at, other) => {
    integrity.seal = structuredClone(other.integrity.seal)
  },
  'another key’s id': ({ integrity }, at) => {
    const [signature] = integrity.seal.signatures
    if (signature) signature.keyid = anotherDigit(signature.keyid, at)
  },
  'the digest of the document': ({ integrity }, at) => {
    integrity.content_sha256 = anotherDigit(integrity.content_sha256, at)
  },
  'the head': ({ integrity: { hash_chain: chain } }, at) => {
    chain.head = anotherDigit(chain.head, at)
  },
  'an entry of a link': ({ integrity: { hash_chain: chain } }, at) => {
    const link = chain.links[at % chain.links.length]
    if (link) link.entry = anotherDigit(link.entry, at)
  },
  'a link': ({ integrity: { hash_chain: chain } }, at) => {
    const link = chain.links[at % chain.links.length]
    if (link) link.link = anotherDigit(link.link, at)
  },
} as const satisfies Record<string, (copy: Envelope, at: number, other: Envelope) => void>

/** The one member of a Statement that is another than the record's, and signed by the server's own key. */
export const STATEMENT_AIM = {
  'the one before it': ({ predicate }, at) => {
    const another = { evidence_id: 'ev-another', head: anotherDigit('0'.repeat(64), at) }
    predicate.previous = predicate.previous === null ? another : null
  },
  'the run': ({ predicate }) => {
    predicate.run_id += '-x'
  },
  'the count': ({ predicate: { hash_chain: chain } }) => {
    chain.count += 1
  },
  'the head': ({ predicate: { hash_chain: chain } }, at) => {
    chain.head = anotherDigit(chain.head, at)
  },
  'the name': ({ subject: [subject] }) => {
    if (subject) subject.name += '-x'
  },
  'the digest': ({ subject: [subject] }, at) => {
    if (subject) subject.digest.sha256 = anotherDigit(subject.digest.sha256, at)
  },
} as const satisfies Record<string, (copy: Statement, at: number) => void>

/** A record sealed by the server's own key, and the one that a reader holds: it was to follow that. */
type Followed = {
  content: Content
  held: Mutable<HeldEnvelope>
  previous: Mutable<NonNullable<Previous>>
}
type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The one thing by which they are not of one series. */
export const PLACE_AIM = {
  'another head before it': ({ previous }, at) => {
    previous.head = anotherDigit(previous.head, at)
  },
  'another id before it': ({ previous }) => {
    previous.evidence_id += '-x'
  },
  'another number': ({ content: { closing } }, at) => {
    closing.seal_seq += 1 + (at % 9)
  },
  'the number of the one that is held': ({ held, previous }) => {
    held.seal_seq += 1
    previous.evidence_id += '-x'
  },
  'its id': ({ content, held, previous }) => {
    held.evidence_id = content.evidence_id
    held.server = 'another'
    previous.evidence_id += '-x'
  },
  'its run': ({ content, held, previous }) => {
    held.run_id = content.run_id
    held.server = 'another'
    previous.evidence_id += '-x'
  },
  'what it follows': ({ held, previous }) => {
    held.previous = { ...previous, evidence_id: 'ev-before' }
    held.seal_seq += 9
    previous.evidence_id = 'ev-before'
  },
  'followed by it under another head': ({ content, held, previous }, at) => {
    held.previous = { evidence_id: content.evidence_id, head: anotherDigit(held.head, at) }
    held.seal_seq += 9
    previous.evidence_id += '-x'
  },
} as const satisfies Record<string, (both: Followed, at: number) => void>

/** The one change of an assertion by whoever has every key but the passkey. `other` is by it, of another decision. */
export const ASSERTION_AIM = {
  'a bit of the signature': (it, at) => {
    const signature = bytesIn(it.signature)
    const numbers = signatureOfDer(signature)
    const forged = numbers === null ? flipped(signature, at) : derOfSignature(flipped(numbers, at))
    it.signature = encodeBase64Url(forged)
  },
  'the signature of another': (it, _at, other) => {
    it.signature = other.signature
  },
  'another credential': (it, at) => {
    it.credential_id = encodeBase64Url(flipped(bytesIn(it.credential_id), at))
  },
  'another site': (it, at) => {
    it.authenticator_data = withBit(it.authenticator_data, at % 256)
  },
  'flags and counter': (it, at) => {
    it.authenticator_data = withBit(it.authenticator_data, 256 + (at % 40))
  },
  'what the client says': (it, at) => {
    const text = new TextDecoder().decode(bytesIn(it.client_data_json))
    const place = [...text.matchAll(/[a-z0-9](?=[^:]*[,}])/g)].map(({ index }) => index)
    const index = place[at % place.length] ?? 0
    const changed = text.slice(0, index) + (text[index] === 'x' ? 'y' : 'x') + text.slice(index + 1)
    it.client_data_json = encodeBase64Url(utf8(changed))
  },
  'the assertion of another': (it, _at, other) => {
    Object.assign(it, other)
  },
} as const satisfies Record<string, (copy: Assertion, at: number, other: Assertion) => void>

/** The same values in other bytes. */
export const FORM = {
  'white space': (text, at, which) => {
    const tokens = tokensOf(text)
    const space = [' ', '\n', '\t', '\r'][which % 4] ?? ' '
    return tokens.toSpliced(at % (tokens.length + 1), 0, space).join('')
  },
  'a number': (text, at, which) =>
    withToken(text, at, isNumber, (digits) => {
      const zero = digits === '0' ? ['-0', '0e9'] : []
      const forms = [`${digits}.0`, `${digits}e0`, `${digits}E+0`, `${digits}0e-1`, ...zero]
      return forms[which % forms.length] ?? digits
    }),
  'an escape in a text': (text, at, which) =>
    withToken(text, at, isText, (token) => escaped(token, which)),
  'an escape in a key': (text, at, which) =>
    withToken(text, at, isKey, (token) => escaped(token, which)),
  'a member twice': (text, at) => withToken(text, at, isKey, (key) => `${key}:null,${key}`),
  'order of members': (text, at, which) => {
    const document: unknown = JSON.parse(text)
    const objects = objectsIn(document)
    const one = objects[at % objects.length]
    const write = (_key: string, value: unknown) => (value === one ? turned(one, which) : value)
    return JSON.stringify(document, write)
  },
} as const satisfies Record<string, (text: string, at: number, which: number) => string>

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const place = Math.floor(at / 8) % bytes.length
  return bytes.with(place, (bytes[place] ?? 0) ^ (1 << (at % 8)))
}

const withBit = (base64url: string, bit: number): string =>
  encodeBase64Url(flipped(bytesIn(base64url), bit))

function anotherDigit(hex: string, at: number): string {
  const place = at % hex.length
  return `${hex.slice(0, place)}${hex[place] === '0' ? '1' : '0'}${hex.slice(place + 1)}`
}

const bytesIn = (base64url: string): Uint8Array => tryBase64Url(base64url) ?? new Uint8Array()

const tokensOf = (text: string): string[] =>
  text.match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^"{}[\]:,]+/g) ?? []

const isNumber = (token: string) => /^\d/.test(token)
const isText = (token: string, next: string | undefined) => /^"[^"\\]/.test(token) && next !== ':'
const isKey = (token: string, next: string | undefined) => /^"[^"\\]/.test(token) && next === ':'

function withToken(
  text: string,
  at: number,
  isOne: (token: string, next: string | undefined) => boolean,
  write: (token: string) => string,
): string {
  const tokens = tokensOf(text)
  const places = tokens.flatMap((token, index) => (isOne(token, tokens[index + 1]) ? [index] : []))
  const place = places[at % places.length] ?? 0
  return tokens.with(place, write(tokens[place] ?? '')).join('')
}

/** A text with its first character as its number, in small letters or in capitals. */
function escaped(token: string, which: number): string {
  const hex = token.charCodeAt(1).toString(16).padStart(4, '0')
  return String.raw`"\u${which % 2 === 0 ? hex : hex.toUpperCase()}${token.slice(2)}`
}

/** Those that have members enough to stand in another order. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  const inside = Object.values(value).flatMap(objectsIn)
  return Array.isArray(value) || Object.keys(value).length < 2 ? inside : [value, ...inside]
}

function turned(object: object | undefined, which: number): object {
  const members: [string, unknown][] = Object.entries(object ?? {})
  const first = 1 + (which % (members.length - 1))
  return Object.fromEntries([...members.slice(first), ...members.slice(0, first)])
}
