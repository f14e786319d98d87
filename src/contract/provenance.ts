import * as z from 'zod/mini'
import { Count, Decimal, Id, Sha256, Text } from './scalar.ts'
import { CELL_STATE, FIELD_TYPE, keysOf, SOURCE_KIND } from './status.ts'

/*
 * Where derived values come from: tables, their records and fields, and cells (a record's value in a derived field).
 * null is "not yet", or "not told" where a value is private.
 */

const Time = z.nullable(z.string())

const CellState = z.enum(keysOf(CELL_STATE))

export const CellName = z.object({ table: Id, record_id: Text, field: Id })
export type CellName = z.infer<typeof CellName>

/** A derived field: what makes its values, and of what. */
const Derivation = z.object({
  /** Program and arguments. */
  command: z.array(z.string()),
  version: z.nullable(z.string()),
  /** Files that the definition declares as a part of it, as they were read. */
  files: z.array(z.object({ path: z.string(), sha256: Sha256 })),
  /**
   * Of the command, its variables, the version and the files: another digest makes every cell of the field stale. null
   * while a declared file cannot be read; the files are then not told. Never so of what made a value.
   */
  sha256: z.nullable(Sha256),
})

/** `field` of the same record, or of the record of `table` whose key is in the same record's field `by`. */
const From = z.object({
  name: z.string(),
  field: Id,
  table: Id,
  by: z.nullable(Id),
})

export const TableField = z.object({
  field: Id,
  type: z.enum(keysOf(FIELD_TYPE)),
  /** Its values never leave the server, and digests of them are keyed: nobody without the key can guess a value. */
  private: z.boolean(),
  /** null: read from the source. */
  derived: z.nullable(
    z.object({
      ...Derivation.shape,
      from: z.array(From),
      batch: Count,
      concurrency: Count,
      timeout_ms: z.nullable(Count),
      retries: Count,
    }),
  ),
})
export type TableField = z.infer<typeof TableField>

export const Table = z.object({
  table: Id,
  source: z.object({ kind: z.enum(keysOf(SOURCE_KIND)), path: z.string() }),
  key: Id,
  /** Those of the source in its own order, then the derived ones, each after those that it is made from. */
  fields: z.array(TableField),
  /** As last read. */
  records: Count,
  read_at: Time,
  /** Why the source could not be read the last time; the records are then those of the time before. */
  fault: z.nullable(z.string()),
})
export type Table = z.infer<typeof Table>

/** A derived cell as a grid shows it; the rest is asked of its provenance. */
export const GridCell = z.object({
  state: CellState,
  /** null also where the field is private, or the value is `cut`. */
  value: z.nullable(z.unknown()),
  /** The value is too long for a grid: ask for the record alone. */
  cut: z.boolean(),
  error: z.nullable(z.string()),
})
export type GridCell = z.infer<typeof GridCell>

export const TableRecord = z.object({
  record_id: z.string(),
  /** By field of the source; null also where that is private, or `cut`. */
  values: z.record(z.string(), z.nullable(z.unknown())),
  /** Fields of the source whose value is too long for a grid: ask for the record alone. */
  cut: z.array(z.string()),
  /** By derived field. */
  cells: z.record(z.string(), GridCell),
})
export type TableRecord = z.infer<typeof TableRecord>

/**
 * A window of a table's records, in the order of their keys (by code points). A page with a filter may be shorter than
 * its limit, or empty, before the last one: a search looks at so many records a time. `next_cursor` is null at the end.
 */
export const RecordPage = z.object({
  items: z.array(TableRecord),
  next_cursor: z.nullable(z.string()),
  /** Records that the filter lets through; null where only looking at all of them would tell. */
  total: z.nullable(Count),
})
export type RecordPage = z.infer<typeof RecordPage>

/** What one computation made of a cell. */
const Made = {
  /** null also where the field is private, or when it failed. */
  value: z.nullable(z.unknown()),
  /** Digest of the RFC 8785 form of the value; keyed where `private`, and null where it was made before it was private. */
  value_sha256: z.nullable(Sha256),
  derivation: Derivation,
  /**
   * SHA-256 of the RFC 8785 form of `{name: sha256}` of the inputs. null: not tried, since an input was not to be had; or
   * not told, with the inputs, since one was not private then and is now.
   */
  inputs_sha256: z.nullable(Sha256),
  inputs: z.array(
    z.object({
      name: z.string(),
      sha256: Sha256,
      /** The digest is an HMAC under a key of the server: the value is private, or what it was looked up by. */
      keyed: z.boolean(),
      /** Where the value is from; null where a lookup led to no record, and the value is null, or went by a private field. */
      from: z.nullable(CellName),
      /** The same, where that is a derived cell, which has a provenance too. */
      cell: z.nullable(CellName),
    }),
  ),
  actor: z.nullable(z.string()),
  at: Time,
  run_id: z.nullable(Id),
  /** Whose entry of the envelope has the cell. */
  step_id: z.nullable(Id),
  attempt: z.nullable(Count),
  /** null until the envelope can be fetched. */
  evidence_id: z.nullable(Id),
  cost: z.nullable(Decimal),
  error: z.nullable(z.string()),
  /** What of it is on record and not told any more, since something became private after it was made. */
  withheld: z.array(z.enum(['value', 'inputs', 'error'])),
}

