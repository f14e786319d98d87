import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import type { CellState } from '#contract/status.ts'
import type { CellRow, CellStore, SourceRow, VersionRow } from '#server/storage/storage.ts'
import {
  isPrivateInput,
  type DerivedField,
  type TableDefinition,
  type Tables,
} from './table-definition.ts'

/** What an act's body says of the derivation by which its versions were made. */
export const ActBody = z.object({
  command: z.array(z.string()),
  version: z.nullable(z.string()),
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
  /** The field was. */
  private: z.optional(z.boolean()),
  from: z.array(
    z.object({
      name: z.string(),
      table: z.string(),
      field: z.string(),
      by: z.nullable(z.string()),
      /** Not in those of before it was kept. */
      keyed: z.optional(z.boolean()),
    }),
  ),
})
export type ActBody = z.infer<typeof ActBody>

export function actBodyIn(text: string): ActBody {
  const parsed = parseJson(ActBody, text)
  if (parsed.ok) return parsed.value
  throw new TypeError(`a derivation that says nothing: ${parsed.error.at} ${parsed.error.message}`)
}

/** What may be told of a version, whose field and inputs may have become private, or public, since it was made. */
export type Told = {
  /** As the field is or was: its value is not told, and its digest is keyed or not told. */
  private: boolean
  value: string | null
  value_sha256: string | null
  /** With their digests, and the digest of these. */
  inputs: boolean
  error: string | null
  /** What of it was not private when it was made, and is not told now. */
  withheld: readonly ('value' | 'inputs' | 'error')[]
}

export function toldOf(
  tables: Tables,
  field: Pick<DerivedField, 'table' | 'private' | 'from'>,
  { value, value_sha256, error }: Pick<VersionRow, 'value' | 'value_sha256' | 'error'>,
  made: ActBody,
): Told {
  const isKeyed = made.private ?? false
  const isPrivate = field.private || isKeyed
  const isBare = made.from.some(
    (from) => !(from.keyed ?? false) && isPrivateInput(tables, field.table, from),
  )
  const wereWordsHeld = isKeyed || made.from.some(({ keyed }) => keyed ?? false)
  const isHeldNow =
    field.private || isBare || field.from.some((from) => isPrivateInput(tables, field.table, from))
  const isBareValue = isPrivate && !isKeyed
  const areWordsHeld = error !== null && isHeldNow && !wereWordsHeld
  return {
    private: isPrivate,
    value: isPrivate ? null : value,
    // Attacker: whoever guesses a value, and tells by its bare digest that the guess is right.
    value_sha256: isBareValue ? null : value_sha256,
    inputs: !isBare,
    error: areWordsHeld ? WITHHELD_SINCE : error,
    withheld: [
      ...(isBareValue && value_sha256 !== null ? (['value'] as const) : []),
      ...(isBare ? (['inputs'] as const) : []),
      ...(areWordsHeld ? (['error'] as const) : []),
    ],
  }
}

const WITHHELD_SINCE = 'withheld, since a value has become private'

/** By record, the state of cells of a field, and what may be told of each; null where nothing was made. */
export async function toldCells(
  cells: Pick<CellStore, 'act'>,
  tables: Tables,
  field: DerivedField,
  rows: readonly CellRow[],
): Promise<ReadonlyMap<string, { state: CellState; told: Told | null }>> {
  const acts = new Set(rows.flatMap(({ version }) => version?.act.act_id ?? []))
  const bodies = new Map(
    await Promise.all(
      Array.from(acts, async (act_id) => {
        const act = await cells.act(act_id)
        return [act_id, actBodyIn(act?.body ?? '')] as const
      }),
    ),
  )
  return new Map(
    rows.map(({ record_id, state, version }) => {
      const made = version && bodies.get(version.act.act_id)
      return [record_id, { state, told: made ? toldOf(tables, field, version, made) : null }]
    }),
  )
}

/**
 * Is a field of the stored records one that is not told? They may be those of another definition than the one of now, and
 * what was private when they were read, or is no field now, stays untold [MT14].
 */
export function withheld(
  { private: hidden, fields }: TableDefinition,
  source: SourceRow | null,
): (field: string) => boolean {
  return (field) =>
    hidden.has(field) ||
    (source?.private.includes(field) ?? false) ||
    (fields !== null && !Object.hasOwn(fields, field))
}
