import * as z from 'zod/mini'
import { Id, Key, Text } from './scalar.ts'
import { FIELD_TYPE, keysOf, SOURCE_KIND } from './status.ts'

/*
 * `runseal.yaml`, as a person writes it. Defaults, references, cycles and paths are the loader's (SPEC [D..]); this is
 * the shape alone. Closed: a misspelt member is an error, with its place in the file.
 */

/** `1500ms`, `30s`, `5m`, `2h`, `1d`. */
export const Duration = z
  .string()
  .check(
    z.regex(/^[1-9]\d{0,8}(ms|s|m|h|d)$/, 'must be a duration such as 500ms, 30s, 5m, 2h or 1d'),
  )

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds of a `Duration`. */
export function durationMs(duration: string): number {
  const unit = duration.endsWith('ms') ? 'ms' : duration.slice(-1)
  for (const [name, ms] of Object.entries(UNIT_MS))
    if (name === unit) return Number.parseInt(duration, 10) * ms
  throw new RangeError(`not a duration: ${duration}`)
}

/**
 * Value of a step's variable: written here, or taken `from` a variable of the server's environment at the start of the
 * run. A secret one is masked in logs and never recorded.
 */
const EnvValue = z.union([
  Text,
  z.strictObject({ value: Text, secret: z.optional(z.boolean()) }),
  z.strictObject({
    from: z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/)),
    secret: z.optional(z.boolean()),
  }),
])

/** Not RUNSEAL_*, not INPUT_*: those are not a definition's to set. */
const EnvName = z
  .string()
  .check(
    z.regex(
      /^(?!RUNSEAL_|INPUT_)[A-Za-z_][A-Za-z0-9_]{0,127}$/,
      'is no name for a variable of a step',
    ),
  )

const Retries = z.int().check(z.minimum(0), z.maximum(100))

const FieldName = z
  .string()
  .check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'must be letters, digits and _, at most 64'))

/** With a field after a dot it is the id of a step, so it has no dot of its own. */
const TableName = z
  .string()
  .check(z.regex(/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/, 'must be letters, digits, _ and -, at most 63'))

const FieldNames = z.array(FieldName).check(z.maxLength(100))

/**
 * An input of a derivation: a field of the same record, or of the record of another table whose key is in the field
 * `by` of this record. `as` is what the process knows it by; by default, the field's name.
 */
const DefinedFrom = z.union([
  FieldName,
  z.strictObject({ field: FieldName, as: z.optional(FieldName) }),
  z.strictObject({
    table: TableName,
    field: FieldName,
    by: FieldName,
    as: z.optional(FieldName),
  }),
])

/**
 * A derived field: values made from others by a process that reads `{record_id, inputs}` and writes `{record_id, value,
 * cost}` or `{record_id, error}`, a line of JSON each.
 */
const DefinedDerivation = z.strictObject({
  from: z.array(DefinedFrom).check(z.minLength(1), z.maxLength(100)),
  type: z.optional(z.enum(keysOf(FIELD_TYPE))),
  run: z.optional(Text),
  argv: z.optional(z.array(Text).check(z.minLength(1), z.maxLength(1000))),
  env: z.optional(z.record(EnvName, EnvValue)),
  cwd: z.optional(z.string()),
  /** Records that one process is given. Default 100. */
  batch: z.optional(z.int().check(z.minimum(1), z.maximum(100_000))),
  /** Processes at one time. Default 1. */
  concurrency: z.optional(z.int().check(z.minimum(1), z.maximum(64))),
  /** Of one process. */
  timeout: z.optional(Duration),
  /** How many more times a cell that failed is tried in one run. */
  retries: z.optional(Retries),
  /** A word of the author's: another one makes every cell stale. */
  version: z.optional(Text),
  /** Files, from the root, that are a part of the derivation: another content makes every cell stale. */
  files: z.optional(z.array(z.string()).check(z.maxLength(100))),
  private: z.optional(z.boolean()),
})
export type DefinedDerivation = z.infer<typeof DefinedDerivation>

