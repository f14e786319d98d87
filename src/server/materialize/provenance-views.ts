import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import type { CellName, CellVersion, Lineage, Provenance } from '#contract/provenance.ts'
import type { CellState } from '#contract/status.ts'
import { ProblemError } from '#server/problem.ts'
import type { CellRow, PageRequest, Page, Storage, VersionRow } from '#server/storage/storage.ts'
import type { Materializer } from './materializer.ts'
import { membersOf } from './judge-records.ts'
import { keyIn } from './record-key.ts'
import {
  derivedOf,
  isDerivedIn,
  isPrivateInput,
  isPrivateLookup,
  type DerivedField,
  type From,
  type Tables,
} from './table-definition.ts'
import { lowered, textOf } from './table-views.ts'
import { actBodyIn, toldOf, type ActBody } from './told-version.ts'

/** Where the values of cells are from. No private value is in what is answered. */
export type ProvenanceViews = {
  list(filter: ProvenanceFilter, page: PageRequest): Promise<Page<Provenance>>
  /** `unknown_target`, `unknown_record`. */
  history(cell: CellName, page: PageRequest): Promise<Page<CellVersion>>
  lineage(cell: CellName, direction: 'up' | 'down'): Promise<Lineage>
}

export type ProvenanceFilter = {
  table: string | null
  record_id: string | null
  field: string | null
  state: CellState | null
  run_id: string | null
  q: string | null
}

