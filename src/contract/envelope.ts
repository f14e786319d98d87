import * as z from 'zod/mini'
import {
  Actor,
  Base64,
  Base64Url,
  Count,
  Decimal,
  Id,
  Instant,
  Key,
  PROFILE,
  Sha256,
  Text,
} from './scalar.ts'
import { GATE_OUTCOME, keysOf, OUTCOME, STEP_OUTCOME } from './status.ts'

/*
 * The sealed record of a run, version 1. Closed everywhere: an unknown member is refused. SPEC.md gives every member
 * its meaning and every rule its ID; this file is the same thing for a machine.
 */

/** 16 random bytes in hex: an entry can later be withheld without being guessable. */
const Salt = z.string().check(z.regex(/^[0-9a-f]{32}$/))

/** Relative path inside the root: no empty, `.` or `..` segment, no control character, no backslash. */
export const ArtifactPath = z.string().check(
  z.maxLength(1024),
  // oxlint-disable-next-line no-control-regex -- control characters are what it refuses
  z.regex(/^(?!\/)(?!(?:[^]*\/)?\.{0,2}(?:\/|$))[^\u0000-\u001f\u007f\\]+$/),
)

export const Policy = z.strictObject({
  roles: z.array(z.enum(['approver', 'admin'])),
  users: z.array(Key),
  quorum: z.int().check(z.minimum(1), z.maximum(100)),
  four_eyes: z.boolean(),
  expires_ms: z.nullable(z.int().check(z.positive())),
  sign: z.enum(['session', 'passkey']),
  inputs: z.array(z.strictObject({ name: Key, label: Text, required: z.boolean() })),
})
export type Policy = z.infer<typeof Policy>

export const PlanStep = z.strictObject({
  step_id: Id,
  kind: Key,
  needs: z.array(Id),
  /** A shell step is `["/bin/sh", "-c", script]`. */
  argv: z.array(Text).check(z.minLength(1)),
  cwd: z.string(),
  /** null where the value is declared secret. */
  env: z.record(Key, z.nullable(Text)),
  retries: Count,
  timeout_ms: z.nullable(Count),
  artifacts: z.array(z.string()),
})

const PlanGate = z.strictObject({
  step_id: Id,
  needs: z.array(Id),
  question: Text,
  policy: Policy,
  show: z.array(z.string()),
})

export const Plan = z.strictObject({
  /** As the project names the folder that `cwd` and artifacts stay inside. Records from before it was frozen have none. */
  root: z.optional(Text),
  steps: z.array(PlanStep),
  gates: z.array(PlanGate),
})
export type Plan = z.infer<typeof Plan>
export type PlanStep = z.infer<typeof PlanStep>
export type PlanGate = z.infer<typeof PlanGate>

export const Opening = z.strictObject({
  /** Fingerprint of the sealing key: hex SHA-256 of its 32 raw bytes. */
  server: Sha256,
  kind: z.enum(['pipeline', 'materialize']),
  title: Text,
  definition: z.strictObject({ name: Id, sha256: Sha256 }),
  plan: Plan,
  actor: Actor,
  inputs: z.record(Key, Text),
  started_at: Instant,
  /** The run that this one repeats, and whoever started each run of that lineage, oldest first. */
  rerun_of: z.nullable(z.strictObject({ run_id: Id, starters: z.array(Actor) })),
  source: z.optional(
    z.strictObject({
      commit: z.string().check(z.regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/)),
      dirty: z.boolean(),
    }),
  ),
  runner: z.strictObject({ version: z.string(), isolation: z.enum(['none', 'user']) }),
})
export type Opening = z.infer<typeof Opening>

const Artifact = z.strictObject({ path: ArtifactPath, sha256: Sha256, bytes: Count })
export type Artifact = z.infer<typeof Artifact>

/** One derived cell as a materialize step recorded it. */
export const Cell = z.strictObject({
  table: Id,
  record_id: Text,
  field: Id,
  state: z.enum(['fresh', 'failed']),
  value_sha256: z.nullable(Sha256),
  derivation_sha256: Sha256,
  inputs_sha256: Sha256,
  cost: z.nullable(Decimal),
  error: z.nullable(Text),
})
export type Cell = z.infer<typeof Cell>

