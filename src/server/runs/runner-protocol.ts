import * as z from 'zod/mini'
import { StepEntry } from '#contract/envelope.ts'
import { Count } from '#contract/scalar.ts'

/*
 * What the server and its runner say to each other: JSON lines, one message each, over the runner's stdin and stdout.
 * The end of stdin is the server's death or its wish: the runner ends every group and exits.
 */

/** Names an attempt between the two; made by the server. */
const key = { id: z.string() }

export const Launch = z.object({
  type: z.literal('launch'),
  ...key,
  argv: z.array(z.string()),
  /** From `root`, which is a real path. */
  cwd: z.string(),
  root: z.string(),
  /** Whose process the step is; null: the runner's own user. */
  run_as: z.nullable(z.object({ uid: Count, gid: Count })),
  /** All of it: nothing is inherited. */
  env: z.record(z.string(), z.string()),
  secrets: z.array(z.string()),
  timeout_ms: z.nullable(Count),
  log: z.string(),
  /** Written as soon as there is a process, gone when its group is. */
  pid_file: z.string(),
  max_log_bytes: Count,
  artifacts: z.array(z.string()),
  /** Of all artifacts together. */
  max_artifact_bytes: Count,
  /** Folder where artifacts are kept by digest. */
  keep_in: z.string(),
  grace_ms: Count,
})
export type Launch = z.infer<typeof Launch>

/** A step that is many processes: one after another or side by side, each given a part of the work on its stdin. */
const Derive = z.object({
  type: z.literal('derive'),
  ...key,
  root: Launch.shape.root,
  run_as: Launch.shape.run_as,
  /** What they write to stderr, all in one. */
  log: z.string(),
  max_log_bytes: Count,
  /** Of one process on its stdout. */
  max_output_bytes: Count,
  artifacts: Launch.shape.artifacts,
  max_artifact_bytes: Launch.shape.max_artifact_bytes,
  keep_in: Launch.shape.keep_in,
  grace_ms: Count,
})
export type Derive = z.infer<typeof Derive>

/** One process of it. */
const Process = z.object({
  argv: Launch.shape.argv,
  cwd: Launch.shape.cwd,
  env: Launch.shape.env,
  secrets: Launch.shape.secrets,
  timeout_ms: Launch.shape.timeout_ms,
})
export type Process = z.infer<typeof Process>

/** `slot` is a number that no other process of the step has at that time. */
const Batch = z.object({
  type: z.literal('batch'),
  ...key,
  slot: Count,
  ...Process.shape,
  input: z.string(),
})
export type Batch = z.infer<typeof Batch>

export const ToRunner = z.discriminatedUnion('type', [
  Launch,
  Derive,
  Batch,
  /** There is no more to do, or `fault` keeps it from being done: the step ends, and its log. */
  z.object({ type: z.literal('close'), ...key, fault: z.nullable(z.string()) }),
  z.object({ type: z.literal('end'), ...key, as: z.enum(['aborted', 'interrupted']) }),
  z.object({ type: z.literal('ping') }),
])
export type ToRunner = z.infer<typeof ToRunner>

/** How an attempt ended: the part of its entry that only its runner knows. */
export const Result = z.object({
  exit_code: StepEntry.shape.exit_code,
  signal: StepEntry.shape.signal,
  outcome: StepEntry.shape.outcome,
  reason: StepEntry.shape.reason,
  started_at: StepEntry.shape.started_at,
  finished_at: StepEntry.shape.finished_at,
  duration_ms: Count,
  log: StepEntry.shape.log,
  artifacts: StepEntry.shape.artifacts,
})
export type Result = z.infer<typeof Result>

/** Some of what one process of a derivation wrote. */
const Output = z.object({
  output: z.string(),
  /** Numbers of the lines of `output` that were not UTF-8, and are empty. */
  invalid: z.array(Count),
})
export type Output = z.infer<typeof Output>

/** How one process of a derivation ended, and what it wrote that was not told yet. */
export const BatchResult = z.object({
  exit_code: StepEntry.shape.exit_code,
  signal: StepEntry.shape.signal,
  /** Why it was ended, if it was, or could not be started; `disk_failed`: for no fault of its own. */
  cause: z.nullable(
    z.enum(['timed_out', 'aborted', 'interrupted', 'flooded', 'not_started', 'disk_failed']),
  ),
  reason: z.nullable(z.string()),
  ...Output.shape,
  duration_ms: Count,
})
export type BatchResult = z.infer<typeof BatchResult>

export const FromRunner = z.discriminatedUnion('type', [
  /** Whole lines of a process, soon after it wrote them. */
  z.object({ type: z.literal('batch_said'), ...key, slot: Count, ...Output.shape }),
  z.object({ type: z.literal('batch_ended'), ...key, slot: Count, result: BatchResult }),
  /** There is more log, `bytes` in all; at most four a second, the last before `ended`. */
  z.object({ type: z.literal('output'), ...key, bytes: Count }),
  z.object({ type: z.literal('ended'), ...key, result: Result }),
  z.object({ type: z.literal('pong') }),
])
export type FromRunner = z.infer<typeof FromRunner>
