import { bytesToHex } from '@noble/hashes/utils.js'
import { type Assertion, type Decision } from '#contract/envelope.ts'
import { type TrustedApprover } from '#contract/trust.ts'
import { encodeBase64Url, tryBase64Url } from './base64.ts'
import { canonicalize } from './canonical.ts'
import { counted, fewOf } from './counted.ts'
import { sha256Bytes } from './digest.ts'
import { isEd25519Signature, verifyEd25519 } from './key.ts'
import { isEs256Signature, signatureOfDer, verifyEs256 } from './p256.ts'
import { decodeSpki, type PublicKey } from './spki.ts'

/** The challenge that a passkey signs to say this decision and nothing else, as a client writes it. */
export function challengeOf(decision: Decision): string {
  return encodeBase64Url(sha256Bytes(canonicalize(decision)))
}

/** Why an assertion is no signature of a decision. `member` is the one of the assertion, '' for the whole of it. */
export type AssertionFault = {
  readonly code:
    | 'assertion-unreadable'
    | 'assertion-unbound'
    | 'origin-refused'
    | 'user-not-verified'
    | 'credential-differs'
    | 'decision-signature-wrong'
  readonly member: keyof Assertion | ''
  readonly message: string
  /** Where two things were compared. What is of the assertion may be any text. */
  readonly expected?: string
  readonly actual?: string
  /** It has not the one form that such a thing is written in: whoever reads it in another way may find all in order. */
  readonly isMisformed?: true
}

/**
 * Did the passkey of this approver sign this challenge, where and how a decision is to be signed? Without an approver
 * it is asked whether anybody's could have: a signature of something else is none by whoever's key.
 */
export async function assertionFault(
  assertion: Assertion,
  challenge: string,
  approver: TrustedApprover | null,
): Promise<AssertionFault | null> {
  const parts = decoded(assertion)
  if (parts === null)
    return {
      code: 'assertion-unreadable',
      member: '',
      message: 'is not strict base64url, or of no passkey',
      isMisformed: true,
    }
  const { clientData, authenticatorData } = parts
  const client = readClientData(clientData)
  return (
    clientFault(client, challenge) ??
    authenticatorFault(authenticatorData) ??
    (approver === null
      ? nobodysFault(parts)
      : (pinFault(assertion, client, authenticatorData, approver) ??
        (await signatureFault(approver, assertion))))
  )
}

/**
 * The bytes that were signed have one reading: read once, and refused where writing it again comes to other bytes
 * (a member twice, a key with an escape, white space). `\/` is let through, as old Android clients write it.
 */
function readClientData(bytes: Uint8Array): object | null {
  // So long that no depth in it is too deep for one engine and not for another.
  if (bytes.length > MAX_CLIENT_DATA) return null
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject && JSON.stringify(value) === text.replaceAll(String.raw`\/`, '/') ? value : null
  } catch {
    // No UTF-8, or no JSON.
    return null
  }
}

const MAX_CLIENT_DATA = 4096

function clientFault(client: object | null, challenge: string): AssertionFault | null {
  const member = 'client_data_json'
  if (client === null)
    return {
      code: 'assertion-unreadable',
      member,
      message: 'has client data of no one reading',
      isMisformed: true,
    }
  if (memberOf(client, 'type') !== 'webauthn.get')
    return {
      code: 'assertion-unbound',
      member,
      message: 'is no assertion of a passkey',
      expected: 'webauthn.get',
      actual: textOf(memberOf(client, 'type')),
    }
  if (memberOf(client, 'challenge') !== challenge)
    return {
      code: 'assertion-unbound',
      member,
      message: 'is about something else',
      expected: challenge,
      actual: textOf(memberOf(client, 'challenge')),
    }
  const crossOrigin = memberOf(client, 'crossOrigin')
  // In a frame of another site the person does not see whose question it is.
  if ((crossOrigin !== undefined && crossOrigin !== false) || Object.hasOwn(client, 'topOrigin'))
    return {
      code: 'origin-refused',
      member,
      message: 'was made within a page of another site',
      expected: 'no crossOrigin and no topOrigin',
      actual: `crossOrigin ${textOf(crossOrigin)}, topOrigin ${textOf(memberOf(client, 'topOrigin'))}`,
    }
  return null
}

