import * as z from 'zod/mini'
import { Decision, RecordedDecision, Shown } from './envelope.ts'
import {
  AddUser,
  ChangeUser,
  JournalEntry,
  LinkMade,
  MakeToken,
  Person,
  SessionResource,
  SessionsEnded,
  TokenMade,
  TokenResource,
} from './people.ts'
import {
  CellName,
  CellVersion,
  FieldStatus,
  Lineage,
  Materialize,
  MaterializeAnswer,
  MaterializePreview,
  Provenance,
  RecordPage,
  TableWait,
  TableRecord,
  Table,
} from './provenance.ts'
import { Gate, RunResource, RunSummary } from './run.ts'
import { Count, Id, Key, Sha256, Text } from './scalar.ts'
import { CELL_STATE, keysOf, OUTCOME, ROLE, RUN_STATUS, type Permission } from './status.ts'
import { ServerKey, TrustedApprover } from './trust.ts'

/*
 * Every endpoint of the companion: one row each. The router, the client, the role table of the tests and
 * GET /api/openapi.json are made from these rows.
 */

const page = <T extends z.ZodMiniType>(item: T) =>
  z.object({ items: z.array(item), next_cursor: z.nullable(z.string()) })

const Paging = {
  cursor: z.optional(z.string().check(z.maxLength(512))),
  /** 1 to 200, default 50. */
  limit: z.optional(z.string().check(z.regex(/^([1-9]|[1-9]\d|1\d\d|200)$/))),
}

export const Status = z.object({
  server: z.object({
    version: z.string(),
    project: z.string(),
    started_at: z.string(),
    now: z.string(),
    /** Fingerprint of the sealing key. */
    key_id: Sha256,
    isolation: z.enum(['none', 'user']),
    reads: z.enum(['open', 'signed_in']),
    /** A proxy before this server lies on purpose: its seed, how many lies it told, and whether it goes on. */
    chaos: z.nullable(z.object({ seed: Count, told: Count, lying: z.boolean() })),
  }),
  /** Id of the last frame; the epoch changes with every server start. */
  stream: z.object({
    position: z.string(),
    /** Open streams. */
    subscribers: Count,
    /** Those of the session or token that asks; null where nobody is signed in. */
    yours: z.nullable(Count),
    /** Since the server's start: frames published, frames that slow readers lost, gaps told to readers. */
    frames: Count,
    dropped: Count,
    gaps: Count,
  }),
  runs: z.record(z.enum(keysOf(RUN_STATUS)), Count),
  /** Ended runs whose finalization failed. */
  seal_failed: Count,
  gates: z.object({ open: Count, oldest_opened_at: z.nullable(z.string()) }),
  /** Each derived field of each table. */
  tables: z.array(FieldStatus),
  /** Runs that wait for a table. Their status is `running` all the same: they have begun. */
  waiting: z.array(TableWait),
})
export type Status = z.infer<typeof Status>

export const DefinitionSummary = z.object({
  name: Id,
  title: z.string(),
  sha256: Sha256,
  steps: Count,
  gates: Count,
  inputs: z.array(
    z.object({
      name: z.string(),
      description: z.nullable(z.string()),
      default: z.nullable(z.string()),
      options: z.nullable(z.array(z.string())),
    }),
  ),
})
export type DefinitionSummary = z.infer<typeof DefinitionSummary>

export const StartRun = z.strictObject({
  definition: Id,
  inputs: z.optional(z.record(Key, Text)),
})
export const RunStartedAnswer = z.object({ run_id: Id })
export const AbortRun = z.strictObject({ reason: z.optional(Text) })
export const RerunRun = z.strictObject({ from: z.enum(['start', 'failed']) })

/** A gate with its run, as inbox and question show it. */
export const GateResource = z.object({
  ...Gate.shape,
  state: z.enum(['open', 'resolved']),
  run: RunSummary,
  expires_at: z.nullable(z.string()),
  /** May the asker decide it, and if not, why not? */
  may_decide: z.object({ yes: z.boolean(), why_not: z.nullable(z.string()) }),
})
export type GateResource = z.infer<typeof GateResource>

/** The server's fields of a decision; the person adds `decision`, `comment`, `inputs` and `decided_at`. */
export const Challenge = z.object({
  fields: z.pick(Decision, {
    type: true,
    evidence_id: true,
    run_id: true,
    gate_id: true,
    question: true,
    policy_sha256: true,
    approver: true,
    chain_head_before: true,
    shown_sha256: true,
    nonce: true,
    requested_at: true,
    expires_at: true,
  }),
  shown: Shown,
})
export type Challenge = z.infer<typeof Challenge>

