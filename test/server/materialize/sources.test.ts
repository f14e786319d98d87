import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { answering, tableShop, valuesOf } from './tables.ts'

const table = (source: string, more = '') => `
  t:
    source: ${source}
    key: id
${more}    derive:
      up: { from: [name], argv: ${answering('{ value: i.name }')} }
`
const CSV = '{ kind: csv, path: t.csv }'

it.each([
  [
    'csv',
    CSV,
    't.csv',
    '\ufeffid,name\r\n1,"Ada, ""first"""\r\n\r\n2,"two\nlines"\r\n',
    { 1: 'Ada, "first"', 2: 'two\nlines' },
  ],
  [
    'jsonl',
    '{ kind: jsonl, path: t.jsonl }',
    't.jsonl',
    '{"id":1,"name":"Ada"}\n\n{"id":"2"}',
    { 1: 'Ada', 2: null },
  ],
  [
    'json',
    '{ kind: json, path: t.json }',
    't.json',
    '[{"id":"1","name":{"x":[1.5]}},{"id":"é","name":true}]',
    { 1: { x: [1.5] }, é: true },
  ],
  [
    'a place in json',
    '{ kind: json, path: t.json, at: /a~1b/0/c }',
    't.json',
    '{"id":"no","a/b":[{"c":[{"id":"1","name":"Ada"}]}]}',
    { 1: 'Ada' },
  ],
  [
    'an object of objects',
    '{ kind: json, path: t.json, at: /packages }',
    't.json',
    '{"packages":{"":{"name":"itself"},"node_modules/a":{"name":"Ada"},"b":{}}}',
    { 'node_modules/a': 'Ada', b: null },
  ],
])('[MT2] reads %s', async (_, source, path, text, values) => {
  const shop = await tableShop(table(source), { [path]: text })
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'up')).toEqual(values)
})

it('[MT2] reads what a query of a database finds', async () => {
  const source = '{ kind: sqlite, path: t.db, query: "select id, upper(name) as name from people" }'
  const shop = await tableShop(table(source), {})
  const db = new DatabaseSync(join(shop.root, 't.db'))
  db.exec(
    `create table people (id integer, name text); insert into people values (1, 'ada'), (2, null)`,
  )
  db.close()
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 'ADA', 2: null })
})

it.each([
  ['n', 't.db: row 2: has an integer beyond what a number holds'],
  [`json_extract('{}', cast(n as text))`, 't.db: row 2: cannot be read (SQL logic error)'],
  ['n * -1e300 * 1e300', 't.db: row 2: has a value without a JSON form'],
])('[MT2] [MT14] a private value that a row breaks at is not told: %s', async (second, fault) => {
  const query = `select 1 as id, 'a' as name, 7 as secret union all select 2, 'b', ${second} from t`
  const source = `{ kind: sqlite, path: t.db, query: ${JSON.stringify(query)} }`
  const shop = await tableShop(table(source, '    private: [secret]\n'), {})
  const db = new DatabaseSync(join(shop.root, 't.db'))
  db.exec('create table t (n integer); insert into t values (9007199254740993123)')
  db.close()
  const { run, envelope } = await shop.materialize()
  expect(run.ended?.reason).toContain(fault)
  const told = [await shop.storage.cells.source('t'), shop.frames, run, envelope]
  expect(JSON.stringify(told)).not.toMatch(/9007199254740993123|Infinity/)
})

it('[MT2] a query that cannot be prepared is told in the words of SQLite', async () => {
  const source = '{ kind: sqlite, path: t.db, query: "select nosuch as id" }'
  const shop = await tableShop(table(source), {})
  new DatabaseSync(join(shop.root, 't.db')).close()
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toBe('t.db: no such column: nosuch')
})

it.each([
  ['select 1 as id, 2 as name, 3 as id', 't.db: query: there are two columns "id"'],
  ['select 1 as id; select 2 as id, 3 as name', 't.db: query: is more than one statement'],
  ['select 1 as id; nonsense', 't.db: query: is more than one statement'],
])('[MT2] a query means one thing: %s', async (query, fault) => {
  const source = `{ kind: sqlite, path: t.db, query: ${JSON.stringify(query)} }`
  const shop = await tableShop(table(source), {})
  new DatabaseSync(join(shop.root, 't.db')).close()
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toBe(fault)
})

