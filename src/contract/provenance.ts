import * as z from 'zod/mini'
import { Count, Decimal, Id, Sha256, Text } from './scalar.ts'
import { CELL_STATE, keysOf } from './status.ts'

/* Where derived values come from: tables, their fields, and cells (a record's value in a field). */

const Time = z.nullable(z.string())

const CellName = z.object({ table: Id, record_id: Text, field: Id })

/** One derived cell: what it is, and what made it. null is "not yet". */
export const Provenance = z.object({
  ...CellName.shape,
  state: z.enum(keysOf(CELL_STATE)),
  /** null also where the field is declared private. */
  value: z.nullable(z.unknown()),
  value_sha256: z.nullable(Sha256),
  derivation: z.object({
    command: z.array(z.string()),
    version: z.nullable(z.string()),
    sha256: Sha256,
  }),
  /** `field` of the same or, with `table`, of another record; a cell of ours has a provenance too. */
  inputs: z.array(z.object({ name: z.string(), sha256: Sha256, cell: z.nullable(CellName) })),
  actor: z.nullable(z.string()),
  at: Time,
  run_id: z.nullable(Id),
  evidence_id: z.nullable(Id),
  cost: z.nullable(Decimal),
  error: z.nullable(z.string()),
})
export type Provenance = z.infer<typeof Provenance>

/** Of one derived field of a table, in `GET /api/status`. */
export const FieldStatus = z.object({
  table: Id,
  field: Id,
  cells: z.record(z.enum(keysOf(CELL_STATE)), Count),
  cost: Decimal,
})
export type FieldStatus = z.infer<typeof FieldStatus>

/** `targets` are `TABLE` or `TABLE.FIELD`; null or absent: all. */
export const Materialize = z.strictObject({
  targets: z.optional(z.nullable(z.array(z.string().check(z.maxLength(257))))),
  record_ids: z.optional(z.nullable(z.array(Text))),
  force: z.optional(z.boolean()),
})

export const MaterializeAnswer = z.object({
  materialized: Count,
  skipped: Count,
  failures: z.array(z.object({ ...CellName.shape, error: z.string() })),
  /** A JSON number, as in the first documents; a decimal string everywhere else. */
  total_cost: z.number(),
  run_id: Id,
  evidence_id: z.nullable(Id),
})
export type MaterializeAnswer = z.infer<typeof MaterializeAnswer>
