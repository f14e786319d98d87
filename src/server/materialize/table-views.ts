import type {
  FieldStatus,
  GridCell,
  RecordPage,
  Table,
  TableField,
  TableRecord,
  TableWait,
} from '#contract/provenance.ts'
import type { CellState, FieldType } from '#contract/status.ts'
import { ProblemError } from '#server/problem.ts'
import type { CellRow, CellStore, RecordRow, SourceRow } from '#server/storage/storage.ts'
import { membersOf } from './judge-records.ts'
import type { Materializer, Progress } from './materializer.ts'
import { keyIn } from './record-key.ts'
import { derivedOf, stepIdOf, type DerivedField, type TableDefinition } from './table-definition.ts'
import { toldCells, type Told, withheld } from './told-version.ts'

/** Tables as they are read and derived, for who looks at them. No private value is in what is answered. */
export type TableViews = {
  tables(): Promise<Table[]>
  status(): Promise<FieldStatus[]>
  waits(): TableWait[]
  records(table: string, filter: RecordFilter, page: RecordWindow): Promise<RecordPage>
  /** With its values whole. */
  record(table: string, record_id: string): Promise<TableRecord>
}

export type RecordFilter = { state: CellState | null; field: string | null; q: string | null }
export type RecordWindow = { cursor: string | null; offset: number | null; limit: number }

