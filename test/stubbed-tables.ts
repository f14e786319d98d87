import type {
  FieldStatus,
  Provenance,
  Table,
  TableRecord,
  TableWait,
} from '#contract/provenance.ts'
import { type CellState, keysOf, CELL_STATE } from '#contract/status.ts'
import { digestOf } from '#evidence/digest.ts'

/** A table as a server would answer it, of any size, without a server: value and state follow from the place. */
export type StubbedTable = {
  /** What is answered to a question of the API about tables; undefined to any other. */
  answer: (url: URL) => unknown
  table: Table
  /** What the status of the server says of it. */
  status: FieldStatus[]
  waiting: TableWait[]
  idAt: (index: number) => string
}

export function stubTable({
  records,
  derived = 3,
  valueAt = (index, field) => `${field} ${index}`,
}: {
  records: number
  derived?: number
  valueAt?: (index: number, field: string) => unknown
}): StubbedTable {
  const fields = Array.from({ length: derived }, (_, nth) => `made_${nth}`)
  const width = String(records).length
  const idAt = (index: number) => `record-${String(index).padStart(width, '0')}`
  const stateAt = (index: number, field: string): CellState => {
    const states = keysOf(CELL_STATE)
    const nth = (index * 7 + fields.indexOf(field) * 3) % 23
    return states[nth < 4 ? nth : 0] ?? 'fresh'
  }
  const countsOf = (field: string) => {
    const counts: Record<CellState, number> = { fresh: 0, stale: 0, missing: 0, failed: 0 }
    for (let index = 0; index < Math.min(records, 23_000); index += 1)
      counts[stateAt(index, field)] += 1
    return counts
  }
  const table: Table = {
    table: 'packages',
    source: { kind: 'csv', path: 'data/packages.csv' },
    key: 'name',
    fields: [
      { field: 'name', type: 'text', private: false, derived: null },
      { field: 'version', type: 'text', private: false, derived: null },
      { field: 'owner', type: 'text', private: true, derived: null },
      ...fields.map((field) => ({
        field,
        type: 'text' as const,
        private: false,
        derived: {
          ...DERIVATION,
          from: [{ name: 'version', field: 'version', table: 'packages', by: null }],
          batch: 100,
          concurrency: 1,
          timeout_ms: null,
          retries: 0,
        },
      })),
    ],
    records,
    read_at: '2026-11-12T09:30:00.000Z',
    fault: null,
  }
  const recordAt = (index: number): TableRecord => ({
    record_id: idAt(index),
    values: { name: idAt(index), version: `1.${index}.0`, owner: null },
    cut: [],
    cells: Object.fromEntries(
      fields.map((field) => {
        const state = stateAt(index, field)
        const has = state === 'fresh' || state === 'stale'
        return [
          field,
          {
            state,
            value: has ? valueAt(index, field) : null,
            cut: false,
            error: state === 'failed' ? `no answer for ${idAt(index)}` : null,
          },
        ]
      }),
    ),
  })
  const provenanceOf = (index: number, field: string): Provenance => {
    const state = stateAt(index, field)
    const value = recordAt(index).cells[field]?.value ?? null
    const made = state !== 'missing'
    return {
      table: table.table,
      record_id: idAt(index),
      field,
      state,
      private: false,
      value,
      value_sha256: value === null ? null : digestOf(value),
      derivation: DERIVATION,
      inputs_sha256: made ? digestOf({ version: digestOf(`1.${index}.0`) }) : null,
      withheld: [],
      inputs: made
        ? [
            {
              name: 'version',
              sha256: digestOf(`1.${index}.0`),
              keyed: false,
              from: { table: table.table, record_id: idAt(index), field: 'version' },
              cell: null,
            },
          ]
        : [],
      actor: made ? 'user:ann' : null,
      at: made ? '2026-11-12T09:30:00.000Z' : null,
      run_id: made ? 'run_1' : null,
      step_id: made ? `packages.${field}` : null,
      attempt: made ? 1 : null,
      evidence_id: null,
      cost: made ? '0.002' : null,
      error: state === 'failed' ? `no answer for ${idAt(index)}` : null,
    }
  }
  const indexOf = (id: string) => Number(id.replace('record-', ''))

  const answer = (url: URL): unknown => {
    const asked = (name: string) => url.searchParams.get(name) ?? ''
    switch (url.pathname) {
      case '/api/tables':
        return { items: [table], next_cursor: null }
      case '/api/tables/packages/records': {
        const limit = Number(asked('limit') || 50)
        const wanted = (index: number) =>
          (asked('state') === '' ||
            fields.some(
              (field) =>
                (asked('field') === '' || asked('field') === field) &&
                stateAt(index, field) === asked('state'),
            )) &&
          (asked('q') === '' || idAt(index).includes(asked('q')))
        const isFiltered = asked('state') !== '' || asked('q') !== ''
        const from = Number(asked('cursor') || asked('offset') || 0)
        const places = isFiltered
          ? Array.from({ length: records }, (_, index) => index).filter(wanted)
          : null
        const end = Math.min(places?.length ?? records, from + limit)
        return {
          items: Array.from({ length: Math.max(0, end - from) }, (_, nth) =>
            recordAt(places?.[from + nth] ?? from + nth),
          ),
          next_cursor: end < (places?.length ?? records) ? String(end) : null,
          total:
            asked('q') !== '' || (asked('state') !== '' && asked('field') === '')
              ? null
              : (places?.length ?? records),
        }
      }
      case '/api/provenance': {
        if (asked('record_id') !== '')
          return {
            items: [provenanceOf(indexOf(asked('record_id')), asked('field'))],
            next_cursor: null,
          }
        const from = Number(asked('cursor') || 0)
        const all = records * fields.length
        const end = Math.min(all, from + 200)
        return {
          items: Array.from({ length: end - from }, (_, nth) =>
            provenanceOf(
              Math.floor((from + nth) / fields.length),
              fields[(from + nth) % fields.length] ?? '',
            ),
          ),
          next_cursor: end < all ? String(end) : null,
        }
      }
      case '/api/provenance/history':
        return {
          items: [provenanceOf(indexOf(asked('record_id')), asked('field'))],
          next_cursor: null,
        }
      case '/api/provenance/lineage': {
        const own = { table: table.table, record_id: asked('record_id'), field: asked('field') }
        return asked('direction') === 'up'
          ? {
              cells: [
                { ...own, state: 'fresh' },
                { ...own, field: 'version', state: null },
              ],
              edges: [[1, 0]],
              truncated: false,
            }
          : {
              cells: [
                { ...own, state: 'fresh' },
                { ...own, field: 'made_1', state: 'fresh' },
              ],
              edges: [[0, 1]],
              truncated: false,
            }
      }
      case '/api/materialize/preview':
        return {
          fields: fields.map((field, nth) => ({
            table: table.table,
            field,
            cells: { ...countsOf(field), fresh: 0 },
            cost: nth === 0 ? '1.25' : null,
            duration_ms: nth === 0 ? 90_000 : null,
            basis: nth === 0 ? 4000 : 0,
          })),
        }
      default:
        return undefined
    }
  }
  const status = fields.map((field) => ({
    table: table.table,
    field,
    cells: countsOf(field),
    cost: '12.5',
    running: null,
  }))
  return { answer, table, status, waiting: [], idAt }
}

const DERIVATION = {
  command: ['node', 'licence.ts'],
  version: '2',
  files: [{ path: 'licence.ts', sha256: digestOf('licence.ts') }],
  sha256: digestOf('derivation'),
}
