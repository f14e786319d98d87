import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import type { Cell } from '#contract/envelope.ts'
import type { CellVersion, Lineage } from '#contract/provenance.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { digestOf, sha256 } from '#evidence/digest.ts'
import { stubTable } from '#test/stubbed-tables.ts'
import { graphOf, keyOfCell } from '#viewer/lineage.ts'
import { layOut } from '#viewer/lineage-layout.ts'
import { columnsInSight, filling } from '#viewer/parts/columns-in-sight.ts'
import { findCell, listedCells, partedCells, searchCells } from '#viewer/sealed-cells.ts'
import {
  cellFacts,
  makerFacts,
  recomputeInputs,
  recomputeValue,
} from '#viewer/tables/cell-proof.ts'
import { exportTable, rowOf } from '#viewer/tables/export-table.ts'
import { valueSaid } from '#viewer/tables/value-said.ts'

const made: CellVersion = {
  table: 'packages',
  record_id: 'left-pad',
  field: 'licence',
  private: false,
  value: { spdx: 'MIT' },
  value_sha256: digestOf({ spdx: 'MIT' }),
  derivation: {
    command: ['node', 'a.ts'],
    version: null,
    files: [],
    sha256: digestOf('derivation'),
  },
  inputs_sha256: digestOf({ version: digestOf('1.0.0') }),
  inputs: [{ name: 'version', sha256: digestOf('1.0.0'), keyed: false, from: null, cell: null }],
  actor: 'user:ann',
  at: '2026-11-12T09:30:00.000Z',
  run_id: 'run_1',
  step_id: 'packages.licence',
  attempt: 1,
  evidence_id: 'ev_1',
  cost: '0.5',
  error: null,
  withheld: [],
}
const sealed: Cell = {
  table: 'packages',
  record_id: 'left-pad',
  field: 'licence',
  state: 'fresh',
  value_sha256: made.value_sha256,
  derivation_sha256: digestOf('derivation'),
  inputs_sha256: made.inputs_sha256 ?? '',
  cost: '0.5',
  error: null,
}
const wordsOf = (cell: CellVersion, against: Cell | null) =>
  Object.fromEntries(cellFacts(cell, against).map(({ name, told }) => [name, told?.by ?? 'unsaid']))