export function createTableViews(
  materializer: Pick<Materializer, 'project' | 'progress' | 'waits' | 'derivationOf'>,
  cells: CellStore,
  now: () => Date,
): TableViews {
  const tables = () => materializer.project().tables

  async function tableOf(table: TableDefinition): Promise<Table> {
    const source = await cells.source(table.name)
    const derived = await Promise.all(table.derived.map(derivedFieldOf))
    return {
      table: table.name,
      source: { kind: table.source.kind, path: table.source.path },
      key: table.key,
      fields: [...sourceFieldsOf(table, source), ...derived],
      records: source?.records ?? 0,
      read_at: source?.read_at ?? null,
      fault: source?.fault ?? null,
    }
  }

  async function derivedFieldOf(field: DerivedField): Promise<TableField> {
    const derivation = await materializer.derivationOf(field)
    return {
      field: field.field,
      type: field.type,
      private: field.private,
      derived: {
        command: [...field.step.argv],
        version: field.version,
        files: [...(derivation?.files ?? [])],
        sha256: derivation?.sha256 ?? null,
        from: [...field.from],
        batch: field.batch,
        concurrency: field.concurrency,
        timeout_ms: field.step.timeout_ms,
        retries: field.retries,
      },
    }
  }

  /** Whole, or as a grid has them. */
  async function rowsOf(
    table: TableDefinition,
    records: readonly RecordRow[],
    maxChars: number,
  ): Promise<TableRecord[]> {
    const isWithheld = withheld(table, await cells.source(table.name))
    const ids = records.map(({ record_id }) => record_id)
    const found = new Map<string, ReadonlyMap<string, GridCell>>()
    for (const field of table.derived) {
      const { field_id } = await cells.field(table.name, field.field)
      found.set(field.field, await gridCellsOf(field, await cells.cellsOf(field_id, ids), maxChars))
    }
    return records.map(({ record_id, body }) => ({
      record_id,
      ...shownValues(body, isWithheld, maxChars),
      cells: Object.fromEntries(
        table.derived.map(({ field }) => [field, found.get(field)?.get(record_id) ?? NO_CELL]),
      ),
    }))
  }

  async function gridCellsOf(
    field: DerivedField,
    rows: readonly CellRow[],
    maxChars: number,
  ): Promise<ReadonlyMap<string, GridCell>> {
    const found = await toldCells(cells, tables(), field, rows)
    return new Map(
      Array.from(found, ([record_id, { state, told }]) => [
        record_id,
        gridCellOf(state, told, maxChars),
      ]),
    )
  }

  /** Keys of records with a cell in that state, in their order, after one. */
  async function idsInState(
    table: TableDefinition,
    state: CellState,
    field: string | null,
    window: { after: string | null; limit: number; skip?: number },
  ): Promise<string[]> {
    const names = table.derived
      .map((one) => one.field)
      .filter((one) => field === null || one === field)
    const ids = new Set<string>()
    for (const name of names) {
      const { field_id } = await cells.field(table.name, name)
      for (const { record_id } of await cells.cellsIn(field_id, state, window)) ids.add(record_id)
    }
    return [...ids].toSorted(byKey).slice(0, window.limit)
  }

  async function filtered(
    table: TableDefinition,
    { state, field, q }: RecordFilter,
    after: string | null,
    limit: number,
    skip: number,
  ): Promise<{ records: RecordRow[]; next: string | null }> {
    const most = q === null ? limit + 1 : SEARCHED
    let records: RecordRow[]
    if (state === null) records = await cells.records(table.name, { after, limit: most, skip })
    else {
      const ids = await idsInState(table, state, field, { after, limit: most, skip })
      const found = await cells.recordsOf(table.name, ids)
      records = found.toSorted((a, b) => byKey(a.record_id, b.record_id))
    }
    if (q === null) {
      const shown = records.slice(0, limit)
      return {
        records: shown,
        next: records.length > limit ? (shown.at(-1)?.record_id ?? null) : null,
      }
    }
    const matching: RecordRow[] = []
    for (const page of chunksOf(records, CHUNK)) {
      for (const [at, row] of (await rowsOf(table, page, Infinity)).entries()) {
        const record = page[at]
        if (record !== undefined && isMatch(row, q)) matching.push(record)
        if (matching.length === limit) return { records: matching, next: row.record_id }
      }
      // Others have their turn.
      await new Promise(setImmediate)
    }
    const isEnd = records.length < most
    return { records: matching, next: isEnd ? null : (records.at(-1)?.record_id ?? null) }
  }

  return {
    tables: async () => await Promise.all(Array.from(tables().values(), tableOf)),

    async status() {
      const progress = materializer.progress()
      return await Promise.all(
        derivedOf(tables()).map(async (one) => {
          const { cells: counts, cost } = await cells.field(one.table, one.field)
          const running = runningOf(progress.get(stepIdOf(one)) ?? null, now())
          return { table: one.table, field: one.field, cells: { ...counts }, cost, running }
        }),
      )
    },

    waits: () => materializer.waits(),

    async record(name, written) {
      const table = tableNamed(name)
      const record_id = keyIn(tables(), name, written)
      const found = record_id === null ? [] : await cells.recordsOf(name, [record_id])
      const [row] = await rowsOf(table, found, Infinity)
      if (row !== undefined) return row
      throw new ProblemError('unknown_record', `${name} has no record ${JSON.stringify(written)}`)
    },

    async records(name, filter, { cursor, offset, limit }) {
      const table = tableNamed(name)
      const { state, field, q } = filter
      if (field !== null && !table.derived.some((one) => one.field === field))
        throw new ProblemError('unknown_target', `table ${name} derives no ${field}`)
      if (offset !== null && (cursor !== null || q !== null || (state !== null && field === null)))
        throw new ProblemError(
          'bad_request',
          'query/offset: counts records of a table, or of a state of one field, and goes with neither cursor nor q',
        )
      const after = cursor === null ? null : keyOfCursor(cursor)
      const { records, next } = await filtered(table, filter, after, limit, offset ?? 0)
      return {
        items: await rowsOf(table, records, MAX_GRID_CHARS),
        next_cursor: next === null ? null : cursorOf(next),
        total: await totalOf(table, filter),
      }
    },
  }

  function tableNamed(name: string): TableDefinition {
    const table = tables().get(name)
    if (table === undefined) throw new ProblemError('unknown_target', `no table ${name}`)
    return table
  }

  async function totalOf(
    table: TableDefinition,
    { state, field, q }: RecordFilter,
  ): Promise<number | null> {
    if (q !== null) return null
    if (state === null) return (await cells.source(table.name))?.records ?? 0
    const [only, ...others] = table.derived.filter((one) => field === null || one.field === field)
    if (only === undefined) return 0
    return others.length > 0 ? null : (await cells.field(table.name, only.field)).cells[state]
  }
}