const textOf = (value: unknown): string => {
  if (value === undefined) return 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function memberOf(object: object, name: string): unknown {
  const members: [string, unknown][] = Object.entries(object)
  return members.find(([key]) => key === name)?.[1]
}

// rpIdHash, flags, counter. Extensions are never asked for, and what nobody asked for is not read but refused: so no
// length inside is taken on trust, and the data is of one length.
function authenticatorFault(data: Uint8Array): AssertionFault | null {
  const member = 'authenticator_data'
  const flags = data[32] ?? 0
  const isBackedUpOnly = (flags & FLAG.backedUp) !== 0 && (flags & FLAG.mayBackUp) === 0
  if (data.length !== 37 || (flags & (FLAG.attested | FLAG.extensions)) !== 0 || isBackedUpOnly)
    return {
      code: 'assertion-unreadable',
      member,
      message: 'has authenticator data of no assertion',
      expected: '37 bytes, without attested key and extensions',
      actual: `${counted(data.length, 'byte')}, flags ${flags.toString(2).padStart(8, '0')}`,
      isMisformed: true,
    }
  if ((flags & FLAG.present) === 0 || (flags & FLAG.verified) === 0)
    return {
      code: 'user-not-verified',
      member,
      message: 'was made without the person being verified',
      expected: 'user present, user verified',
      actual: `${(flags & FLAG.present) === 0 ? 'not present' : 'present'}, ${(flags & FLAG.verified) === 0 ? 'not verified' : 'verified'}`,
    }
  return null
}

const FLAG = {
  present: 0x01,
  verified: 0x04,
  mayBackUp: 0x08,
  backedUp: 0x10,
  attested: 0x40,
  extensions: 0x80,
} as const

/** A signature that no key can have made is none by whoever's. */
function nobodysFault({ signature }: Parts): AssertionFault | null {
  const numbers = signatureOfDer(signature)
  const isOne = (numbers !== null && isEs256Signature(numbers)) || isEd25519Signature(signature)
  return isOne
    ? null
    : {
        code: 'decision-signature-wrong',
        member: 'signature',
        message: 'is none that any key can have made',
      }
}

function pinFault(
  { credential_id }: Assertion,
  client: object | null,
  authenticatorData: Uint8Array,
  approver: TrustedApprover,
): AssertionFault | null {
  if (credential_id !== approver.credential_id)
    return {
      code: 'credential-differs',
      member: 'credential_id',
      message: 'is of another passkey than the one that you pinned',
      expected: approver.credential_id,
      actual: credential_id,
    }
  const origin = client && memberOf(client, 'origin')
  if (!approver.origins.some((pinned) => pinned === origin))
    return {
      code: 'origin-refused',
      member: 'client_data_json',
      message: 'was made at an origin that you did not pin',
      expected: fewOf(approver.origins),
      actual: textOf(origin),
    }
  const rpIdHash = sha256Bytes(approver.rp_id)
  if (!rpIdHash.every((byte, index) => authenticatorData[index] === byte))
    return {
      code: 'origin-refused',
      member: 'authenticator_data',
      message: 'was made for another site than the one that you pinned',
      expected: bytesToHex(rpIdHash),
      actual: bytesToHex(authenticatorData.subarray(0, 32)),
    }
  return null
}

/** The signature alone: of this key, over these bytes, whatever they say. */
export async function signatureFault(
  { public_key, alg }: TrustedApprover,
  assertion: Assertion,
): Promise<AssertionFault | null> {
  const key = decodeSpki(public_key)
  const parts = decoded(assertion)
  if (key?.alg === alg && parts !== null && (await isSigned(key, parts))) return null
  const wrong = { code: 'decision-signature-wrong', member: 'signature' } as const
  return alg === 'ES256' && parts !== null && signatureOfDer(parts.signature) === null
    ? { ...wrong, message: 'is not written as one: it is not strict DER', isMisformed: true }
    : { ...wrong, message: 'is not signed by the key that you pinned' }
}

/** What the signature is over, for who looks at it; null where it cannot be read. */
export function signedParts(
  assertion: Assertion,
): { readonly clientData: Uint8Array; readonly signed: Uint8Array } | null {
  const parts = decoded(assertion)
  return parts && { clientData: parts.clientData, signed: signedIn(parts) }
}

const signedIn = ({ authenticatorData, clientData }: Parts): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([...authenticatorData, ...sha256Bytes(clientData)])

type Parts = { readonly [K in 'clientData' | 'authenticatorData' | 'signature']: Uint8Array }

function decoded(assertion: Assertion): Parts | null {
  const clientData = tryBase64Url(assertion.client_data_json)
  const authenticatorData = tryBase64Url(assertion.authenticator_data)
  const signature = tryBase64Url(assertion.signature)
  const credential = tryBase64Url(assertion.credential_id)
  return clientData && authenticatorData && signature && credential && credential.length > 0
    ? { clientData, authenticatorData, signature }
    : null
}

async function isSigned({ alg, raw }: PublicKey, parts: Parts): Promise<boolean> {
  const { signature } = parts
  const message = signedIn(parts)
  switch (alg) {
    case 'EdDSA':
      return verifyEd25519(raw, message, signature)
    case 'ES256': {
      const numbers = signatureOfDer(signature)
      return numbers !== null && verifyEs256(raw, message, numbers)
    }
  }
}