it.each([
  ['{\n "a": [\n  {"id": "1"}\n  {"id": "2"}\n ]\n}', 't.json:4: is not JSON'],
  ['[\n {"id": "1",\n  "id": "2"}\n]', 't.json:3: has a member twice'],
  ['[\n {"id": "1"}', 't.json:2: is not JSON'],
])('[MT2] what is wrong with a document is told with its line: %j', async (text, fault) => {
  const shop = await tableShop(table('{ kind: json, path: t.json }'), { 't.json': text })
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toBe(fault)
})

it('[MT2] a field is one that any record has, and none that is derived', async () => {
  const source = '{ kind: jsonl, path: t.jsonl }'
  const shop = await tableShop(table(source), {
    't.jsonl': '{"id":"2","name":"a","z":1}\n{"id":"1","name":"b","constructor":2}\n{"id":"3"}\n',
  })
  await shop.materializer.check()
  const { cells } = shop.storage
  const fields = ['id', 'name', 'z', 'constructor']
  expect(await cells.source('t')).toMatchObject({ fault: null, fields })
  shop.write('t.jsonl', '{"id":"1","name":"a"}\n{"id":"2","name":"b","up":1}\n')
  await shop.materializer.check()
  const after = await cells.source('t')
  expect(after?.fault).toContain('t.jsonl:2: has the field "up", which is also derived')
  expect(after?.fields).toEqual(fields)
})

it('[MT2] a field that is derived from now on is none of the source, also where that is as it was', async () => {
  const shop = await tableShop(table(CSV), { 't.csv': 'id,name,low\n1,A,a\n' })
  await shop.materialize()
  const past = new Date(Date.now() - 60_000)
  utimesSync(join(shop.root, 't.csv'), past, past)
  await shop.materializer.check()
  const file = join(shop.root, 'runseal.yaml')
  shop.write('runseal.yaml', readFileSync(file, 'utf8').replace('up:', 'low:'))
  const { run } = await shop.materialize()
  expect(run.ended?.reason).toContain('has the field "low", which is also derived')
})

it('[MT2] a member that a line leaves out is null, whatever every object has', async () => {
  const fields = '    fields: { id: text, name: text, constructor: text, toString: text }\n'
  const shop = await tableShop(table('{ kind: jsonl, path: t.jsonl }', fields), {
    't.jsonl': '{"id":"1","name":"a"}\n',
  })
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 'a' })
})

it('[MT2] values have the types that the table says', async () => {
  const fields = '    fields: { id: text, name: number }\n'
  const shop = await tableShop(table(CSV, fields), { 't.csv': 'id,name,more\n1,1.50,x\n2,,y\n' })
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 1.5, 2: null })
  shop.write('t.csv', 'id,name\n1,one\n')
  const { run } = await shop.materialize()
  expect(run.ended?.reason).toContain('t.csv:2: field "name" is no number')
})

it.each([
  ['a key twice', 'id,name\n1,a\n2,b\n1,c\n', 't.csv:4: the key "1" is already at t.csv:2'],
  ['no key', 'name\na\n', 't.csv:2: has no field "id", which is the key'],
  ['an empty key', 'id,name\n,a\n', 't.csv:2: the key is empty, or neither text nor number'],
  ['no column', 'id\n1\n', 't.csv:2: has no field "name", which something is derived from'],
  ['a short line', 'id,name\n1\n', 't.csv:2: has another number of columns than the first line'],
  ['an open quote', 'id,name\n1,"a\n', 'opens a quote that is not closed'],
  ['two columns of a name', 'id,name,name\n1,a,b\n', 't.csv:1: there are two columns "name"'],
  [
    'an odd column',
    'id,name,First name\n1,a,b\n',
    '"First name" is no name of a field; list under fields those that are to be read',
  ],
  ['nothing', '', 't.csv:1: has no line with the names of its columns'],
])('[MT2] a source with %s is told with its place', async (_, text, fault) => {
  const shop = await tableShop(table(CSV), { 't.csv': text })
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toContain(fault)
})

