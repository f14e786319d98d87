import { canonicalize } from '#evidence/canonical.ts'
import type { CellRow, CellStore, RecordRow } from '#server/storage/storage.ts'
import { inputsOf, type Inputs } from './judge-cell.ts'
import type { ValueDigest } from './private-digest.ts'
import { keyIn } from './record-key.ts'
import {
  isPrivateInput,
  isPrivateLookup,
  stepIdOf,
  type DerivedField,
  type From,
  type Tables,
} from './table-definition.ts'

/** A record's cell of a field, with what it would be made from now. */
export type Judged = { record_id: string; cell: CellRow | null; inputs: Inputs }

/** Looks at records of a field's table as they are stored now, some hundred at one time. `own`: their cells, if known. */
export type Judge = (
  field: DerivedField,
  records: readonly RecordRow[],
  own?: readonly CellRow[],
) => Promise<Judged[]>

export function createJudge(cells: CellStore, tables: Tables, digest: ValueDigest): Judge {
  const derived = new Map(
    Array.from(tables.values()).flatMap((table) =>
      table.derived.map((one) => [stepIdOf(one), one]),
    ),
  )
  const isDerived = (from: From) => derived.has(stepIdOf(from))
  const keyOf = (from: From, value: unknown) => keyIn(tables, from.table, value)

  return async (field, records, known) => {
    const ids = records.map(({ record_id }) => record_id)
    const { field_id } = await cells.field(field.table, field.field)
    const own = byRecord(known ?? (await cells.cellsOf(field_id, ids)))
    const parsed = new Map(records.map(({ record_id, body }) => [record_id, membersOf(body)]))
    /** Of other records and cells, by input. */
    const values = new Map<From, ReadonlyMap<string, Members>>()
    const inputCells = new Map<From, ReadonlyMap<string, CellRow>>()
    for (const from of field.from) {
      const { by } = from
      const keys =
        by === null ? ids : keysOf(parsed.values(), (members) => keyOf(from, members[by]))
      if (isDerived(from)) {
        const input = await cells.field(from.table, from.field)
        inputCells.set(from, byRecord(await cells.cellsOf(input.field_id, keys)))
      } else if (from.by === null) values.set(from, parsed)
      else {
        const found = await cells.recordsOf(from.table, keys)
        values.set(from, new Map(found.map((one) => [one.record_id, membersOf(one.body)])))
      }
    }
    const found = {
      isDerived,
      key: keyOf,
      isHidden: (from: From) => isPrivateLookup(tables, field.table, from.by),
      digest: (from: From, canonical: string) =>
        digest(canonical, isPrivateInput(tables, field.table, from)),
      cell: (from: From, key: string | null) => inputCells.get(from)?.get(key ?? '') ?? null,
      value: (from: From, key: string | null) => {
        const value = values.get(from)?.get(key ?? '')?.[from.field]
        return value === undefined ? null : canonicalize(value)
      },
    }
    return ids.map((record_id) => ({
      record_id,
      cell: own.get(record_id) ?? null,
      inputs: inputsOf(field, parsed.get(record_id) ?? {}, found, record_id),
    }))
  }
}

type Members = Readonly<Record<string, unknown>>

export function membersOf(body: string): Members {
  const value: unknown = JSON.parse(body)
  return isObject(value) ? value : {}
}

// A copy of each would be the half of what it takes.
function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

function keysOf(records: Iterable<Members>, keyOf: (members: Members) => string | null): string[] {
  return [...new Set(Array.from(records, keyOf))].flatMap((key) => key ?? [])
}

function byRecord(rows: readonly CellRow[]): ReadonlyMap<string, CellRow> {
  return new Map(rows.map((row) => [row.record_id, row]))
}
