import * as z from 'zod/mini'
import { decodeBase64 } from '#evidence/base64.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { preAuthEncoding, verifyDsse } from '#evidence/dsse.ts'
import { verifyEd25519 } from '#evidence/key.ts'

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
  const { testGroups } = WycheproofVectors.parse(JSON.parse(json))
  const failures: string[] = []
  let cases = 0
  for (const { publicKey, tests } of testGroups) {
    for (const { tcId, comment, msg, sig, result } of tests) {
      cases += 1
      const isValid = await verifyEd25519(
        bytesOfHex(publicKey.pk),
        bytesOfHex(msg),
        bytesOfHex(sig),
      )
      if (isValid !== (result === 'valid')) failures.push(`${tcId} ${comment}: ${result}`)
    }
  }
  return { cases, failures }
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
      publicKey: z.object({ pk: z.string() }),
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

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