it.each([
  ['nothing', '{"b":[]}', 't.json/a: there is nothing'],
  ['no records', '{"a":7}', 't.json/a: is neither an array of objects nor an object of objects'],
  ['an element that is none', '{"a":[{"id":1},2]}', 't.json/a: element 2: is no object'],
  ['a member that is none', '{"a":{"x":{},"y":2}}', 't.json/a: member "y": is no object'],
  [
    'a key beside the name',
    '{"a":{"x":{"id":"y"}}}',
    't.json/a: member "x": has a "id" of its own',
  ],
  ['two of a name', '{"a":{"x":{},"x":{}}}', 't.json:1: has a member twice'],
])('[MT2] a place in a document with %s is told', async (_, text, fault) => {
  const shop = await tableShop(table('{ kind: json, path: t.json, at: /a }'), { 't.json': text })
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toContain(fault)
})

const BIG = '9007199254740993'
it.each([
  ['csv', 'n: number', `id,n\n1,${BIG}\n`, 't.csv:2: field "n" HAS: declare it as text'],
  ['csv', 'n: json', `id,n\n1,[0.${BIG}3]\n`, 't.csv:2: field "n" HAS: write it as text'],
  ['jsonl', '', `{"id":1,"n":1}\n{"id":2,"n":{"x":${BIG}}}`, 't.jsonl:2: field "n" HAS'],
  ['jsonl', 'n: json', `{"id":${BIG},"n":1}`, 't.jsonl:1: field "id" HAS: write it as text'],
  ['json', '', `[{"id":"a"},{"id":"b","n":1e400}]`, 't.json: element 2: field "n" HAS'],
])(
  '[MT2] a number in %s (%s) that would be rounded is told, and not repeated',
  async (kind, fields, text, fault) => {
    const types = fields === '' ? '' : `    fields: { id: json, ${fields} }\n`
    const shop = await tableShop(
      `  t:\n    source: { kind: ${kind}, path: t.${kind} }\n    key: id\n${types}`,
      { [`t.${kind}`]: text },
    )
    await shop.materializer.check()
    const told = (await shop.storage.cells.source('t'))?.fault
    expect(told).toContain(fault.replace('HAS', 'has a number of more digits than are kept'))
    expect(told).not.toContain(BIG)
  },
)

it('[MT2] a number that is kept, is text, or is not read is no fault', async () => {
  const fields = '    fields: { id: text, name: json, big: text }\n'
  const shop = await tableShop(table('{ kind: jsonl, path: t.jsonl }', fields), {
    't.jsonl': `{"id":"1","name":9007199254740992,"big":"${BIG}","more":${BIG}}\n{"id":"2","name":1.50}`,
  })
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 9007199254740992, 2: 1.5 })
})

it('[MT2] one number is one key, at the source, in a lookup, a request and a path', async () => {
  const shop = await tableShop(
    `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    fields: { id: number, name: text }
    derive:
      up: { from: [name], argv: ${answering('{ value: i.name }')} }
  o:
    source: { kind: csv, path: o.csv }
    key: id
    derive:
      of: { from: [{ table: t, field: up, by: t }], argv: ${answering('{ value: i.up }')} }
`,
    { 't.csv': 'id,name\n007,seven\n1e1,ten\n', 'o.csv': 'id,t\n07,7.0\n2,10\n3,x\n' },
  )
  await shop.materialize({ targets: ['t'], record_ids: ['7.00'] })
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 7: 'seven', 10: 'missing' })
  await shop.materialize()
  expect(await valuesOf(shop, 'o', 'of')).toEqual({ '07': 'seven', 2: 'ten', 3: null })
  const views = createProvenanceViews(shop.materializer, shop.storage)
  const name = { table: 't', record_id: '07', field: 'up' }
  const page = { cursor: null, limit: 9 }
  const { items } = await views.list({ ...name, state: null, run_id: null, q: null }, page)
  expect(items).toMatchObject([{ record_id: '7', value: 'seven' }])
  expect((await views.history(name, page)).items).toMatchObject([{ record_id: '7' }])
  const { cells } = await views.lineage(name, 'down')
  expect(cells.map(({ table, record_id }) => `${table}/${record_id}`)).toEqual(['t/7', 'o/07'])
  shop.write('t.csv', 'id,name\n7,a\n007,b\n')
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toBe(
    't.csv:3: the key "7" is already at t.csv:2',
  )
})

