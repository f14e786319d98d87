import * as z from 'zod/mini'
import { type ContractFault, parseJson } from './parse.ts'
import { Count } from './scalar.ts'
import { GATE_OUTCOME, keysOf, OUTCOME, STEP_OUTCOME, STREAM_END } from './status.ts'

/*
 * What crosses GET /events. A frame is a hint: every field beyond those of the first two documents is optional, an
 * unknown member is dropped, an unknown kind is no error. Ids and times are any short text, since nothing is decided
 * by them.
 */

const HintText = z.string().check(z.maxLength(4096))
const HintId = z.string().check(z.minLength(1), z.maxLength(256))

const common = { run_id: HintId, timestamp: z.optional(HintText), actor: z.optional(HintText) }
/** More attempts than any definition allows are nobody's. */
const HintAttempt = z.int().check(z.positive(), z.lte(1000))
const ofStep = { step_id: HintId, attempt: z.optional(HintAttempt) }

export const RunStarted = z.object({
  type: z.literal('run_started'),
  ...common,
  kind: z.optional(HintText),
  definition: z.optional(HintText),
  title: z.optional(HintText),
})
export const StepStarted = z.object({
  type: z.literal('step_started'),
  ...common,
  ...ofStep,
  kind: HintText,
})
export const StepFinished = z.object({
  type: z.literal('step_finished'),
  ...common,
  ...ofStep,
  kind: HintText,
  exit_code: z.nullable(z.int()),
  signal: z.optional(z.nullable(HintText)),
  outcome: z.optional(z.enum(keysOf(STEP_OUTCOME))),
})
/** There is more log of an attempt; `bytes` is how much there is now. The text itself is asked for. */
export const StepOutput = z.object({
  type: z.literal('step_output'),
  ...common,
  ...ofStep,
  bytes: Count,
})
export const NeedsInput = z.object({
  type: z.literal('needs_input'),
  ...common,
  gate_id: HintId,
  step_id: z.optional(HintId),
  reason: HintText,
})
export const GateResolved = z.object({
  type: z.literal('gate_resolved'),
  ...common,
  gate_id: HintId,
  step_id: z.optional(HintId),
  outcome: z.enum(keysOf(GATE_OUTCOME)),
})
export const RunFailed = z.object({
  type: z.literal('run_failed'),
  ...common,
  reason: HintText,
  status: z.literal('failed'),
})
export const RunAborted = z.object({
  type: z.literal('run_aborted'),
  ...common,
  reason: HintText,
  status: z.literal('aborted'),
})
/** The envelope can be fetched. Never implies success. */
export const RunFinalized = z.object({
  type: z.literal('run_finalized'),
  ...common,
  evidence_id: HintId,
  outcome: z.optional(z.enum(keysOf(OUTCOME))),
})
export const SealFailed = z.object({
  type: z.literal('seal_failed'),
  ...common,
  reason: HintText,
})

export const RunFrame = z.discriminatedUnion('type', [
  RunStarted,
  StepStarted,
  StepFinished,
  StepOutput,
  NeedsInput,
  GateResolved,
  RunFailed,
  RunAborted,
  RunFinalized,
  SealFailed,
])
export type RunFrame = z.infer<typeof RunFrame>

const lifecycle = { ts: HintText, actor: HintText, run_id: z.optional(HintId) }
const Names = z.nullable(z.array(HintText))

export const MaterializeStart = z.object({
  kind: z.literal('materialize.start'),
  ...lifecycle,
  targets: Names,
  record_ids: Names,
  force: z.boolean(),
})
/** `failures` is how many there are; ask status or provenance which. `total_cost` is a JSON number here. */
export const MaterializeEnd = z.object({
  kind: z.literal('materialize.end'),
  ...lifecycle,
  materialized: Count,
  skipped: Count,
  failures: Count,
  total_cost: z.number(),
})
export const MaterializeError = z.object({
  kind: z.literal('materialize.error'),
  ...lifecycle,
  error_type: HintText,
  message: HintText,
})
/** Frames from..to (their ids, inclusive; `from` null where it is not known) did not reach this subscriber. */
export const StreamGap = z.object({
  kind: z.literal('stream.gap'),
  ts: HintText,
  from: z.nullable(HintText),
  to: HintText,
})

