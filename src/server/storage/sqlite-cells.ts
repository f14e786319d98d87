import type { Database } from 'better-sqlite3'
import { CELL_STATE, keysOf, type CellState } from '#contract/status.ts'
import { sumOf } from '#evidence/summarise.ts'
import {
  StorageError,
  type ActRow,
  type CellRow,
  type CellStore,
  type FieldRow,
  type NewVersion,
  type Range,
  type RecordRow,
  type SourceRow,
  type VersionRow,
} from './storage.ts'

/** The place of a state here is its number in the store: released, and never another one. */
const STATES = keysOf(CELL_STATE)
const STALE = STATES.indexOf('stale')
const FAILED = STATES.indexOf('failed')

/**
 * Tables and cells in SQLite; `read` and `write` are the store's own. Statements are prepared once and run as they are:
 * a million rows pass here, and making a query takes longer than running it.
 */
export function cellsIn(
  db: Database,
  read: <T>(query: () => T) => Promise<T>,
  write: <T>(change: () => T) => Promise<T>,
): CellStore {
  type StoredSource = Omit<SourceRow, 'table' | 'fields' | 'private'> & {
    fields: string
    private: string
  }
  const source = db.prepare<[string], StoredSource>(
    'select sha256, stamp, generation, records, fields, private, read_at, fault from source where name = ?',
  )
  const putSource = db.prepare(
    `insert into source (name, sha256, stamp, generation, records, fields, private, read_at, fault)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (name) do update set sha256 = excluded.sha256, stamp = excluded.stamp,
       generation = excluded.generation, records = excluded.records, fields = excluded.fields,
       private = excluded.private, read_at = excluded.read_at, fault = excluded.fault`,
  )
  const putRecord = db.prepare<[string, string, string]>(
    'insert into record (name, record_id, body) values (?, ?, ?) on conflict do update set body = excluded.body',
  )
  const dropRecord = db.prepare<[string, string]>(
    'delete from record where name = ? and record_id = ?',
  )
  const records = db.prepare<RangeValues<string>, RecordRow>(
    `select record_id, body from record where name = ? and ${RANGE} ${WINDOW}`,
  )
  const recordsNamed = db.prepare<[string, string], RecordRow>(
    `select record_id, body from record where name = ? and record_id in ${NAMED}`,
  )
  const field = db.prepare<[string, string], StoredField>(
    `select field_id, name as "table", field, checked, generation, cost, made, busy_ms, fresh, stale, missing, failed
     from field where name = ? and field = ?`,
  )
  const nameOfField = db.prepare<[number], { table: string; field: string }>(
    'select name as "table", field from field where field_id = ?',
  )
  const makeField = db.prepare<[string, string]>('insert into field (name, field) values (?, ?)')
  const fieldsOfTable = db.prepare<[string], { field_id: number }>(
    'select field_id from field where name = ?',
  )
  const setChecked = db.prepare<[string, number]>('update field set checked = ? where field_id = ?')
  const count = STATES.map((state) =>
    db.prepare<[number, number]>(`update field set ${state} = ${state} + ? where field_id = ?`),
  )
  const changed = db.prepare<[number]>(
    'update field set generation = generation + 1 where field_id = ?',
  )
  const spent = db.prepare<[string, number, number, number]>(
    'update field set cost = ?, made = made + ?, busy_ms = busy_ms + ? where field_id = ?',
  )
  const costOf = db.prepare<[number], { cost: string }>('select cost from field where field_id = ?')

  const cells = db.prepare<RangeValues<number>, StoredCell>(
    `${CELL} where c.field_id = ? and ${RANGE_OF_CELLS} ${WINDOW_OF_CELLS}`,
  )
  const toDo = db.prepare<RangeValues<number>, StoredCell>(
    `${CELL} where c.field_id = ? and ${RANGE_OF_CELLS} and c.state <> 0 ${WINDOW_OF_CELLS}`,
  )
  // Written out, so that the index of what is not fresh can be seen to hold.
  const inState = STATES.map((_, state) =>
    db.prepare<RangeValues<number>, StoredCell>(
      `${CELL} where c.field_id = ? and ${RANGE_OF_CELLS} and c.state = ${state} ${
        state === 0 ? '' : 'and c.state <> 0'
      } ${WINDOW_OF_CELLS}`,
    ),
  )
  const cellsNamed = db.prepare<[number, string], StoredCell>(
    `${CELL} where c.field_id = ? and c.record_id in ${NAMED}`,
  )
  // By the run's own versions where they are few, since its cells may be few of very many.
  const ofRunFew = db.prepare<[string, number, ...RangeValues<number>], StoredCell>(
    `${CELL} where c.version in (${VERSIONS_OF_RUN})
     and c.field_id = ? and ${RANGE_OF_CELLS} ${WINDOW_OF_CELLS}`,
  )
  const ofRunMany = db.prepare<[string, ...RangeValues<number>], StoredCell>(
    `${CELL} where d.run_id = ? and c.field_id = ? and ${RANGE_OF_CELLS} ${WINDOW_OF_CELLS}`,
  )
  const beyondFew = db.prepare<[string, number], { version: number }>(
    `${VERSIONS_OF_RUN} limit 1 offset ${FEW}`,
  )
  const stateAt = db.prepare<[number, string], { state: number }>(
    'select state from cell where field_id = ? and record_id = ?',
  )
  const statesOf = db.prepare<[number, string], { state: number; cells: number }>(
    `select state, count(*) as cells from cell where field_id = ? and record_id in ${NAMED} group by state`,
  )
  // Many by one statement: a row costs a third of what it does by one of its own.
  const putStates = db.prepare<[number, number, string]>(
    `insert into cell (field_id, record_id, state) select ?, value, ? from json_each(?) where true
     on conflict do update set state = excluded.state`,
  )
  const putCells = db.prepare<[number, number, number]>(
    `insert into cell (field_id, record_id, state, version)
     select ?, record_id, iif(error is null, 0, ${FAILED}), version from version
     where version > ? and version <= ? order by version
     on conflict do update set state = excluded.state, version = excluded.version`,
  )
  const lastVersion = db.prepare<[], { version: number }>(
    'select coalesce(max(version), 0) as version from version',
  )
  const dropCell = db.prepare<[number, string]>(
    'delete from cell where field_id = ? and record_id = ?',
  )

  const putAway = db.prepare<[number, string]>(
    `insert or replace into gone (field_id, record_id, version)
     select field_id, record_id, version from cell where field_id = ? and record_id = ? and version is not null`,
  )
  const anyGone = db.prepare<[number], { one: 1 }>(
    'select 1 as one from gone where field_id = ? limit 1',
  )
  const bringBack = db.prepare<[number, number, string]>(
    `insert into cell (field_id, record_id, state, version)
     select field_id, record_id, ?, version from gone where field_id = ? and record_id = ? on conflict do nothing`,
  )
  const dropGone = db.prepare<[number, string]>(
    'delete from gone where field_id = ? and record_id = ?',
  )

  const act = db.prepare<[string, string, number, number], ActRow>(
    'select * from derivation where run_id = ? and step_id = ? and field_id = ? and attempt = ?',
  )
  const actById = db.prepare<[number], ActRow>('select * from derivation where act_id = ?')
  const makeAct = db.prepare(
    `insert into derivation (field_id, run_id, step_id, attempt, actor, sha256, body) values (?, ?, ?, ?, ?, ?, ?)`,
  )
  const actsOf = db.prepare<[string, string | null, string | null], ActRow>(
    'select * from derivation where run_id = ? and (? is null or step_id = ?) order by act_id',
  )
  const makeVersion = db.prepare(
    `insert into version
       (act_id, record_id, previous, value, value_sha256, inputs_sha256, inputs, looked_up, cost, error, at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const replaced = db.prepare<[number, number], { cost: string | null }>(
    'select cost from version where version = ? and act_id = ?',
  )
  const replace = db.prepare<[number]>('insert into replaced (version) values (?)')
  const firstOf = db.prepare<[number], { version: number | null }>(
    'select min(version) as version from version where act_id = ?',
  )
  const versionsOf = db.prepare<[number, number, number], StoredVersion>(
    `${VERSION} where v.act_id = ? and v.version > ? and v.version not in (select version from replaced)
     order by v.version limit ?`,
  )
  const oneVersion = db.prepare<[number], StoredVersion>(`${VERSION} where v.version = ?`)

  const digestKey = db.prepare<[], { bytes: Buffer }>('select bytes from digest_key')
  const makeDigestKey = db.prepare('insert into digest_key (one, bytes) values (1, ?)')

  function fieldRow(table: string, name: string): FieldRow | null {
    const row = field.get(table, name)
    if (row === undefined) return null
    const { fresh, stale, missing, failed, ...rest } = row
    return { ...rest, cells: { fresh, stale, missing, failed } }
  }

  function countTo(field_id: number, by: readonly number[]): void {
    for (const [state, change] of by.entries())
      if (change !== 0) count[state]?.run(change, field_id)
    changed.run(field_id)
  }

  /** Makes a change of these cells, and counts what their states were and are. */
  function counting(
    field_id: number,
    cells: readonly { record_id: string }[],
    change: () => void,
  ): void {
    const ids = JSON.stringify(cells.map(({ record_id }) => record_id))
    const by = STATES.map(() => 0)
    for (const one of statesOf.all(field_id, ids)) by[one.state] = -one.cells
    change()
    for (const one of statesOf.all(field_id, ids)) by[one.state] = (by[one.state] ?? 0) + one.cells
    countTo(field_id, by)
  }

  return {
    source: (table) =>
      read(() => {
        const row = source.get(table)
        if (row === undefined) return null
        return { ...row, table, fields: namesIn(row.fields), private: namesIn(row.private) }
      }),
    changeRecords: (table, { put, gone }) =>
      write(() => {
        for (const { record_id, body } of put) putRecord.run(table, record_id, body)
        for (const record_id of gone) dropRecord.run(table, record_id)
        for (const { field_id } of fieldsOfTable.all(table)) {
          const by = STATES.map(() => 0)
          for (const record_id of gone) {
            const known = stateAt.get(field_id, record_id)
            if (known === undefined) continue
            putAway.run(field_id, record_id)
            dropCell.run(field_id, record_id)
            by[known.state] = (by[known.state] ?? 0) - 1
          }
          for (const { record_id } of anyGone.get(field_id) === undefined ? [] : put) {
            if (bringBack.run(STALE, field_id, record_id).changes === 0) continue
            dropGone.run(field_id, record_id)
            by[STALE] = (by[STALE] ?? 0) + 1
          }
          if (by.some((change) => change !== 0)) countTo(field_id, by)
        }
      }),
    putSource: (row) =>
      write(() => {
        const { table, sha256, stamp, generation, read_at, fault } = row
        const [fields, hidden] = [JSON.stringify(row.fields), JSON.stringify(row.private)]
        putSource.run(table, sha256, stamp, generation, row.records, fields, hidden, read_at, fault)
      }),
    records: (table, range) => read(() => records.all(table, ...valuesOf(range))),
    recordsOf: (table, ids) => read(() => recordsNamed.all(table, JSON.stringify(ids))),

    field: async (table, name) =>
      (await read(() => fieldRow(table, name))) ??
      (await write(() => {
        if (fieldRow(table, name) === null) makeField.run(table, name)
        const made = fieldRow(table, name)
        if (made === null) throw new StorageError('failed', 'a field that was made is not there')
        return made
      })),
    fieldName: (field_id) =>
      read(() => {
        const row = nameOfField.get(field_id)
        if (row === undefined) throw new StorageError('conflict', `there is no field ${field_id}`)
        return row
      }),
    setChecked: (field_id, checked) =>
      write(() => {
        setChecked.run(checked, field_id)
      }),
    cells: (field_id, range) => read(() => cells.all(field_id, ...valuesOf(range)).map(cellOf)),
    cellsToDo: (field_id, range) => read(() => toDo.all(field_id, ...valuesOf(range)).map(cellOf)),
    cellsIn: (field_id, state, range) =>
      read(() =>
        (inState[STATES.indexOf(state)]?.all(field_id, ...valuesOf(range)) ?? []).map(cellOf),
      ),
    cellsOf: (field_id, ids) =>
      read(() => cellsNamed.all(field_id, JSON.stringify(ids)).map(cellOf)),
    cellsOfRun: (field_id, run_id, range) =>
      read(() => {
        const values = [field_id, ...valuesOf(range)] as const
        const isMany = beyondFew.get(run_id, field_id) !== undefined
        const rows = isMany
          ? ofRunMany.all(run_id, ...values)
          : ofRunFew.all(run_id, field_id, ...values)
        return rows.map(cellOf)
      }),
    setStates: (field_id, states) =>
      write(() =>
        counting(field_id, states, () => {
          for (const [at, state] of STATES.entries()) {
            const ids = states.flatMap((one) => (one.state === state ? [one.record_id] : []))
            if (ids.length > 0) putStates.run(field_id, at, JSON.stringify(ids))
          }
        }),
      ),

    beginAct: (begun) =>
      write(() => {
        const { field_id, run_id, step_id, attempt, actor, sha256, body } = begun
        if (act.get(run_id, step_id, field_id, attempt) === undefined)
          makeAct.run(field_id, run_id, step_id, attempt, actor, sha256, body)
        const row = act.get(run_id, step_id, field_id, attempt)
        if (row === undefined) throw new StorageError('failed', 'an act that was made is not there')
        return row
      }),
    act: (act_id) => read(() => actById.get(act_id) ?? null),
    acts: (run_id, step_id) => read(() => actsOf.all(run_id, step_id, step_id)),
    putVersions: (act_id, versions, busy_ms) =>
      write(() => {
        const row = actById.get(act_id)
        if (row === undefined) throw new StorageError('conflict', `there is no act ${act_id}`)
        const { field_id } = row
        const costs = versions.flatMap(({ cost }) => cost ?? [])
        let tried = versions.filter(({ inputs }) => inputs.length > 0).length
        const own = firstOf.get(act_id)?.version ?? Infinity
        counting(field_id, versions, () => {
          let last = lastVersion.get()?.version ?? 0
          const before = last
          for (const version of versions) {
            const { previous } = version
            const again =
              previous === null || previous < own ? null : replaced.get(previous, act_id)
            if (previous !== null && again) {
              replace.run(previous)
              tried -= 1
              costs.push(`-${again.cost ?? '0'}`)
            }
            last = Number(makeVersion.run(act_id, ...versionValues(version)).lastInsertRowid)
          }
          putCells.run(field_id, before, last)
        })
        const cost = sumOf([costOf.get(field_id)?.cost ?? '0', ...costs])
        spent.run(cost, tried, busy_ms, field_id)
      }),
    versionsOf: (act_id, after, limit) =>
      read(() => versionsOf.all(act_id, after, limit).map(versionOf)),
    version: (version) =>
      read(() => {
        const row = oneVersion.get(version)
        return row === undefined ? null : versionOf(row)
      }),
    digestKey: (made) =>
      write(() => {
        const known = digestKey.get()?.bytes
        if (known === undefined) makeDigestKey.run(Buffer.from(made))
        return known ?? made
      }),
  }
}

type RangeValues<Of> = [
  of: Of,
  after: string,
  to: string | null,
  to: string | null,
  limit: number,
  skip: number,
]

// In one query: to begin one takes longer than to find a row.
const NAMED = '(select value from json_each(?))'

// No key is empty, so that every key is after ''.
const RANGE = 'record_id > ? and (? is null or record_id <= ?)'
const WINDOW = 'order by record_id limit ? offset ?'
const RANGE_OF_CELLS = RANGE.replaceAll('record_id', 'c.record_id')
const WINDOW_OF_CELLS = WINDOW.replaceAll('record_id', 'c.record_id')

function valuesOf({
  after,
  to,
  limit,
  skip,
}: Range): [string, string | null, string | null, number, number] {
  return [after ?? '', to ?? null, to ?? null, limit, skip ?? 0]
}

const MADE = `v.version, v.act_id, v.previous, v.value, v.value_sha256, v.inputs_sha256, v.inputs, v.looked_up,
  v.cost, v.error, v.at, d.field_id, d.run_id, d.step_id, d.attempt, d.actor, d.sha256`
const VERSION = `select v.record_id, ${MADE} from version v join derivation d on d.act_id = v.act_id`
const CELL = `select c.record_id, c.state, ${MADE}
  from cell c left join version v on v.version = c.version left join derivation d on d.act_id = v.act_id`

const VERSIONS_OF_RUN = `select version from version where act_id in (
  select act_id from derivation where run_id = ? and field_id = ?)`
const FEW = 20_000

type StoredField = Omit<FieldRow, 'cells'> & FieldRow['cells']

type StoredVersion = Omit<NewVersion, 'value_sha256' | 'inputs_sha256' | 'inputs' | 'looked_up'> &
  Omit<ActRow, 'body'> & {
    version: number
    value_sha256: Buffer | null
    inputs_sha256: Buffer
    inputs: Buffer
    looked_up: string | null
  }
/** `version` is null, with all that comes of it, where nothing was computed yet. */
type StoredCell =
  | { record_id: string; state: number; version: null }
  | (StoredVersion & { state: number })

function cellOf(row: StoredCell): CellRow {
  const { record_id } = row
  return {
    record_id,
    state: stateOf(row.state),
    version: row.version === null ? null : versionOf(row),
  }
}

function stateOf(place: number): CellState {
  const state = STATES[place]
  if (state === undefined) throw new StorageError('damaged', `a cell has the state ${place}`)
  return state
}

function versionOf(row: StoredVersion): VersionRow {
  const { act_id, field_id, run_id, step_id, attempt, actor, sha256 } = row
  const { version, record_id, previous, value, cost, error, at } = row
  return {
    version,
    record_id,
    previous,
    value,
    value_sha256: row.value_sha256?.toString('hex') ?? null,
    inputs_sha256: row.inputs_sha256.toString('hex'),
    inputs: digestsIn(row.inputs),
    looked_up: row.looked_up === null ? [] : keysIn(row.looked_up),
    cost,
    error,
    at,
    act: { act_id, field_id, run_id, step_id, attempt, actor, sha256 },
  }
}

function versionValues(version: NewVersion): unknown[] {
  const { record_id, previous, value, value_sha256, inputs_sha256, inputs, looked_up } = version
  return [
    record_id,
    previous,
    value,
    value_sha256 === null ? null : Buffer.from(value_sha256, 'hex'),
    Buffer.from(inputs_sha256, 'hex'),
    Buffer.from(inputs.join(''), 'hex'),
    looked_up.length === 0 ? null : JSON.stringify(looked_up),
    version.cost,
    version.error,
    version.at,
  ]
}

function namesIn(text: string): string[] {
  return keysIn(text).filter((name) => name !== null)
}

const DIGEST_BYTES = 32

function digestsIn(bytes: Buffer): string[] {
  return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, n) =>
    bytes.toString('hex', n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES),
  )
}

function keysIn(text: string): (string | null)[] {
  const keys: unknown = JSON.parse(text)
  return Array.isArray(keys) ? keys.map((key) => (typeof key === 'string' ? key : null)) : []
}
