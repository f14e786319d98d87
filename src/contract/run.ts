import * as z from 'zod/mini'
import { Plan, RecordedDecision, Shown, Policy } from './envelope.ts'
import { Count, Id } from './scalar.ts'
import {
  GATE_OUTCOME,
  keysOf,
  OUTCOME,
  RUN_STATUS,
  SEAL_STATE,
  STEP_OUTCOME,
  STEP_STATUS,
} from './status.ts'

/*
 * A run as far as one timeline knows it. null is "this timeline has not said". The server keeps one of these by
 * its recorded facts and answers it; a browser keeps that answer and, apart from it, one by the stream's hints.
 * Lists are sorted by their key (code units), so that equal knowledge is equal JSON.
 */

const Time = z.nullable(z.string())

export const Attempt = z.object({
  attempt: z.int().check(z.positive()),
  started_at: Time,
  /** Bytes of log so far. */
  output_bytes: Count,
  finished: z.nullable(
    z.object({
      outcome: z.nullable(z.enum(keysOf(STEP_OUTCOME))),
      exit_code: z.nullable(z.int()),
      signal: z.nullable(z.string()),
      reason: z.nullable(z.string()),
      finished_at: Time,
      duration_ms: z.nullable(Count),
      artifacts: z.array(z.object({ path: z.string(), sha256: z.string(), bytes: Count })),
      log_truncated: z.boolean(),
    }),
  ),
})
export type Attempt = z.infer<typeof Attempt>

export const Step = z.object({
  step_id: z.string(),
  kind: z.nullable(z.string()),
  attempts: z.array(Attempt),
})
export type Step = z.infer<typeof Step>

export const Gate = z.object({
  gate_id: z.string(),
  step_id: z.nullable(z.string()),
  reason: z.nullable(z.string()),
  opened_at: Time,
  question: z.nullable(z.string()),
  policy: z.nullable(Policy),
  shown: z.nullable(Shown),
  decisions: z.array(RecordedDecision),
  resolved: z.nullable(
    z.object({ outcome: z.enum(keysOf(GATE_OUTCOME)), by: z.nullable(z.string()), at: Time }),
  ),
})
export type Gate = z.infer<typeof Gate>

const Started = z.object({
  at: Time,
  actor: z.nullable(z.string()),
  kind: z.nullable(z.string()),
  definition: z.nullable(z.string()),
  title: z.nullable(z.string()),
})

export const Run = z.object({
  run_id: z.string(),
  started: z.nullable(Started),
  inputs: z.nullable(z.record(z.string(), z.string())),
  plan: z.nullable(Plan),
  rerun_of: z.nullable(z.string()),
  steps: z.array(Step),
  gates: z.array(Gate),
  ended: z.nullable(
    z.object({ outcome: z.enum(keysOf(OUTCOME)), reason: z.nullable(z.string()), at: Time }),
  ),
  /** Set when the envelope can be fetched. */
  sealed: z.nullable(z.object({ evidence_id: z.string() })),
  /** Set when a finalization failed; `sealed` wins over it. */
  seal_failed: z.nullable(z.object({ reason: z.string(), at: Time })),
})
export type Run = z.infer<typeof Run>

/** What a list shows, and the stored row of a run. */
export const RunSummary = z.object({
  run_id: Id,
  kind: z.nullable(z.string()),
  definition: z.nullable(z.string()),
  title: z.nullable(z.string()),
  actor: z.nullable(z.string()),
  status: z.enum(keysOf(RUN_STATUS)),
  outcome: z.nullable(z.enum(keysOf(OUTCOME))),
  reason: z.nullable(z.string()),
  started_at: Time,
  finished_at: Time,
  seal: z.enum(keysOf(SEAL_STATE)),
  evidence_id: z.nullable(z.string()),
  open_gates: Count,
  steps_done: Count,
  steps_total: z.nullable(Count),
})
export type RunSummary = z.infer<typeof RunSummary>

/**
 * `GET /api/runs/{run_id}`: the run, what follows from it, and the stream position read before it. Everything in
 * `summary`'s shape stands at the top level too, so that `curl | jq .outcome` does what one expects.
 */
export const RunResource = z.object({
  ...Run.shape,
  ...RunSummary.shape,
  /** `<epoch>-<seq>` of the stream, read before the rows: frames after it may not be in here. */
  as_of: z.string(),
  /** Server's clock at the answer. */
  now: z.string(),
  steps: z.array(z.object({ ...Step.shape, status: z.enum(keysOf(STEP_STATUS)) })),
})
export type RunResource = z.infer<typeof RunResource>
