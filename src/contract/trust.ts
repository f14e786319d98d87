import * as z from 'zod/mini'
import { Base64, Base64Url, Id, Key, Sha256, Text } from './scalar.ts'
import { keysOf, ROLE } from './status.ts'

/*
 * What a reader trusts, kept outside the server that it is about. The same shape is what a server offers
 * (`GET /api/trust`, `runseal trust export`): offered is never proof of itself.
 */

/** `retired` and `revoked` keys count only up to and including `last_seal_seq`. */
const validity = {
  status: z.enum(['active', 'retired', 'revoked']),
  last_seal_seq: z.nullable(z.int().check(z.nonnegative())),
}

export const ServerKey = z.strictObject({
  /** Hex SHA-256 of the raw public key. */
  key_id: Sha256,
  alg: z.literal('Ed25519'),
  /** The 32 raw bytes in base64. */
  public_key: Base64,
  name: z.optional(Text),
  ...validity,
})
export type ServerKey = z.infer<typeof ServerKey>

export const TrustedApprover = z.strictObject({
  id: Id,
  name: Text,
  /** Who that is among the server's people: four eyes are counted by it. Absent: not known. */
  user: z.optional(Key),
  rp_id: z.string(),
  origins: z.array(z.string()).check(z.minLength(1)),
  credential_id: Base64Url,
  /** SPKI in base64. */
  public_key: Base64,
  alg: z.enum(['ES256', 'EdDSA']),
  /** null: any. */
  may: z.strictObject({ definitions: z.nullable(z.array(Id)), gates: z.nullable(z.array(Id)) }),
  ...validity,
})
export type TrustedApprover = z.infer<typeof TrustedApprover>

const RequiredGate = z.strictObject({
  step_id: Id,
  quorum: z.int().check(z.minimum(1), z.maximum(100)),
  four_eyes: z.boolean(),
  sign: z.enum(['session', 'passkey']),
  /** null: not pinned. */
  question: z.nullable(Text),
  roles: z.nullable(z.array(z.enum(keysOf(ROLE)))),
})

export const RequiredDefinition = z.strictObject({
  name: Id,
  /** Digest of the definition; null where any version will do. */
  sha256: z.nullable(Sha256),
  gates: z.array(RequiredGate),
})
export type RequiredDefinition = z.infer<typeof RequiredDefinition>

export const TrustFile = z.strictObject({
  schema: z.literal('runseal/trust/1'),
  server_keys: z.array(ServerKey),
  approvers: z.array(TrustedApprover),
  required: z.array(RequiredDefinition),
})
export type TrustFile = z.infer<typeof TrustFile>

/** Where the reader has a key from; decides the wording and whether a signature can be *proven* by it. */
export const TRUST_SOURCE = {
  pinned: { proves: true, label: 'a key you pinned' },
  first_seen: { proves: false, label: 'first seen on this device' },
  offered: { proves: false, label: 'offered by this server: proves nothing about the server' },
} as const satisfies Record<string, { proves: boolean; label: string }>
export type TrustSource = keyof typeof TRUST_SOURCE