/** Without `nonce`, the server asks itself for a challenge: right for a session decision, refused for a passkey. */
export const Decide = z.strictObject({
  decision: z.enum(['approved', 'rejected']),
  comment: z.optional(Text),
  inputs: z.optional(z.record(Key, Text)),
  nonce: z.optional(z.string()),
})
export type Decide = z.infer<typeof Decide>

export const DecisionAnswer = z.object({
  decision: RecordedDecision,
  /** null while the quorum is not reached. */
  resolved: z.nullable(z.object({ outcome: z.string(), at: z.nullable(z.string()) })),
})
export type DecisionAnswer = z.infer<typeof DecisionAnswer>

export const EnvelopeSummary = z.object({
  evidence_id: Id,
  run_id: Id,
  definition: z.string(),
  outcome: z.enum(keysOf(OUTCOME)),
  seal_seq: Count,
  head: Sha256,
  /** Of the stored bytes; also the ETag. */
  sha256: Sha256,
  bytes: Count,
  sealed_at: z.string(),
})
export type EnvelopeSummary = z.infer<typeof EnvelopeSummary>

/** Offered by the server, never proof of itself. */
export const OfferedTrust = z.object({
  server_keys: z.array(ServerKey),
  approvers: z.array(TrustedApprover),
})
export type OfferedTrust = z.infer<typeof OfferedTrust>

export const Session = z.object({
  /** null: nobody is signed in. */
  actor: z.nullable(z.string()),
  role: z.nullable(z.enum(keysOf(ROLE))),
  /** Sent back as the header `Runseal-Secret` with every change by cookie. null without a session. */
  secret: z.nullable(z.string()),
  expires_at: z.nullable(z.string()),
})
export type Session = z.infer<typeof Session>

/** `token` is the one-time one from the fragment of a sign-in link. */
export const SignIn = z.strictObject({ token: z.string().check(z.minLength(1), z.maxLength(256)) })

/** Where the output came in: `offset` in the log, time, and which pipe. */
export const LogIndex = z.object({
  items: z.array(
    z.object({ offset: Count, at: z.string(), pipe: z.enum(['stdout', 'stderr', 'system']) }),
  ),
  next_offset: z.nullable(Count),
})

const Range = {
  attempt: z.optional(z.string().check(z.regex(/^[1-9]\d{0,5}$/))),
  /** First byte; negative counts from the end. */
  offset: z.optional(z.string().check(z.regex(/^-?\d{1,15}$/))),
  /** At most 1 MiB, default 256 KiB. */
  limit: z.optional(z.string().check(z.regex(/^[1-9]\d{0,6}$/))),
}

type Access = 'anyone' | 'signed_in' | Permission

type Row = {
  method: 'GET' | 'POST' | 'DELETE'
  path: `/${string}`
  /** Who may: `read` is anyone unless the server asks everyone to sign in; `signed_in` is every role. */
  access: Access
  summary: string
  query?: Record<string, z.ZodMiniType>
  body?: z.ZodMiniType
  status: 200 | 201 | 204
  /** A schema, or the media type of an answer that is no JSON. */
  answer: z.ZodMiniType | string
}

