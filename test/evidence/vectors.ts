import * as z from 'zod/mini'
import { type Assertion } from '#contract/envelope.ts'
import { type TrustedApprover } from '#contract/trust.ts'
import { assertionFault, signatureFault } from '#evidence/approval.ts'
import { decodeBase64, encodeBase64, encodeBase64Url } from '#evidence/base64.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { preAuthEncoding, verifyDsse } from '#evidence/dsse.ts'
import { verifyEd25519 } from '#evidence/key.ts'
import { derOfSignature, signatureOfDer, verifyEs256 } from '#evidence/p256.ts'
import { ED25519_SPKI, P256_SPKI } from '#evidence/spki.ts'

/*
 * Vectors that nobody on this project wrote, through the code that ships. Pure, so that Node and a page in a browser
 * run the same: each takes the text of the vectors and answers a line for each case that comes out wrong.
 */

/** RFC 8785: `input` is JSON, `output` its canonical text, `outhex` the bytes of that. */
export function jcsFailures(
  cases: readonly { name: string; input: string; output: string; outhex: string }[],
): Failures {
  const failures = cases.flatMap(({ name, input, output, outhex }) => {
    const text = canonicalize(JSON.parse(input))
    const isRight = text === output.trimEnd() && hexOf(utf8(text)) === outhex.replaceAll(/\s/g, '')
    return isRight ? [] : [`${name}: ${text}`]
  })
  return { cases: cases.length, failures }
}

/** Lines of `<ieee754 hex>,<expected text>`. */
export function numberFailures(lines: string): Failures {
  const cases = lines.split('\n').filter((line) => line !== '')
  const failures = cases.filter((line) => {
    const [hex = '', expected = ''] = line.split(',')
    const view = new DataView(new ArrayBuffer(8))
    view.setBigUint64(0, BigInt(`0x${hex}`))
    return canonicalize(view.getFloat64(0)) !== expected
  })
  return { cases: cases.length, failures }
}

export async function dsseFailures(json: string): Promise<Failures> {
  const { keys, vectors } = DsseVectors.parse(JSON.parse(json))
  const failures: string[] = []
  for (const {
    id,
    envelope,
    trustedKeys,
    threshold,
    supportedPayloadTypes,
    pae,
    expect,
  } of vectors) {
    const result = await verifyDsse(envelope, {
      keys: trustedKeys.map((key_id) => ({
        key_id,
        public_key: bytesOfHex(keys[key_id]?.public ?? ''),
      })),
      threshold,
      payloadTypes: supportedPayloadTypes,
    })
    if (result.ok !== (expect === 'accept')) failures.push(`${id}: ${JSON.stringify(result)}`)
    // A vector to be rejected has the PAE that was signed, not the one of its envelope.
    if (expect === 'reject') continue
    const payload = decodeBase64(envelope.payload.replaceAll('-', '+').replaceAll('_', '/'))
    if (hexOf(preAuthEncoding(envelope.payloadType, payload)) !== pae)
      failures.push(`${id}: another PAE`)
  }
  return { cases: vectors.length, failures }
}

export async function ed25519Failures(json: string): Promise<Failures> {
  const failures: string[] = []
  const cases = signatureCases(json)
  for (const { name, key, message, signature, isValid } of cases) {
    if ((await verifyEd25519(key, message, signature)) !== isValid) failures.push(name)
  }
  return { cases: cases.length, failures }
}

/** Wycheproof, through the point and the two numbers and through the DER that they are written as. */
export async function es256Failures(json: string): Promise<Failures> {
  const failures: string[] = []
  const cases = signatureCases(json)
  for (const { name, key, message, signature, isValid } of cases) {
    if ((await verifyEs256(key, message, signature)) !== isValid) failures.push(name)
    if (!isValid) continue
    const again = signatureOfDer(derOfSignature(signature))
    if (again === null || hexOf(again) !== hexOf(signature)) failures.push(`${name}, by DER`)
  }
  return { cases: cases.length, failures }
}