/**
 * The last frame of a stream that the server ends. It has no id: where a reader goes on from stays as it was. What it
 * was opened by has ended (`signed_out`), or the server is stopping, and a `retry:` before it says when to come back.
 */
export const StreamEnd = z.object({
  kind: z.literal('stream.end'),
  ts: HintText,
  reason: z.enum(keysOf(STREAM_END)),
})

export const LifecycleFrame = z.discriminatedUnion('kind', [
  MaterializeStart,
  MaterializeEnd,
  MaterializeError,
])
export type LifecycleFrame = z.infer<typeof LifecycleFrame>
export type StreamGap = z.infer<typeof StreamGap>
export type StreamEnd = z.infer<typeof StreamEnd>

export type Frame = RunFrame | LifecycleFrame | StreamGap | StreamEnd

const SCHEMAS = {
  run_started: RunStarted,
  step_started: StepStarted,
  step_finished: StepFinished,
  step_output: StepOutput,
  needs_input: NeedsInput,
  gate_resolved: GateResolved,
  run_failed: RunFailed,
  run_aborted: RunAborted,
  run_finalized: RunFinalized,
  seal_failed: SealFailed,
  'materialize.start': MaterializeStart,
  'materialize.end': MaterializeEnd,
  'materialize.error': MaterializeError,
  'stream.gap': StreamGap,
  'stream.end': StreamEnd,
} as const satisfies Record<FrameName, z.ZodMiniType<Frame>>

/** Value of the `event:` line. */
export type FrameName =
  | RunFrame['type']
  | LifecycleFrame['kind']
  | StreamGap['kind']
  | StreamEnd['kind']

/** A frame's own name, which is also its `event:` line. */
export function frameName(frame: Frame): FrameName {
  return 'type' in frame ? frame.type : frame.kind
}

export type FrameReading =
  | { state: 'frame'; frame: Frame }
  | { state: 'unknown'; name: string }
  | { state: 'malformed'; name: string; error: ContractFault }

/** Longest `data:` that is parsed, in characters; a longer one is malformed. */
export const MAX_FRAME_CHARS = 65_536

/**
 * One event of the stream, from its `event:` and `data:` lines. Never throws. An event whose name and body disagree
 * is malformed: the name is part of the frame.
 */
export function parseFrame(name: string, data: string): FrameReading {
  if (!isFrameName(name)) return { state: 'unknown', name }
  if (data.length > MAX_FRAME_CHARS)
    return {
      state: 'malformed',
      name,
      error: { at: '', message: `is ${data.length} characters long` },
    }
  const parsed = parseJson<Frame>(SCHEMAS[name], data)
  return parsed.ok
    ? { state: 'frame', frame: parsed.value }
    : { state: 'malformed', name, error: parsed.error }
}

function isFrameName(name: string): name is FrameName {
  return Object.hasOwn(SCHEMAS, name)
}

/** Position of a frame in a server's stream: epoch names the server start, seq counts from 1 without holes. */
export type StreamPosition = { epoch: string; seq: number }

/** `<epoch>-<seq>`; null for anything else. */
export function parsePosition(id: string): StreamPosition | null {
  const match = /^([a-z0-9]{1,32})-(0|[1-9]\d{0,15})$/.exec(id)
  return match?.[1] && match[2] ? { epoch: match[1], seq: Number(match[2]) } : null
}

/** What a stream goes on after, as its head says in a comment, with the space after the colon or without it; else null. */
export function parseStart(comment: string): StreamPosition | null {
  const said = /^ ?after (\S+)$/.exec(comment)?.[1]
  return said === undefined ? null : parsePosition(said)
}

export function formatPosition(position: StreamPosition): string {
  return `${position.epoch}-${position.seq}`
}