/** Records that one search looks at. */
const SEARCHED = 5000
const CHUNK = 500
const MAX_GRID_CHARS = 2000

function* chunksOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

function byKey(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function sourceFieldsOf(table: TableDefinition, source: SourceRow | null): TableField[] {
  const isWithheld = withheld(table, source)
  const type = table.source.kind === 'csv' ? 'text' : 'json'
  const named: [string, FieldType][] =
    table.fields === null
      ? (source?.fields ?? []).map((name) => [name, type])
      : Object.entries(table.fields)
  return named.map(([field, type]) => ({ field, type, private: isWithheld(field), derived: null }))
}

function shownValues(
  body: string,
  isWithheld: (field: string) => boolean,
  maxChars: number,
): Pick<TableRecord, 'values' | 'cut'> {
  const told = Object.entries(membersOf(body)).map(([name, value]) => {
    const isTold = !isWithheld(name)
    const isCut = isTold && maxChars < Infinity && JSON.stringify(value).length > maxChars
    return { name, value: isTold && !isCut ? value : null, isCut }
  })
  return {
    values: Object.fromEntries(told.map(({ name, value }) => [name, value])),
    cut: told.flatMap(({ name, isCut }) => (isCut ? [name] : [])),
  }
}

function gridCellOf(state: CellState, told: Told | null, maxChars: number): GridCell {
  const value = told?.value ?? null
  const cut = (value?.length ?? 0) > maxChars
  return {
    state,
    value: value === null || cut ? null : JSON.parse(value),
    cut,
    error: state === 'failed' ? (told?.error ?? null) : null,
  }
}

const NO_CELL: GridCell = { state: 'missing', value: null, cut: false, error: null }

function isMatch({ record_id, values, cells }: TableRecord, q: string): boolean {
  const wanted = lowered(q)
  const texts = [
    record_id,
    ...Object.values(values),
    ...Object.values(cells).map(({ value }) => value),
  ]
  return texts.some((text) => lowered(textOf(text)).includes(wanted))
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === null || value === undefined ? '' : JSON.stringify(value)
}

/** Of A to Z alone, as everywhere that is searched. */
export function lowered(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}

export function runningOf(progress: Progress | null, now: Date): FieldStatus['running'] {
  if (progress === null) return null
  const { run_id, done, total, started_at } = progress
  const rate = rateOf(progress, now)
  const isOver = done >= total
  return {
    run_id,
    done,
    total,
    started_at,
    cells_per_second: rate === null ? null : Math.round(rate * 100) / 100,
    left_ms: rate === null || isOver ? null : Math.round(((total - done) / rate) * 1000),
  }
}

/** Cells a second; null while the first of them say more of how a process begins than of how fast it is. */
function rateOf({ done, total, started_at }: Progress, now: Date): number | null {
  const ms = now.getTime() - Date.parse(started_at)
  const isMeasured = done > 0 && ms >= BASIS_MS && done >= Math.min(BASIS_CELLS, total / 10)
  return isMeasured ? (done / ms) * 1000 : null
}

const BASIS_MS = 2000
const BASIS_CELLS = 10

function cursorOf(record_id: string): string {
  return Buffer.from(record_id).toString('base64url')
}

function keyOfCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString('utf8')
  if (key === '' || cursorOf(key) !== cursor)
    throw new ProblemError('bad_request', 'query/cursor: is no cursor of this list')
  return key
}
