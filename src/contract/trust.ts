import * as z from 'zod/mini'
import { Policy } from './envelope.ts'
import { Base64, Base64Url, Count, Id, Key, Sha256, Text } from './scalar.ts'
import { keysOf, ROLE } from './status.ts'

/*
 * What a reader trusts, kept outside the server that it is about. The same shape is what a server offers
 * (`GET /api/trust`, `runseal trust export`): offered is never proof of itself.
 */

/** `retired` and `revoked` keys count only up to and including `last_seal_seq`; an `active` one has null. */
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

/** What is absent or null is not pinned. */
const RequiredGate = z.strictObject({
  step_id: Id,
  quorum: z.int().check(z.minimum(1), z.maximum(100)),
  four_eyes: z.boolean(),
  sign: z.enum(['session', 'passkey']),
  question: z.nullable(Text),
  /** Roles that the policy may admit. Where `users` is not pinned, it may then name nobody. */
  roles: z.nullable(z.array(z.enum(keysOf(ROLE)))),
  /** People whom the policy may name. */
  users: z.optional(z.nullable(z.array(Key))),
  /** The longest term that the policy may give. */
  expires_ms: z.optional(Policy.shape.expires_ms),
  /** What the policy has to ask the approver for. */
  inputs: z.optional(z.nullable(Policy.shape.inputs)),
})
export type RequiredGate = z.infer<typeof RequiredGate>

/**
 * The plan of a run of which only the inputs may be others. `sha256` is the digest of the plan without its questions,
 * which are pinned with their gates, and without the elements of `inputs`: each of those is the value of that input in
 * whichever run it is; of one of them, where an element is there more than once.
 */
const RequiredPlan = z.strictObject({
  sha256: Sha256,
  /** Absent: not pinned. */
  kind: z.optional(z.enum(['pipeline', 'materialize'])),
  inputs: z.array(z.strictObject({ step_id: Id, element: Count, input: Key })),
  /** The inputs that a run has, each of which its commands can read; absent: not pinned. */
  input_names: z.optional(z.array(Key)),
})
export type RequiredPlan = z.infer<typeof RequiredPlan>

export const RequiredDefinition = z.strictObject({
  name: Id,
  /** Digest of the definition; null where any version will do. */
  sha256: z.nullable(Sha256),
  /** The digest of a definition is the server's word: this is what can be recomputed from a record. */
  plan: z.optional(z.nullable(RequiredPlan)),
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
