/**
 * Every closed set of states in Runseal, one table each. A question about a state is a column here,
 * never a second list elsewhere. `tone` is what a screen may colour by; `label` is what a person reads.
 */
export const RUN_STATUS = {
  queued: { ended: false, active: false, label: 'Queued', tone: 'idle' },
  running: { ended: false, active: true, label: 'Running', tone: 'active' },
  needs_input: { ended: false, active: false, label: 'Needs input', tone: 'waiting' },
  succeeded: { ended: true, active: false, label: 'Succeeded', tone: 'good' },
  failed: { ended: true, active: false, label: 'Failed', tone: 'bad' },
  aborted: { ended: true, active: false, label: 'Aborted', tone: 'muted' },
} as const satisfies Record<string, { ended: boolean; active: boolean; label: string; tone: Tone }>
export type RunStatus = keyof typeof RUN_STATUS

/** How a run ended. Says nothing about its evidence: that is a verdict. */
export const OUTCOME = {
  succeeded: { label: 'Succeeded', exitCode: 0 },
  failed: { label: 'Failed', exitCode: 1 },
  aborted: { label: 'Aborted', exitCode: 2 },
} as const satisfies Record<string, { label: string; exitCode: number }>
export type Outcome = keyof typeof OUTCOME

/** How one attempt of a step ended. `retried`: the definition's `retries` may give it another attempt. */
export const STEP_OUTCOME = {
  succeeded: { retried: false, label: 'Succeeded', tone: 'good' },
  failed: { retried: true, label: 'Failed', tone: 'bad' },
  timed_out: { retried: true, label: 'Timed out', tone: 'bad' },
  interrupted: { retried: true, label: 'Interrupted', tone: 'bad' },
  aborted: { retried: false, label: 'Aborted', tone: 'muted' },
} as const satisfies Record<string, { retried: boolean; label: string; tone: Tone }>
export type StepOutcome = keyof typeof STEP_OUTCOME

/** What a screen says of a step: the outcome of its last attempt, or one of three that no attempt has. */
export const STEP_STATUS = {
  pending: { label: 'Pending', tone: 'idle' },
  running: { label: 'Running', tone: 'active' },
  skipped: { label: 'Not run', tone: 'muted' },
  ...STEP_OUTCOME,
} as const satisfies Record<string, { label: string; tone: Tone }>
export type StepStatus = keyof typeof STEP_STATUS

/** How a gate was resolved. `byPerson` is false where only the system can have done it. */
export const GATE_OUTCOME = {
  approved: { byPerson: true, opens: true, label: 'Approved', tone: 'good' },
  rejected: { byPerson: true, opens: false, label: 'Rejected', tone: 'bad' },
  expired: { byPerson: false, opens: false, label: 'Expired', tone: 'muted' },
  aborted: { byPerson: false, opens: false, label: 'Aborted', tone: 'muted' },
} as const satisfies Record<
  string,
  { byPerson: boolean; opens: boolean; label: string; tone: Tone }
>
export type GateOutcome = keyof typeof GATE_OUTCOME

/** Where the sealing of an ended run stands. */
export const SEAL_STATE = {
  open: { label: 'Not ended', tone: 'idle' },
  pending: { label: 'Sealing', tone: 'active' },
  seal_failed: { label: 'Seal failed', tone: 'bad' },
  sealed: { label: 'Sealed', tone: 'neutral' },
} as const satisfies Record<string, { label: string; tone: Tone }>
export type SealState = keyof typeof SEAL_STATE

/** The four words of a verdict, as they are written on the screen and in `--json`. There is no fifth. */
export const CLAIM_STATE = {
  proven: { label: 'proven', tone: 'good' },
  'not present': { label: 'not present', tone: 'muted' },
  'not checked': { label: 'not checked', tone: 'waiting' },
  'does not verify': { label: 'does not verify', tone: 'bad' },
} as const satisfies Record<string, { label: string; tone: Tone }>
export type ClaimState = keyof typeof CLAIM_STATE