describe('a fact of a cell', () => {
  it('[U21] is verified here only where a verified record says the same', () => {
    expect(new Set(Object.values(wordsOf(made, sealed)))).toEqual(new Set(['verified']))
    expect(new Set(Object.values(wordsOf(made, null)))).toEqual(new Set(['recorded']))
    expect(new Set(Object.values(wordsOf({ ...made, run_id: null }, null)))).toEqual(
      new Set(['unsaid']),
    )
  })

  it('[U21] that is not told any more contradicts no record', () => {
    const untold = { ...made, private: true, value: null, value_sha256: null, inputs: [] }
    const withheld: CellVersion['withheld'] = ['value', 'inputs', 'error']
    const told = { ...untold, inputs_sha256: null, error: 'withheld', withheld }
    const facts = cellFacts(told, { ...sealed, state: 'failed', error: 'its own words' })
    const of = (fact: string) => facts.find(({ name }) => name === fact)?.told
    for (const fact of ['value', 'inputs', 'error']) expect(of(fact)?.by).toBe('verified')
    expect(of('error')?.value).toBe('its own words')
  })

  it.each([
    ['value', { value_sha256: 'f'.repeat(64) }],
    ['value', { value_sha256: null }],
    ['derivation', { derivation_sha256: 'f'.repeat(64) }],
    ['inputs', { inputs_sha256: 'f'.repeat(64) }],
    ['cost', { cost: '0.6' }],
    ['cost', { cost: null }],
    ['outcome', { state: 'failed' }],
    ['error', { error: 'it did not work' }],
  ] as const)(
    '[U21] is contradicted where the sealed %s is another, and both are kept',
    (name, other) => {
      const facts = cellFacts(made, { ...sealed, ...other })
      expect(
        facts.filter(({ told }) => told?.by === 'contradicted').map((fact) => fact.name),
      ).toEqual([name])
      expect(facts.find((fact) => fact.name === name)?.told).toMatchObject({
        stands: 'verified',
        insteadBy: 'recorded',
      })
    },
  )

  it('[U21] who made it and in which step are the server’s word, unless a verified record says so', () => {
    const cell = { actor: 'user:mallory', step_id: 'derive', attempt: 1 }
    expect(makerFacts(cell, null)).toMatchObject({
      step: { by: 'recorded' },
      actor: { by: 'recorded', value: 'user:mallory' },
    })
    const sealed = { ...cell, actor: 'user:ann', attempt: 2 }
    expect(makerFacts(cell, sealed)).toMatchObject({
      step: { by: 'contradicted', value: 'derive, attempt 2', instead: 'derive' },
      actor: { by: 'contradicted', value: 'user:ann', instead: 'user:mallory' },
    })
    expect(makerFacts(sealed, sealed)).toMatchObject({
      step: { by: 'verified' },
      actor: { by: 'verified' },
    })
  })

  it('[U21] has its value digested anew, from the value that is shown', () => {
    expect(recomputeValue(made, sealed.value_sha256)).toBe('same')
    expect(recomputeValue({ ...made, value: { spdx: 'ISC' } }, sealed.value_sha256)).toBe('differs')
    expect(recomputeValue({ ...made, value: null }, digestOf(null))).toBe('same')
    expect(recomputeValue({ ...made, value: '\uD800' }, sealed.value_sha256)).toBe('differs')
    expect(recomputeValue({ ...made, value: null, private: true }, 'a'.repeat(64))).toBe('keyed')
    expect(recomputeValue({ ...made, error: 'no', value: null }, null)).toBe('none')
    expect(recomputeInputs(made, made.inputs_sha256)).toBe('same')
    expect(recomputeInputs({ ...made, inputs: [] }, made.inputs_sha256)).toBe('differs')
    expect(recomputeInputs(made, null)).toBe('none')
  })
})

describe('sealed cells', () => {
  const cells = Array.from({ length: 1000 }, (_, index): Cell => ({
    ...sealed,
    record_id: index % 2 === 0 ? `é"\n${index}` : `r-${index}`,
  }))
  const lines = cells.map((cell) => canonicalize(cell)).join('\n')

  it.each([
    ['listed', listedCells(cells)],
    ['in lines', partedCells(utf8(lines))],
    ['in lines that end with one', partedCells(utf8(`${lines}\n`))],
  ])('[U22] %s are counted, found, searched and read the same', (_, those) => {
    expect(those.count).toBe(1000)
    expect(those.at(999)).toEqual(cells[999])
    const name = { table: 'packages', field: 'licence', record_id: 'é"\n500' }
    expect(findCell(those, name)).toEqual(cells[500])
    expect(findCell(those, { ...name, field: 'size' })).toBe(null)
    expect([...searchCells(those, 'R-77')]).toEqual([77, 771, 773, 775, 777, 779])
    expect(searchCells(those, '')).toHaveLength(1000)
  })

  it('[U22] of a part that has something else in it are told, not drawn', () => {
    expect(partedCells(new Uint8Array()).count).toBe(0)
    expect(() => partedCells(utf8('{"a":1}\n')).at(0)).toThrow(/line 1 of the sealed cells/)
  })
})