export const DefinedTable = z.strictObject({
  source: z.strictObject({
    kind: z.enum(keysOf(SOURCE_KIND)),
    /** From the root. */
    path: z.string(),
    /** Of `sqlite`, and only there: one that reads. */
    query: z.optional(Text),
    /**
     * Of `json`, and only there: where in the document the records are, as a JSON pointer. An array of objects, or an
     * object of objects, of which each member's name is its key; a member without a name is no record.
     */
    at: z.optional(
      z
        .string()
        .check(z.regex(/^(\/([^~/]|~[01])*)+$/, 'must be a JSON pointer such as /packages')),
    ),
  }),
  key: FieldName,
  /** Fields of the source and their types, and no others; without it, those that the records have. */
  fields: z.optional(z.record(FieldName, z.enum(keysOf(FIELD_TYPE)))),
  /** Fields of the source whose values never leave the server. */
  private: z.optional(FieldNames),
  derive: z.optional(z.record(FieldName, DefinedDerivation)),
})
export type DefinedTable = z.infer<typeof DefinedTable>

export const DefinedStep = z.strictObject({
  id: Id,
  /** What sort of work it is, shown and recorded: `test`, `build`, … Default `command`. */
  kind: z.optional(Key),
  /** Shell text, run by `/bin/sh -c`. One of `run` and `argv`. */
  run: z.optional(Text),
  /** The program and its arguments. An element `{{inputs.NAME}}` is replaced whole. */
  argv: z.optional(z.array(Text).check(z.minLength(1), z.maxLength(1000))),
  /** Instead of a process: derives these tables or `TABLE.FIELD`s. */
  materialize: z.optional(z.array(z.string()).check(z.minLength(1), z.maxLength(1000))),
  needs: z.optional(z.array(Id)),
  retries: z.optional(Retries),
  timeout: z.optional(Duration),
  env: z.optional(z.record(EnvName, EnvValue)),
  cwd: z.optional(z.string()),
  /**
   * Paths of regular files, from cwd, kept by digest when the step succeeds. A step that derives one table may have one:
   * it writes the table there, a line of JSON a record.
   */
  artifacts: z.optional(z.array(z.string()).check(z.maxLength(1000))),
})
export type DefinedStep = z.infer<typeof DefinedStep>

export const DefinedGate = z.strictObject({
  id: Id,
  needs: z.optional(z.array(Id)),
  /** `{{inputs.NAME}}` is replaced when the run starts, and the question is frozen then. */
  question: Text,
  /** Who may decide. Default `[approver]`. */
  roles: z.optional(z.array(z.enum(['approver', 'admin']))),
  users: z.optional(z.array(Key)),
  quorum: z.optional(z.int().check(z.minimum(1), z.maximum(100))),
  four_eyes: z.optional(z.boolean()),
  /** Unanswered for so long, the gate resolves as expired and the run ends as aborted. */
  expires: z.optional(Duration),
  sign: z.optional(z.enum(['session', 'passkey'])),
  /** Artifacts (`STEP_ID/path`) displayed open beside the question. */
  show: z.optional(z.array(z.string())),
  inputs: z.optional(
    z.array(
      z.strictObject({ name: Key, label: z.optional(Text), required: z.optional(z.boolean()) }),
    ),
  ),
})
export type DefinedGate = z.infer<typeof DefinedGate>

export const DefinedInput = z.strictObject({
  description: z.optional(Text),
  default: z.optional(Text),
  /** One of these values. */
  options: z.optional(z.array(Text).check(z.minLength(1))),
})
export type DefinedInput = z.infer<typeof DefinedInput>

export const DefinedRun = z.strictObject({
  title: z.optional(Text),
  /** An input without a default is required. Name: letters, digits, `_`; the variable is `INPUT_` + upper case. */
  inputs: z.optional(z.record(z.string().check(z.regex(/^[a-z][a-z0-9_]{0,63}$/)), DefinedInput)),
  steps: z.array(DefinedStep).check(z.minLength(1), z.maxLength(100_000)),
  gates: z.optional(z.array(DefinedGate)),
})
export type DefinedRun = z.infer<typeof DefinedRun>

export const Project = z.strictObject({
  /** Folder that cwd and artifacts stay inside, from the file's own. Default `.`. */
  root: z.optional(Text),
  runs: z.optional(z.record(Id, DefinedRun)),
  tables: z.optional(z.record(TableName, DefinedTable)),
})
export type Project = z.infer<typeof Project>