/** The verdict over a whole file, with the exit code of `runseal verify`. */
export const VERDICT = {
  proven: { exitCode: 0 },
  'does not verify': { exitCode: 1 },
  'not an envelope': { exitCode: 2 },
  'not proven': { exitCode: 3 },
} as const satisfies Record<string, { exitCode: number }>
export type VerdictWord = keyof typeof VERDICT

/** Where a fact on the screen is from. Only `verified` may look like evidence. `read`: of a file that is judged. */
export const TOLD_BY = {
  hint: { label: 'hint', means: 'The stream said so. Nothing has recorded it.' },
  recorded: { label: 'recorded', means: 'The server says it is on record. Not verified here.' },
  verified: {
    label: 'verified here',
    means: 'This browser verified the sealed record that says so.',
  },
  read: {
    label: 'read here, from nobody you know',
    means:
      'Stands in a file that agrees with itself. No key you know has sealed it: anyone could have made it.',
  },
  contradicted: {
    label: 'contradicted',
    means:
      'The stream or the server’s answer says one thing and the record says another. The record stands.',
  },
} as const satisfies Record<string, { label: string; means: string }>
export type ToldBy = keyof typeof TOLD_BY

/** State of a derived cell of a table. */
export const CELL_STATE = {
  fresh: { label: 'Fresh', tone: 'good', means: 'Derived from the inputs as they are.' },
  stale: {
    label: 'Stale',
    tone: 'waiting',
    means: 'Derived from other inputs, or in another way, than those of now.',
  },
  missing: { label: 'Missing', tone: 'idle', means: 'Not derived yet.' },
  failed: { label: 'Failed', tone: 'bad', means: 'Its derivation failed, or that of an input.' },
} as const satisfies Record<string, { label: string; tone: Tone; means: string }>

export type CellState = keyof typeof CELL_STATE

/** What a value of a field is. `json` is any. */
export const FIELD_TYPE = {
  text: { label: 'Text' },
  number: { label: 'Number' },
  boolean: { label: 'Yes or no' },
  json: { label: 'JSON' },
} as const satisfies Record<string, { label: string }>

export type FieldType = keyof typeof FIELD_TYPE

/** What the records of a table are read from. `typed`: its values have types of their own. */
export const SOURCE_KIND = {
  csv: { label: 'CSV', typed: false },
  jsonl: { label: 'JSON Lines', typed: true },
  json: { label: 'JSON', typed: true },
  sqlite: { label: 'SQLite', typed: true },
} as const satisfies Record<string, { label: string; typed: boolean }>

export type SourceKind = keyof typeof SOURCE_KIND

/** Who may do what. `read` matters only where reading needs sign-in. */
export const ROLE = {
  viewer: { read: true, operate: false, decide: false, administer: false },
  operator: { read: true, operate: true, decide: false, administer: false },
  approver: { read: true, operate: false, decide: true, administer: false },
  reviewer: { read: true, operate: false, decide: false, administer: false },
  admin: { read: true, operate: true, decide: true, administer: true },
} as const satisfies Record<string, Record<Permission, boolean>>
export type Role = keyof typeof ROLE
export type Permission = 'read' | 'operate' | 'decide' | 'administer'

export type Tone = 'idle' | 'active' | 'waiting' | 'good' | 'bad' | 'muted' | 'neutral'

/** Why the server ends a stream. `returns`: to come back without doing anything first is right. */
export const STREAM_END = {
  draining: { returns: true, label: 'The server is stopping' },
  signed_out: { returns: false, label: 'The session or token has ended' },
} as const satisfies Record<string, { returns: boolean; label: string }>
export type StreamEndReason = keyof typeof STREAM_END

/** The keys of a table as the non-empty tuple that an enum schema wants, in the table's order. */
export function keysOf<K extends string>(table: Readonly<Record<K, unknown>>): readonly K[] {
  const keys: K[] = []
  for (const key in table) keys.push(key)
  return keys
}