export const StepEntry = z.strictObject({
  step_id: Id,
  kind: Key,
  /** Dense from 1 within a step. */
  attempt: z.int().check(z.positive()),
  argv: z.array(Text).check(z.minLength(1)),
  exit_code: z.nullable(z.int().check(z.minimum(0), z.maximum(255))),
  signal: z.nullable(z.string().check(z.regex(/^SIG[A-Z0-9]{2,12}$/))),
  outcome: z.enum(keysOf(STEP_OUTCOME)),
  /** Why, where exit code and signal do not say it: "timed out after 1000 ms", "artifact missing". */
  reason: z.nullable(Text),
  started_at: Instant,
  finished_at: Instant,
  duration_ms: Count,
  log: z.strictObject({
    sha256: Sha256,
    bytes: Count,
    lines: Count,
    truncated: z.boolean(),
    /** SHA-256 of each MiB of the stored log. */
    chunks: z.array(Sha256),
  }),
  artifacts: z.array(Artifact),
  cells: z.optional(z.array(Cell)),
  cells_part: z.optional(z.strictObject({ sha256: Sha256, bytes: Count, count: Count })),
  /** The attempt was not executed here: a rerun took it over from a sealed run. */
  taken_over: z.optional(z.strictObject({ evidence_id: Id, seq: Count, entry: Sha256 })),
  salt: Salt,
})
export type StepEntry = z.infer<typeof StepEntry>

/** What the approver was shown, made when the gate opens. Its digest is `shown_sha256`. */
export const Shown = z.strictObject({
  /** The gate's own. In older envelopes it is not there, and then in nothing that is signed. */
  step_id: z.optional(Id),
  question: Text,
  policy_sha256: Sha256,
  /** Link of the last entry recorded when the gate opened. */
  chain_head_before: Sha256,
  opened_at: Instant,
  expires_at: z.nullable(Instant),
  /** Steps still running when the gate opened. */
  running: z.array(Id),
  /** `opened`: the definition's `show` asks that it be displayed open beside the question. */
  artifacts: z.array(
    z.strictObject({
      step_id: Id,
      attempt: z.int().check(z.positive()),
      path: ArtifactPath,
      sha256: Sha256,
      bytes: Count,
      opened: z.boolean(),
    }),
  ),
  /** Evidence that a shown difference is against. */
  base: z.nullable(z.strictObject({ evidence_id: Id, head: Sha256 })),
})
export type Shown = z.infer<typeof Shown>

/** What a person says of a gate, and the exact document that a passkey signs. */
export const Decision = z.strictObject({
  type: z.literal(`${PROFILE}/gate-decision`),
  evidence_id: Id,
  run_id: Id,
  gate_id: Id,
  question: Text,
  policy_sha256: Sha256,
  decision: z.enum(['approved', 'rejected']),
  comment: Text,
  inputs: z.record(Key, Text),
  /** Actor of the session or token; with a passkey, the id in the trust file. */
  approver: z.union([Actor, Id]),
  chain_head_before: Sha256,
  shown_sha256: Sha256,
  nonce: z.string().check(z.regex(/^[0-9a-f]{32}$/)),
  requested_at: Instant,
  expires_at: z.nullable(Instant),
  /** The approver's clock with a passkey, the server's without. */
  decided_at: Instant,
})
export type Decision = z.infer<typeof Decision>

export const Assertion = z.strictObject({
  credential_id: Base64Url,
  client_data_json: Base64Url,
  authenticator_data: Base64Url,
  signature: Base64Url,
})
export type Assertion = z.infer<typeof Assertion>

export const RecordedDecision = z.strictObject({
  decision: Decision,
  assertion: z.nullable(Assertion),
})
export type RecordedDecision = z.infer<typeof RecordedDecision>

export const GateEntry = z.strictObject({
  gate_id: Id,
  step_id: Id,
  question: Text,
  policy: Policy,
  shown: Shown,
  /** Only people decide. An expiry or an abort is an outcome without a decision of its own. */
  decisions: z.array(RecordedDecision),
  outcome: z.enum(keysOf(GATE_OUTCOME)),
  resolved_at: Instant,
  salt: Salt,
})
export type GateEntry = z.infer<typeof GateEntry>