/** One derived cell: what it is, and what made it. Of a stale one, what made the value that it still has. */
export const Provenance = z.object({
  ...CellName.shape,
  state: CellState,
  private: z.boolean(),
  ...Made,
})
export type Provenance = z.infer<typeof Provenance>

/** One computation of a cell, the present one or a former one. */
export const CellVersion = z.object({ ...CellName.shape, private: z.boolean(), ...Made })
export type CellVersion = z.infer<typeof CellVersion>

/** All that a cell is made from (up), or that is made from it (down), nearest first; not through a private field. */
export const Lineage = z.object({
  cells: z.array(
    z.object({
      ...CellName.shape,
      /** null: a field of the source. */
      state: z.nullable(CellState),
    }),
  ),
  /** Places in `cells`: the first is an input of the second. */
  edges: z.array(z.tuple([Count, Count])),
  /** There are more than are told. */
  truncated: z.boolean(),
})
export type Lineage = z.infer<typeof Lineage>

/** Of one derived field of a table, in `GET /api/status`. */
export const FieldStatus = z.object({
  table: Id,
  field: Id,
  cells: z.record(CellState, Count),
  /** All that was ever spent on the field. */
  cost: Decimal,
  /** The run that derives it now, and how far it is. */
  running: z.nullable(
    z.object({
      run_id: Id,
      /** Cells derived or failed, of those that this run has to derive. */
      done: Count,
      total: Count,
      started_at: z.string(),
      /**
       * Of this run alone: null before it has derived for 2 s, and ten cells or a tenth of them. What is left by it is
       * null too when nothing is.
       */
      cells_per_second: z.nullable(z.number()),
      left_ms: z.nullable(Count),
    }),
  ),
})
export type FieldStatus = z.infer<typeof FieldStatus>

/** A run that cannot derive yet, since another one writes a table that it writes or reads, or is let in before it. */
export const TableWait = z.object({ run_id: Id, table: Id, held_by: Id })
export type TableWait = z.infer<typeof TableWait>

/** `targets` are `TABLE` or `TABLE.FIELD`, and bring what they are made from along; null or absent: all. */
export const Materialize = z.strictObject({
  targets: z.optional(z.nullable(z.array(z.string().check(z.maxLength(257))))),
  record_ids: z.optional(z.nullable(z.array(Text))),
  force: z.optional(z.boolean()),
  /** How long to wait while another run writes the same tables; 0: not at all. Default 60,000. */
  lock_timeout_ms: z.optional(z.int().check(z.minimum(0), z.maximum(3_600_000))),
})
export type Materialize = z.infer<typeof Materialize>

export const MaterializeAnswer = z.object({
  materialized: Count,
  skipped: Count,
  /** At most 10,000 of them; all are in the provenance, by `run_id` and `state`. */
  failures: z.array(z.object({ ...CellName.shape, error: z.string() })),
  /** How many there are, where these are not all. */
  failures_total: z.optional(Count),
  /** A JSON number, as in the first documents; a decimal string everywhere else. */
  total_cost: z.number(),
  run_id: Id,
  evidence_id: z.nullable(Id),
})
export type MaterializeAnswer = z.infer<typeof MaterializeAnswer>

/** What a materialize would do now, and what it would roughly cost. Nothing is derived. */
export const MaterializePreview = z.object({
  fields: z.array(
    z.object({
      table: Id,
      field: Id,
      /** By the state that they are in; with `force`, fresh ones too. */
      cells: z.record(CellState, Count),
      /** By what former cells of the field cost; null where there is none to go by. */
      cost: z.nullable(Decimal),
      duration_ms: z.nullable(Count),
      /** Number of former cells that the two are from. */
      basis: Count,
    }),
  ),
})
export type MaterializePreview = z.infer<typeof MaterializePreview>