export function createProvenanceViews(
  materializer: Pick<Materializer, 'project' | 'derivationOf'>,
  { cells, runs }: Pick<Storage, 'cells' | 'runs'>,
): ProvenanceViews {
  const tables = (): Tables => materializer.project().tables

  /** Tables, bodies of acts and envelopes of runs, for one answer. */
  function createLookups() {
    const known = tables()
    const isDerived = isDerivedIn(known)
    const bodies = new Map<number, Promise<ActBody>>()
    const evidence = new Map<string, Promise<string | null>>()
    return {
      isDerived,
      isPrivate: (own: string, from: From) => isPrivateInput(known, own, from),
      told: (field: DerivedField, version: VersionRow, made: ActBody) =>
        toldOf(known, field, version, made),
      isHidden: (own: string, from: From) => isPrivateLookup(known, own, from.by),
      body(act_id: number): Promise<ActBody> {
        const known =
          bodies.get(act_id) ?? cells.act(act_id).then((act) => actBodyIn(act?.body ?? ''))
        bodies.set(act_id, known)
        return known
      },
      evidence(run_id: string): Promise<string | null> {
        const known =
          evidence.get(run_id) ??
          runs.summary(run_id).then((run) => (run?.seal === 'sealed' ? run.evidence_id : null))
        evidence.set(run_id, known)
        return known
      },
    }
  }
  type Lookups = ReturnType<typeof createLookups>

  async function madeOf(
    name: CellName,
    field: DerivedField,
    version: VersionRow,
    lookups: Lookups,
  ): Promise<CellVersion> {
    const { act } = version
    const body = await lookups.body(act.act_id)
    const told = lookups.told(field, version, body)
    let lookup = 0
    return {
      ...name,
      private: told.private,
      value: told.value === null ? null : JSON.parse(told.value),
      value_sha256: told.value_sha256,
      derivation: {
        command: body.command,
        version: body.version,
        files: body.files,
        sha256: act.sha256,
      },
      inputs_sha256: version.inputs.length === 0 || !told.inputs ? null : version.inputs_sha256,
      inputs: (told.inputs ? version.inputs : []).flatMap((sha256, at) => {
        const from = body.from[at]
        if (from === undefined) return []
        const key = from.by === null ? name.record_id : (version.looked_up[lookup++] ?? null)
        const isTold = key !== null && !lookups.isHidden(name.table, from)
        const cell = !isTold ? null : { table: from.table, record_id: key, field: from.field }
        return [
          {
            name: from.name,
            sha256,
            keyed: from.keyed ?? lookups.isPrivate(name.table, from),
            from: cell,
            cell: lookups.isDerived(from.table, from.field) ? cell : null,
          },
        ]
      }),
      actor: act.actor,
      at: version.at,
      run_id: act.run_id,
      step_id: act.step_id,
      attempt: act.attempt,
      evidence_id: await lookups.evidence(act.run_id),
      cost: version.cost,
      error: told.error,
      withheld: [...told.withheld],
    }
  }

  async function provenanceOf(
    field: DerivedField,
    { record_id, state, version }: CellRow,
    lookups: Lookups,
  ): Promise<Provenance> {
    const name = { table: field.table, record_id, field: field.field }
    if (version !== null) return { ...(await madeOf(name, field, version, lookups)), state }
    const derivation = await materializer.derivationOf(field)
    return {
      ...name,
      state,
      private: field.private,
      value: null,
      value_sha256: null,
      // What would derive it.
      derivation: {
        command: [...field.step.argv],
        version: field.version,
        files: [...(derivation?.files ?? [])],
        sha256: derivation?.sha256 ?? null,
      },
      inputs_sha256: null,
      inputs: [],
      actor: null,
      at: null,
      run_id: null,
      step_id: null,
      attempt: null,
      evidence_id: null,
      cost: null,
      error: null,
      withheld: [],
    }
  }

  /**
   * Cells of the fields that the filter names, each with its place: by the names of table and field, which keep their
   * order whatever the definition becomes, and by key.
   */
  async function* candidates(
    filter: ProvenanceFilter,
    from: Place | null,
  ): AsyncGenerator<Candidate> {
    const fields = derivedOf(tables())
      .filter(
        (one) =>
          (filter.table === null || one.table === filter.table) &&
          (filter.field === null || one.field === filter.field) &&
          (from === null || compareFields(one, from) >= 0),
      )
      .toSorted(compareFields)
    for (const field of fields) {
      const at = { table: field.table, field: field.field }
      const { field_id } = await cells.field(field.table, field.field)
      let after = from !== null && compareFields(field, from) === 0 ? from.after : null
      if (filter.record_id !== null) {
        if (after !== null) continue
        const { record_id } = keyed({ ...field, record_id: filter.record_id })
        for (const cell of await cells.cellsOf(field_id, [record_id]))
          yield { field, cell, place: { ...at, after: cell.record_id } }
        continue
      }
      for (;;) {
        const page: CellRow[] =
          filter.run_id !== null
            ? await cells.cellsOfRun(field_id, filter.run_id, { after, limit: CHUNK })
            : filter.state === null
              ? await cells.cells(field_id, { after, limit: CHUNK })
              : await cells.cellsIn(field_id, filter.state, { after, limit: CHUNK })
        for (const cell of page) yield { field, cell, place: { ...at, after: cell.record_id } }
        after = page.at(-1)?.record_id ?? null
        if (after === null) break
        await new Promise(setImmediate)
      }
    }
  }

  /** However its record is written. */
  function keyed({ table, record_id, field }: CellName): CellName {
    return { table, record_id: keyIn(tables(), table, record_id) ?? record_id, field }
  }

  async function cellNamed({ table, record_id, field }: CellName) {
    const found = tables()
      .get(table)
      ?.derived.find((one) => one.field === field)
    if (found === undefined)
      throw new ProblemError('unknown_target', `no table derives ${table}.${field}`)
    const { field_id } = await cells.field(table, field)
    const [cell] = await cells.cellsOf(field_id, [record_id])
    if (cell === undefined)
      throw new ProblemError(
        'unknown_record',
        `${table} has no record ${JSON.stringify(record_id)}`,
      )
    return { field: found, cell }
  }

  /** What a cell is made from: names alone, of cells and of fields of sources. */
  async function upOf({ table, record_id, field }: CellName): Promise<CellName[]> {
    const known = tables()
    const found = known.get(table)?.derived.find((one) => one.field === field)
    if (found === undefined) return []
    const [record] = await cells.recordsOf(table, [record_id])
    const members = membersOf(record?.body ?? '{}')
    return found.from.flatMap((from) => {
      if (isPrivateLookup(known, table, from.by)) return []
      const key = from.by === null ? record_id : keyIn(known, from.table, members[from.by])
      return key === null ? [] : [{ table: from.table, record_id: key, field: from.field }]
    })
  }

  /** The other way: by what the definition says, and the records that look this one up. */
  async function downOf(name: CellName): Promise<CellName[]> {
    const { table, record_id, field } = name
    const down: CellName[] = []
    const known = tables()
    for (const one of derivedOf(known))
      for (const from of one.from) {
        if (from.table !== table || from.field !== field) continue
        if (isPrivateLookup(known, one.table, from.by)) continue
        const own = { table: one.table, field: one.field }
        if (from.by === null) down.push({ ...own, record_id })
        else
          for (const other of await recordsWith(one.table, from.by, name))
            down.push({ ...own, record_id: other })
      }
    return down
  }

  /** Those that look a record up. */
  async function recordsWith(table: string, by: string, looked: CellName): Promise<string[]> {
    const found: string[] = []
    const known = tables()
    const { key, fields } = known.get(looked.table) ?? { key: '', fields: null }
    // A number is written in many ways.
    const written = fields?.[key] === 'number' ? '' : JSON.stringify(looked.record_id).slice(1, -1)
    let after: string | null = null
    for (;;) {
      const page: { record_id: string; body: string }[] = await cells.records(table, {
        after,
        limit: CHUNK,
      })
      for (const { record_id, body } of page)
        // Parsed only where the key may be in it: a table may have a million records.
        if (
          body.includes(written) &&
          keyIn(known, looked.table, membersOf(body)[by]) === looked.record_id
        )
          found.push(record_id)
      after = page.at(-1)?.record_id ?? null
      if (after === null || found.length > MAX_LINEAGE) return found
      await new Promise(setImmediate)
    }
  }

  return {
    async list(filter, { cursor, limit }) {
      const lookups = createLookups()
      const items: Provenance[] = []
      let looked = 0
      let last: Place | null = null
      for await (const { field, cell, place } of candidates(filter, placeIn(cursor))) {
        if (items.length >= limit || looked >= SEARCHED)
          return { items, next_cursor: last && cursorOf(last) }
        looked += 1
        last = place
        if (filter.state !== null && cell.state !== filter.state) continue
        if (filter.run_id !== null && cell.version?.act.run_id !== filter.run_id) continue
        const item = await provenanceOf(field, cell, lookups)
        if (filter.q !== null && !isMatch(item, filter.q)) continue
        items.push(item)
      }
      return { items, next_cursor: null }
    },

    async history(asked, { cursor, limit }) {
      const name = keyed(asked)
      const { field, cell } = await cellNamed(name)
      const lookups = createLookups()
      const items: CellVersion[] = []
      let next = cursor === null ? (cell.version?.version ?? null) : numberIn(cursor)
      while (next !== null && items.length < limit) {
        const version = await cells.version(next)
        // A cursor is anybody's to write: only what is of this cell is told.
        if (version?.record_id !== name.record_id || version.act.field_id !== (await idOf(field)))
          throw new ProblemError('bad_request', 'query/cursor: is no cursor of this list')
        items.push(await madeOf(name, field, version, lookups))
        next = version.previous
      }
      return { items, next_cursor: next === null ? null : String(next) }
    },

    async lineage(asked, direction) {
      const name = keyed(asked)
      if (tables().get(name.table) === undefined)
        throw new ProblemError('unknown_target', `no table ${name.table}`)
      if ((await cells.recordsOf(name.table, [name.record_id])).length === 0)
        throw new ProblemError(
          'unknown_record',
          `${name.table} has no record ${JSON.stringify(name.record_id)}`,
        )
      const places = new Map<string, number>([[keyOf(name), 0]])
      const found: CellName[] = [name]
      const edges: [number, number][] = []
      let truncated = false
      for (let at = 0; at < found.length; at += 1) {
        const one = found[at]
        if (one === undefined) break
        for (const other of await (direction === 'up' ? upOf(one) : downOf(one))) {
          let place = places.get(keyOf(other))
          if (place === undefined && found.length >= MAX_LINEAGE) {
            truncated = true
            continue
          }
          if (place === undefined) {
            place = found.push(other) - 1
            places.set(keyOf(other), place)
          }
          edges.push(direction === 'up' ? [place, at] : [at, place])
        }
      }
      return { cells: await Promise.all(found.map(withState)), edges, truncated }
    },
  }

  async function withState(name: CellName): Promise<Lineage['cells'][number]> {
    if (!isDerivedIn(tables())(name.table, name.field)) return { ...name, state: null }
    const { field_id } = await cells.field(name.table, name.field)
    const [cell] = await cells.cellsOf(field_id, [name.record_id])
    return { ...name, state: cell?.state ?? 'missing' }
  }

  async function idOf({ table, field }: DerivedField): Promise<number> {
    return (await cells.field(table, field)).field_id
  }
}