export const ENDPOINT = {
  status: {
    method: 'GET',
    path: '/api/status',
    access: 'read',
    summary: 'The server, its stream, and counts of runs and gates',
    status: 200,
    answer: Status,
  },
  definitions: {
    method: 'GET',
    path: '/api/definitions',
    access: 'read',
    summary: 'Registered definitions with their inputs',
    status: 200,
    answer: page(DefinitionSummary),
  },
  listRuns: {
    method: 'GET',
    path: '/api/runs',
    access: 'read',
    summary: 'Runs, newest first',
    query: {
      ...Paging,
      /** Statuses, separated by commas. */
      status: z.optional(z.string()),
      definition: z.optional(z.string()),
      /** Part of a run id, definition, title or actor. */
      q: z.optional(z.string().check(z.maxLength(200))),
    },
    status: 200,
    answer: page(RunSummary),
  },
  startRun: {
    method: 'POST',
    path: '/api/runs',
    access: 'operate',
    summary: 'Start a registered definition',
    body: StartRun,
    status: 201,
    answer: RunStartedAnswer,
  },
  run: {
    method: 'GET',
    path: '/api/runs/{run_id}',
    access: 'read',
    summary: 'One run, as of a position of the stream',
    status: 200,
    answer: RunResource,
  },
  abortRun: {
    method: 'POST',
    path: '/api/runs/{run_id}/abort',
    access: 'operate',
    summary: 'Abort: SIGTERM to the process groups, SIGKILL after a while',
    body: AbortRun,
    status: 200,
    answer: RunStartedAnswer,
  },
  rerunRun: {
    method: 'POST',
    path: '/api/runs/{run_id}/rerun',
    access: 'operate',
    summary: 'Run again: all of it, or from the failed steps',
    body: RerunRun,
    status: 201,
    answer: RunStartedAnswer,
  },
  sealRun: {
    method: 'POST',
    path: '/api/runs/{run_id}/seal',
    access: 'operate',
    summary: 'Try a failed finalization again',
    status: 200,
    answer: RunResource,
  },
  log: {
    method: 'GET',
    path: '/api/runs/{run_id}/steps/{step_id}/log',
    access: 'read',
    summary: 'Raw bytes of a log; headers Log-Bytes, Log-Offset, Log-Truncated, Log-Ended',
    query: Range,
    status: 200,
    answer: 'application/octet-stream',
  },
  logIndex: {
    method: 'GET',
    path: '/api/runs/{run_id}/steps/{step_id}/log/index',
    access: 'read',
    summary: 'When each part of a log came, and by which pipe',
    query: Range,
    status: 200,
    answer: LogIndex,
  },
  artifact: {
    method: 'GET',
    path: '/api/artifacts/{sha256}',
    access: 'read',
    summary: 'Bytes of an artifact, as an attachment',
    status: 200,
    answer: 'application/octet-stream',
  },
  listGates: {
    method: 'GET',
    path: '/api/gates',
    access: 'read',
    summary: 'Gates, oldest open first',
    query: { ...Paging, state: z.optional(z.enum(['open', 'resolved'])) },
    status: 200,
    answer: page(GateResource),
  },
  gate: {
    method: 'GET',
    path: '/api/gates/{gate_id}',
    access: 'read',
    summary: 'One gate with its question',
    status: 200,
    answer: GateResource,
  },
  challengeGate: {
    method: 'POST',
    path: '/api/gates/{gate_id}/challenges',
    access: 'decide',
    summary: "The server's fields of a decision to be made",
    status: 201,
    answer: Challenge,
  },
  decideGate: {
    method: 'POST',
    path: '/api/gates/{gate_id}/decisions',
    access: 'decide',
    summary: 'Answer a gate',
    body: Decide,
    status: 201,
    answer: DecisionAnswer,
  },
  listTables: {
    method: 'GET',
    path: '/api/tables',
    access: 'read',
    summary: 'Tables with their fields, and what derives them',
    status: 200,
    answer: page(Table),
  },
  tableRecords: {
    method: 'GET',
    path: '/api/tables/{table}/records',
    access: 'read',
    summary: 'Records of a table in the order of their keys, with their cells',
    query: {
      ...Paging,
      /** Instead of a cursor: how many records are before the first one. */
      offset: z.optional(z.string().check(z.regex(/^\d{1,9}$/))),
      /** Records with a cell in that state, of `field` where it is given. */
      state: z.optional(z.enum(keysOf(CELL_STATE))),
      field: z.optional(Id),
      /** Part of a key or of a value that is not private, whatever the case of A to Z. */
      q: z.optional(z.string().check(z.maxLength(200))),
    },
    status: 200,
    answer: RecordPage,
  },
  tableRecord: {
    method: 'GET',
    path: '/api/tables/{table}/record',
    access: 'read',
    summary: 'A record with its cells, no value of it cut',
    query: { record_id: Text },
    status: 200,
    answer: TableRecord,
  },
  provenance: {
    method: 'GET',
    path: '/api/provenance',
    access: 'read',
    summary: 'Derived cells: state, value, what made it and of what',
    query: {
      ...Paging,
      table: z.optional(Id),
      record_id: z.optional(Text),
      field: z.optional(Id),
      state: z.optional(z.enum(keysOf(CELL_STATE))),
      /** That made the cell what it is. */
      run_id: z.optional(Id),
      /** Part of a key, of an error, or of a value that is not private; a page may then be short before the last one. */
      q: z.optional(z.string().check(z.maxLength(200))),
    },
    status: 200,
    answer: page(Provenance),
  },
  cellHistory: {
    method: 'GET',
    path: '/api/provenance/history',
    access: 'read',
    summary: 'Every computation of one cell, the latest first',
    query: { ...Paging, ...CellName.shape },
    status: 200,
    answer: page(CellVersion),
  },
  lineage: {
    method: 'GET',
    path: '/api/provenance/lineage',
    access: 'read',
    summary: 'What a cell is made from (`up`), or what is made from it (`down`)',
    query: { ...CellName.shape, direction: z.enum(['up', 'down']) },
    status: 200,
    answer: Lineage,
  },
  materialize: {
    method: 'POST',
    path: '/api/materialize',
    access: 'operate',
    summary:
      'Derive what is not fresh, or all by force; with `Prefer: respond-async` 202 and the run_id at once',
    body: Materialize,
    status: 200,
    answer: MaterializeAnswer,
  },
  previewMaterialize: {
    method: 'POST',
    path: '/api/materialize/preview',
    access: 'operate',
    summary: 'What a materialize would derive now, and what it would roughly cost',
    body: Materialize,
    status: 200,
    answer: MaterializePreview,
  },
  listEnvelopes: {
    method: 'GET',
    path: '/api/envelopes',
    access: 'read',
    summary: 'Sealed envelopes, newest first',
    query: Paging,
    status: 200,
    answer: page(EnvelopeSummary),
  },
  envelope: {
    method: 'GET',
    path: '/api/envelopes/{evidence_id}',
    access: 'read',
    summary: 'The stored canonical bytes, byte for byte',
    status: 200,
    answer: 'application/json',
  },
  trust: {
    method: 'GET',
    path: '/api/trust',
    access: 'read',
    summary: 'Keys that this server offers: no proof of themselves',
    status: 200,
    answer: OfferedTrust,
  },
  session: {
    method: 'GET',
    path: '/api/session',
    access: 'anyone',
    summary: 'Who is signed in',
    status: 200,
    answer: Session,
  },
  signIn: {
    method: 'POST',
    path: '/api/session',
    access: 'anyone',
    summary: 'Trade a one-time link for a session',
    body: SignIn,
    status: 201,
    answer: Session,
  },
  signOut: {
    method: 'DELETE',
    path: '/api/session',
    access: 'anyone',
    summary: 'End the session',
    status: 204,
    answer: 'none',
  },
  listSessions: {
    method: 'GET',
    path: '/api/sessions',
    access: 'signed_in',
    summary: "One's own sessions; for an admin, everybody's",
    query: { user: z.optional(Id) },
    status: 200,
    answer: page(SessionResource),
  },
  endSessions: {
    method: 'DELETE',
    path: '/api/sessions',
    access: 'signed_in',
    summary: "End all of one's own sessions; for an admin, those of `user`",
    query: { user: z.optional(Id) },
    status: 200,
    answer: SessionsEnded,
  },
  endSession: {
    method: 'DELETE',
    path: '/api/sessions/{session_id}',
    access: 'signed_in',
    summary: 'End a session',
    status: 204,
    answer: 'none',
  },
  listUsers: {
    method: 'GET',
    path: '/api/users',
    access: 'administer',
    summary: 'People and their roles',
    status: 200,
    answer: page(Person),
  },
  addUser: {
    method: 'POST',
    path: '/api/users',
    access: 'administer',
    summary: 'Add a person',
    body: AddUser,
    status: 201,
    answer: Person,
  },
  changeUser: {
    method: 'POST',
    path: '/api/users/{name}',
    access: 'administer',
    summary: 'Give a person another role; disable or enable them',
    body: ChangeUser,
    status: 200,
    answer: Person,
  },
  makeLink: {
    method: 'POST',
    path: '/api/users/{name}/links',
    access: 'administer',
    summary: 'Make a one-time sign-in link for a person',
    status: 201,
    answer: LinkMade,
  },
  listTokens: {
    method: 'GET',
    path: '/api/tokens',
    access: 'administer',
    summary: 'Tokens, without their secrets',
    status: 200,
    answer: page(TokenResource),
  },
  makeToken: {
    method: 'POST',
    path: '/api/tokens',
    access: 'administer',
    summary: 'Make a bearer token; its secret is told once',
    body: MakeToken,
    status: 201,
    answer: TokenMade,
  },
  revokeToken: {
    method: 'DELETE',
    path: '/api/tokens/{token_id}',
    access: 'administer',
    summary: 'Revoke a token',
    status: 204,
    answer: 'none',
  },
  journal: {
    method: 'GET',
    path: '/api/journal',
    access: 'administer',
    summary: 'Who did what, newest first; append-only, and nobody reading is in it',
    query: Paging,
    status: 200,
    answer: page(JournalEntry),
  },
  events: {
    method: 'GET',
    path: '/events',
    access: 'read',
    summary: 'The stream of hints',
    query: { run_id: z.optional(z.string()) },
    status: 200,
    answer: 'text/event-stream',
  },
  openapi: {
    method: 'GET',
    path: '/api/openapi.json',
    access: 'read',
    summary: 'This list',
    status: 200,
    answer: z.looseObject({}),
  },
  healthz: {
    method: 'GET',
    path: '/healthz',
    access: 'anyone',
    summary: 'The process answers',
    status: 200,
    answer: 'text/plain',
  },
  readyz: {
    method: 'GET',
    path: '/readyz',
    access: 'anyone',
    summary: 'The store can be written',
    status: 200,
    answer: 'text/plain',
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    access: 'read',
    summary: 'Prometheus text',
    status: 200,
    answer: 'text/plain',
  },
} as const satisfies Record<string, Row>
export type EndpointName = keyof typeof ENDPOINT
