import * as z from 'zod/mini'
import {
  GateEntry,
  Opening,
  Policy,
  RecordedDecision,
  Shown,
  StepEntry,
  Totals,
} from './envelope.ts'
import { Actor, Count, Id, Instant, Key, Text } from './scalar.ts'

/*
 * What the server records of a run, one row each, in the run's own order, on disk before any frame speaks of it.
 * A fact that carries a body (`opening`, `entry`) is a link of the run's hash chain; bodies are sealed as recorded.
 */

const common = { run_id: Id, timestamp: Instant }
/** Of the run so far, where it derived anything. */
const totals = z.optional(Totals)

export const Fact = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('run_started'),
    ...common,
    evidence_id: Id,
    opening: Opening,
  }),
  /** Recorded before the process is spawned, so that no process is unknown to the record. */
  z.strictObject({
    type: z.literal('step_started'),
    ...common,
    step_id: Id,
    kind: z.string(),
    attempt: z.int().check(z.positive()),
  }),
  z.strictObject({
    type: z.literal('step_finished'),
    ...common,
    entry: StepEntry,
    /** Of this attempt; its cells may be in a part that is not in the entry. */
    totals,
    /** What sort of failure kept it from deriving. */
    error_type: z.optional(Key),
  }),
  z.strictObject({
    type: z.literal('needs_input'),
    ...common,
    gate_id: Id,
    step_id: Id,
    question: Text,
    policy: Policy,
    shown: Shown,
  }),
  z.strictObject({
    type: z.literal('gate_decided'),
    ...common,
    gate_id: Id,
    decision: RecordedDecision,
  }),
  z.strictObject({
    type: z.literal('gate_resolved'),
    ...common,
    /** The person whose decision resolved it, or `system`. */
    actor: Actor,
    entry: GateEntry,
  }),
  /** Before anything is ended by it: whoever ends a run is on record, whatever becomes of the run meanwhile. */
  z.strictObject({ type: z.literal('abort_asked'), ...common, actor: Actor, reason: Text }),
  z.strictObject({ type: z.literal('run_succeeded'), ...common, totals }),
  z.strictObject({
    type: z.literal('run_failed'),
    ...common,
    reason: Text,
    totals,
    error_type: z.optional(Key),
  }),
  z.strictObject({ type: z.literal('run_aborted'), ...common, actor: Actor, reason: Text, totals }),
  z.strictObject({
    type: z.literal('run_finalized'),
    ...common,
    evidence_id: Id,
    seal_seq: Count,
  }),
  z.strictObject({ type: z.literal('seal_failed'), ...common, reason: Text }),
])
export type Fact = z.infer<typeof Fact>