/** Recomputed by the verifier from the entries. */
export const Counts = z.strictObject({
  /** Distinct step ids with at least one entry. */
  steps: Count,
  /** Step entries. */
  attempts: Count,
  /** Gate entries. */
  gates: Count,
  artifacts: Count,
  log_bytes: Count,
})
export type Counts = z.infer<typeof Counts>

export const Previous = z.nullable(z.strictObject({ evidence_id: Id, head: Sha256 }))
export type Previous = z.infer<typeof Previous>

/** Over the derived cells of a run, or of a step. */
export const Totals = z.strictObject({
  materialized: Count,
  skipped: Count,
  failures: Count,
  total_cost: Decimal,
})
export type Totals = z.infer<typeof Totals>

export const Closing = z.strictObject({
  state: z.literal('Still'),
  outcome: z.enum(keysOf(OUTCOME)),
  /** Present unless the run succeeded. */
  reason: z.optional(Text),
  finished_at: Instant,
  counts: Counts,
  /** Only of runs that materialize. */
  totals: z.optional(Totals),
  seal_seq: z.int().check(z.positive()),
  previous: Previous,
})
export type Closing = z.infer<typeof Closing>

export const LINK_KINDS = ['opening', 'step', 'gate', 'closing'] as const
export const LinkKind = z.enum(LINK_KINDS)
export type LinkKind = z.infer<typeof LinkKind>

export const Link = z.strictObject({ seq: Count, kind: LinkKind, entry: Sha256, link: Sha256 })
export type Link = z.infer<typeof Link>

export const DSSE_PAYLOAD_TYPE = 'application/vnd.in-toto+json'

export const Seal = z.strictObject({
  payloadType: z.literal(DSSE_PAYLOAD_TYPE),
  payload: Base64,
  signatures: z.array(z.strictObject({ keyid: Sha256, sig: Base64 })).check(z.length(1)),
})
export type Seal = z.infer<typeof Seal>

export const Integrity = z.strictObject({
  profile: z.literal(PROFILE),
  hash_chain: z.strictObject({
    algorithm: z.literal('sha-256'),
    canonicalization: z.literal('RFC8785'),
    links: z.array(Link).check(z.minLength(2)),
    count: Count,
    head: Sha256,
  }),
  content_sha256: Sha256,
  seal: Seal,
})
export type Integrity = z.infer<typeof Integrity>

const content = {
  schema: z.literal(PROFILE),
  evidence_id: Id,
  run_id: Id,
  opening: Opening,
  order: z.array(z.enum(['step', 'gate'])),
  execution: z.strictObject({ steps: z.array(StepEntry) }),
  gates: z.array(GateEntry),
  closing: Closing,
}

/** The document without `integrity`: what `content_sha256` is the digest of. */
export const Content = z.strictObject(content)
export type Content = z.infer<typeof Content>

export const Envelope = z.strictObject({ ...content, integrity: Integrity })
export type Envelope = z.infer<typeof Envelope>

/** in-toto Statement v1 with our predicate: the payload of the seal. */
export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1'
export const PREDICATE_TYPE = 'https://runseal.dev/evidence-envelope/seal/v1'
export const Statement = z.strictObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z
    .array(z.strictObject({ name: Id, digest: z.strictObject({ sha256: Sha256 }) }))
    .check(z.length(1)),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.strictObject({
    profile: z.literal(PROFILE),
    run_id: Id,
    hash_chain: z.strictObject({ count: Count, head: Sha256 }),
    previous: Previous,
    sealed_at: Instant,
  }),
})
export type Statement = z.infer<typeof Statement>

/**
 * The verifier's default limits. The server enforces the same while it records, so that a run cannot deny its own
 * evidence. `bytes` of the file; `depth` of nesting; counts of array members.
 */
export const LIMITS = {
  bytes: 256 * 1024 * 1024,
  depth: 64,
  entries: 1_000_000,
  artifactsPerStep: 10_000,
  textBytes: 65_536,
} as const
export type Limits = { readonly [K in keyof typeof LIMITS]: number }

/** No list of a record is longer than its links can be: one for each entry, for the opening and for the closing. */
export const mostInAList = ({ entries }: Limits): number => Math.max(entries, LIMITS.entries) + 2