describe('columns', () => {
  it('[U20] in sight are drawn, and what stands for the rest has their width', () => {
    const widths = fc.array(fc.integer({ min: 20, max: 400 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(widths, fc.nat(20_000), fc.integer({ min: 0, max: 3000 }), (all, left, view) => {
        const { first, last, beforePx, afterPx } = columnsInSight(all, left, view)
        const sum = (some: readonly number[]) => some.reduce((a, b) => a + b, 0)
        expect(beforePx).toBe(sum(all.slice(0, first)))
        expect(afterPx).toBe(sum(all.slice(last)))
        expect(beforePx).toBeLessThanOrEqual(Math.max(left, 0))
        if (afterPx > 0) expect(sum(all) - afterPx).toBeGreaterThanOrEqual(left + view)
        expect(last - first).toBeLessThanOrEqual(view / 20 + 4)
      }),
    )
  })
})

describe('columns that are too many for a view', () => {
  it('[U25] fill it: none that is in sight at first ends beyond its rim', () => {
    const widths = fc.array(fc.integer({ min: 20, max: 400 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(widths, fc.integer({ min: 0, max: 3000 }), (all, view) => {
        const laid = filling(all, view)
        const ends = laid.map((_, nth) => laid.slice(0, nth + 1).reduce((a, b) => a + b, 0))
        const isCut = all.reduce((a, b) => a + b, 0) > view && (all[0] ?? 0) <= view
        const fitting = ends.filter((end) => end <= view)
        // What is left over is what rounding leaves of each.
        if (isCut) expect(view - (fitting.at(-1) ?? 0)).toBeLessThanOrEqual(fitting.length)
        else expect(laid).toBe(all)
      }),
    )
  })
})

describe('lineage', () => {
  const self = { table: 't', record_id: 'r', field: 'c', state: 'fresh' } as const
  const node = (field: string, state: 'fresh' | null = 'fresh') => ({ ...self, field, state })
  const up: Lineage = {
    cells: [node('c'), node('b'), node('a', null)],
    edges: [
      [1, 0],
      [2, 1],
      [2, 0],
    ],
    truncated: false,
  }
  const down: Lineage = { cells: [node('c'), node('d')], edges: [[0, 1]], truncated: true }

  it('[U23] up and down is one graph, each cell once', () => {
    const graph = graphOf(self, up, down)
    expect(graph.nodes.map(({ field, place }) => `${field} ${place}`)).toEqual([
      'c self',
      'b up',
      'a up',
      'd down',
    ])
    expect(graph.edges).toHaveLength(4)
    expect(graph.truncated).toBe(true)
  })

  it('[U23] is laid out from inputs to what is made of them', () => {
    const layout = layOut(graphOf(self, up, down))
    const x = (field: string) => layout.nodes[keyOfCell({ ...self, field })]?.x ?? Number.NaN
    expect(x('a')).toBeLessThan(x('b'))
    expect(x('b')).toBeLessThan(x('c'))
    expect(x('c')).toBeLessThan(x('d'))
    expect(layout.edges.every(({ points }) => points.length >= 2)).toBe(true)
  })
})

describe('a value in CSV', () => {
  it.each([
    ['=1+1', "'=1+1"],
    ['+A1', "'+A1"],
    ['-2+3+cmd|" /C calc"!A0', `"'-2+3+cmd|"" /C calc""!A0"`],
    ['@SUM(A1)', "'@SUM(A1)"],
    [' =1+1', "' =1+1"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['＝1+1', "'＝1+1"],
    ['\uFEFF=1', "'\uFEFF=1"],
    ['-5', '-5'],
    ['+1.5e3', '+1.5e3'],
    [-5, '-5'],
    ['a,b', '"a,b"'],
    ['a"b', '"a""b"'],
    ['a\nb', '"a\nb"'],
    [null, ''],
    [true, 'true'],
    [{ a: [1, '"'] }, '"{""a"":[1,""\\""""]}"'],
  ])('[U24] is no formula and one field: %o', (value, field) => {
    expect(rowOf([value, 'x'])).toBe(`${field},x\r\n`)
  })

  it('[U24] never begins as a formula does, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const field = rowOf([text]).replace(/^"/, '')
        expect(/^\s*[=+@-]/.test(field) && Number.isNaN(Number(text))).toBe(false)
      }),
    )
  })
})

describe('an export', () => {
  it('[U24] is all records and all cells, the one bound to the other by its digest', async () => {
    const table = stubTable({ records: 450, derived: 2 })
    const asked = (path: string, query: Record<string, string> = {}): unknown =>
      table.answer(new URL(`http://x${path}?${new URLSearchParams(query).toString()}`))
    const [packages] = ENDPOINT.listTables.answer.parse(asked('/api/tables')).items
    if (!packages) throw new Error('there is no table')
    const exported = await exportTable(
      packages,
      { q: '' },
      {
        records: async (cursor) =>
          ENDPOINT.tableRecords.answer.parse(
            asked('/api/tables/packages/records', { cursor, limit: '200' }),
          ),
        provenance: async (cursor) =>
          ENDPOINT.provenance.answer.parse(asked('/api/provenance', { table: 'packages', cursor })),
        record: async () => null,
      },
      {
        signal: new AbortController().signal,
        onProgress: () => undefined,
        now: '2026-11-12T09:30:00.000Z',
      },
    )
    const csv = await exported.csv.text()
    const lines = (await exported.provenance.text()).trim().split('\n')
    expect(csv.trim().split('\r\n')).toHaveLength(451)
    expect(csv.split('\r\n').slice(0, 3)).toEqual([
      'name,version,owner,made_0,made_1',
      'record-000,1.0.0,,made_0 0,',
      'record-001,1.1.0,,made_0 1,made_1 1',
    ])
    expect(lines).toHaveLength(1 + 900)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      type: 'runseal/table-export/1',
      records: 450,
      csv: { sha256: sha256(csv) },
    })
    expect(JSON.parse(lines[1] ?? '')).toMatchObject({ record_id: 'record-000', field: 'made_0' })
  })
})