const CHUNK = 200
/** Cells that one request looks at. */
const SEARCHED = 5000
const MAX_LINEAGE = 500

type Place = { table: string; field: string; after: string }
type Candidate = { field: DerivedField; cell: CellRow; place: Place }

function isMatch({ record_id, value, error }: Provenance, q: string): boolean {
  const wanted = lowered(q)
  return [record_id, textOf(value), error ?? ''].some((text) => lowered(text).includes(wanted))
}

function keyOf({ table, record_id, field }: CellName): string {
  return JSON.stringify([table, field, record_id])
}

function compareFields(a: Omit<CellName, 'record_id'>, b: Omit<CellName, 'record_id'>): number {
  if (a.table !== b.table) return a.table < b.table ? -1 : 1
  return a.field === b.field ? 0 : a.field < b.field ? -1 : 1
}

function cursorOf({ table, field, after }: Place): string {
  return Buffer.from(JSON.stringify([table, field, after])).toString('base64url')
}

const Cursor = z.tuple([z.string(), z.string(), z.string()])

function placeIn(cursor: string | null): Place | null {
  if (cursor === null) return null
  const parsed = parseJson(Cursor, Buffer.from(cursor, 'base64url').toString('utf8'))
  if (!parsed.ok) throw new ProblemError('bad_request', 'query/cursor: is no cursor of this list')
  const [table, field, after] = parsed.value
  return { table, field, after }
}

function numberIn(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor))
    throw new ProblemError('bad_request', 'query/cursor: is no cursor of this list')
  return Number(cursor)
}
