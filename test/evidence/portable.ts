import * as z from 'zod/mini'
import { TrustFile } from '#contract/trust.ts'
import { decodeBase64 } from '#evidence/base64.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import {
  dsseFailures,
  ed25519Failures,
  es256Failures,
  jcsFailures,
  numberFailures,
  webauthnAnswers,
} from './vectors.ts'

/** What Node and a page in a browser are both given, and must make the same of. */

/** An envelope that a reader holds, as far as these files go. */
export const Held = z.strictObject({
  server: z.string(),
  evidence_id: z.string(),
  head: z.string(),
  seal_seq: z.number(),
  run_id: z.string(),
  starters: z.array(z.string()),
  decisions: z.exactOptional(z.array(z.strictObject({ nonce: z.string(), sha256: z.string() }))),
})

/** Which record a reader asks for. */
export const Asked = z.strictObject({
  run_id: z.exactOptional(z.string()),
  evidence_id: z.exactOptional(z.string()),
})
export type Asked = z.infer<typeof Asked>

export const Input = z.object({
  jcs: z.array(
    z.object({ name: z.string(), input: z.string(), output: z.string(), outhex: z.string() }),
  ),
  numbers: z.string(),
  dsse: z.string(),
  ed25519: z.string(),
  es256: z.string(),
  webauthn: z.string(),
  /** Files in base64, and what their reader brings. */
  files: z.array(
    z.object({
      file: z.string(),
      trust: z.array(TrustFile),
      asked: z.exactOptional(Asked),
      previous: z.exactOptional(z.array(Held)),
    }),
  ),
})
export type Input = z.infer<typeof Input>

export async function tryAll({
  jcs,
  numbers,
  dsse,
  ed25519,
  es256,
  webauthn,
  files,
}: Input): Promise<unknown> {
  const verifications = []
  for (const { file, trust, ...reader } of files) {
    const { verdict, claims, sealed_by, remaining } = await verifyEnvelope(decodeBase64(file), {
      trust: trust.map((pinned) => ({ file: pinned, source: 'pinned' })),
      ...reader,
    })
    verifications.push({ verdict, claims, sealed_by, remaining })
  }
  return {
    jcs: jcsFailures(jcs),
    numbers: numberFailures(numbers),
    dsse: await dsseFailures(dsse),
    ed25519: await ed25519Failures(ed25519),
    es256: await es256Failures(es256),
    webauthn: await webauthnAnswers(webauthn),
    verifications,
  }
}