it('[U24] an export asks for what a page cuts, leaves out what is gone, and names what changed', async () => {
  const table = stubTable({ records: 4, derived: 2 })
  const asked = (path: string, query: Record<string, string> = {}): unknown =>
    table.answer(new URL(`http://x${path}?${new URLSearchParams(query).toString()}`))
  const [packages] = ENDPOINT.listTables.answer.parse(asked('/api/tables')).items
  if (!packages) throw new Error('there is no table')
  const page = ENDPOINT.tableRecords.answer.parse(asked('/api/tables/packages/records'))
  const whole = 'x'.repeat(5000)
  const exported = await exportTable(
    packages,
    {},
    {
      records: async () => ({
        ...page,
        items: page.items.map((one, at) =>
          at < 2 ? { ...one, values: { ...one.values, owner: null }, cut: ['owner'] } : one,
        ),
      }),
      record: async (record_id) => {
        const found = page.items.find((one) => one.record_id === record_id)
        return found === undefined || found === page.items[1]
          ? null
          : { ...found, values: { ...found.values, owner: whole } }
      },
      provenance: async () => {
        const made = ENDPOINT.provenance.answer.parse(
          asked('/api/provenance', { table: 'packages' }),
        )
        const [first, ...others] = made.items
        return { ...made, items: first ? [{ ...first, value: 'made anew' }, ...others] : [] }
      },
    },
    { signal: new AbortController().signal, onProgress: () => undefined, now: '' },
  )
  const csv = (await exported.csv.text()).trim().split('\r\n')
  expect(csv.map((line) => line.slice(0, 10))).toEqual([
    'name,versi',
    'record-0,1',
    'record-2,1',
    'record-3,1',
  ])
  expect(csv[1]).toContain(`,${whole},`)
  const lines = (await exported.provenance.text()).trim().split('\n')
  expect(exported).toMatchObject({ records: 3, cells: 6, changed: 1 })
  expect(lines.filter((line) => line.includes('"changed_since_csv":true'))).toEqual([lines[1]])
})

it('[U1] a value of megabytes is drawn only in its beginning', () => {
  expect(valueSaid('x'.repeat(5_000_000), 100)).toHaveLength(101)
  expect(valueSaid({ a: 'x'.repeat(5_000_000) }, 100)).toHaveLength(101)
})