export type SignatureCase = {
  readonly name: string
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Of Wycheproof: Ed25519 keys as 32 bytes, those of P-256 as an uncompressed point. */
export function signatureCases(json: string): (SignatureCase & { readonly isValid: boolean })[] {
  return WycheproofVectors.parse(JSON.parse(json)).testGroups.flatMap(({ publicKey, tests }) =>
    tests.map(({ tcId, comment, msg, sig, result }) => ({
      name: `${tcId} ${comment}: ${result}`,
      key: bytesOfHex('pk' in publicKey ? publicKey.pk : publicKey.uncompressed),
      message: bytesOfHex(msg),
      signature: bytesOfHex(sig),
      isValid: result === 'valid',
    })),
  )
}

/** What the assertions of the WebAuthn text are as approvals: each is signed rightly, and policy refuses all but one. */
export async function webauthnAnswers(json: string): Promise<Record<string, string>> {
  const answers: Record<string, string> = {}
  for (const { section, assertion, challenge, approver } of webauthnCases(json)) {
    const fault = await assertionFault(assertion, challenge, approver)
    const signature = await signatureFault(approver, assertion)
    answers[section] = `${signature?.code ?? 'signed'}, ${fault?.code ?? 'approved'}`
  }
  return answers
}

/** Each assertion of the WebAuthn text, and its passkey as a reader would have pinned it. */
export function webauthnCases(json: string): {
  section: string
  assertion: Assertion
  challenge: string
  approver: TrustedApprover
}[] {
  const { rpId, vectors } = WebauthnVectors.parse(JSON.parse(json))
  return vectors.map(({ section, origin, authentication, credentialPublicKeyCose: cose }) => {
    const credential_id = encodeBase64Url(utf8(section))
    return {
      section,
      assertion: {
        credential_id,
        client_data_json: encodeBase64Url(bytesOfHex(authentication.clientDataJSON)),
        authenticator_data: encodeBase64Url(bytesOfHex(authentication.authenticatorData)),
        signature: encodeBase64Url(bytesOfHex(authentication.signature)),
      },
      challenge: encodeBase64Url(bytesOfHex(authentication.challenge)),
      approver: {
        id: 'ann',
        name: 'Ann',
        rp_id: rpId,
        origins: [origin],
        credential_id,
        ...spkiOfCose(bytesOfHex(cose)),
        may: { definitions: null, gates: null },
        status: 'active',
        last_seal_seq: null,
      },
    }
  })
}

/** No user was verified in 16.2, 16.3 and 16.11; 16.4 and 16.5 were made within a page of another site. */
export const WEBAUTHN_ANSWERS = {
  '16.2': 'signed, user-not-verified',
  '16.3': 'signed, user-not-verified',
  '16.4': 'signed, origin-refused',
  '16.5': 'signed, origin-refused',
  '16.6': 'signed, approved',
  '16.11': 'signed, user-not-verified',
} as const

// The COSE keys of these vectors have their members in one order: x and y, or x, stand where they always stand.
function spkiOfCose(cose: Uint8Array): { public_key: string; alg: 'ES256' | 'EdDSA' } {
  const [x, y] = [cose.subarray(10, 42), cose.subarray(45, 77)]
  return y.length > 0
    ? { alg: 'ES256', public_key: encodeBase64(Uint8Array.from([...P256_SPKI, 4, ...x, ...y])) }
    : { alg: 'EdDSA', public_key: encodeBase64(Uint8Array.from([...ED25519_SPKI, ...x])) }
}

export type Failures = { cases: number; failures: string[] }

const DsseVectors = z.object({
  keys: z.record(z.string(), z.object({ public: z.string() })),
  vectors: z.array(
    z.object({
      id: z.string(),
      envelope: z.object({
        payloadType: z.string(),
        payload: z.string(),
        signatures: z.array(z.object({ keyid: z.exactOptional(z.string()), sig: z.string() })),
      }),
      trustedKeys: z.array(z.string()),
      threshold: z.int(),
      supportedPayloadTypes: z.array(z.string()),
      pae: z.string(),
      expect: z.enum(['accept', 'reject']),
    }),
  ),
})

const WycheproofVectors = z.object({
  testGroups: z.array(
    z.object({
      publicKey: z.union([z.object({ pk: z.string() }), z.object({ uncompressed: z.string() })]),
      tests: z.array(
        z.object({
          tcId: z.int(),
          comment: z.string(),
          msg: z.string(),
          sig: z.string(),
          result: z.enum(['valid', 'invalid']),
        }),
      ),
    }),
  ),
})

const WebauthnVectors = z.object({
  rpId: z.string(),
  vectors: z.array(
    z.object({
      section: z.string(),
      origin: z.string(),
      credentialPublicKeyCose: z.string(),
      authentication: z.object({
        challenge: z.string(),
        authenticatorData: z.string(),
        clientDataJSON: z.string(),
        signature: z.string(),
      }),
    }),
  ),
})

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