it('[MT2] [MT10] [MT11] a broken source fails the run, is told as one, and changes nothing', async () => {
  const shop = await tableShop(table(CSV), { 't.csv': 'id,name\n7,old\n' })
  await shop.materialize()
  shop.write('t.csv', 'id,name\n7,new\n8,"\n')
  const { run, envelope } = await shop.materialize()
  expect(run.ended?.outcome).toBe('failed')
  expect(envelope.closing.totals).toMatchObject({ materialized: 0, failures: 0 })
  const told = shop.frames.filter((frame) => 'kind' in frame && 'ts' in frame).slice(2)
  expect(told).toMatchObject([
    { kind: 'materialize.start', targets: null, record_ids: null, force: false },
    { kind: 'materialize.error', error_type: 'bad_source', run_id: run.run_id },
  ])
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 7: 'old' })
})

it('[MT2] a source is no link, no folder, not behind a link and not missing', async () => {
  for (const [make, words] of [
    [(root: string) => symlinkSync('/etc/passwd', join(root, 't.csv')), 'source is a link'],
    [(root: string) => mkdirSync(join(root, 't.csv')), 'source is no regular file'],
    [() => {}, 'source missing'],
  ] as const) {
    const shop = await tableShop(table(CSV), {})
    make(shop.root)
    await shop.materializer.check()
    expect((await shop.storage.cells.source('t'))?.fault).toContain(words)
  }
})

it('[MT2] bytes that are no text are told with their line', async () => {
  const shop = await tableShop(table(CSV), {})
  writeFileSync(
    join(shop.root, 't.csv'),
    Buffer.concat([Buffer.from('id,name\n1,'), Buffer.from([0xff, 10])]),
  )
  await shop.materializer.check()
  expect((await shop.storage.cells.source('t'))?.fault).toContain('t.csv:2: is not UTF-8')
})

it('[MT3] [MT5] a record that comes back has its cells and their history, and is not derived again', async () => {
  const shop = await tableShop(table(CSV), { 't.csv': 'id,name\n1,a\n2,b\n' })
  await shop.materialize()
  await shop.materialize({ force: true })
  shop.write('t.csv', 'id,name\n1,a\n')
  await shop.materialize()
  expect((await shop.storage.cells.field('t', 'up')).cells).toMatchObject({ fresh: 1, stale: 0 })
  shop.write('t.csv', 'id,name\n1,a\n2,b\n')
  const { envelope } = await shop.materialize()
  expect(envelope.closing.totals).toMatchObject({ materialized: 0, skipped: 2 })
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 'a', 2: 'b' })
  const views = createProvenanceViews(shop.materializer, shop.storage)
  const name = { table: 't', record_id: '2', field: 'up' }
  expect((await views.history(name, { cursor: null, limit: 9 })).items).toHaveLength(2)
  // Gone and back as another one.
  shop.write('t.csv', 'id,name\n1,a\n')
  await shop.materializer.check()
  shop.write('t.csv', 'id,name\n1,a\n2,c\n')
  await shop.materialize()
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 'a', 2: 'c' })
  expect((await views.history(name, { cursor: null, limit: 9 })).items).toHaveLength(3)
})

it('[MT3] [MT4] [MT5] what is new, another or gone at the source is noticed, and nothing else derived', async () => {
  const shop = await tableShop(table(CSV), { 't.csv': 'id,name,other\n1,a,x\n2,b,x\n3,c,x\n' })
  await shop.materialize()
  shop.write('t.csv', 'id,name,other\n1,a,y\n2,B,x\n4,d,x\n')
  await shop.materializer.check()
  const { field_id, cells } = await shop.storage.cells.field('t', 'up')
  expect(cells).toEqual({ fresh: 1, stale: 1, missing: 1, failed: 0 })
  const { envelope } = await shop.materialize()
  expect(envelope.closing.totals).toMatchObject({ materialized: 2, skipped: 1 })
  expect(await valuesOf(shop, 't', 'up')).toEqual({ 1: 'a', 2: 'B', 4: 'd' })
  expect((await shop.storage.cells.cells(field_id, { after: null, limit: 9 })).length).toBe(3)
})
