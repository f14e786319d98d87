import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { digestOf } from '#evidence/digest.ts'
import { createMaterializeAnswers } from '#server/materialize/materialize-answer.ts'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { createTableViews } from '#server/materialize/table-views.ts'
import { answering, tableShop, type TableShop } from './tables.ts'

const SECRET = 'ann@secret.org'
const WORD = /secret/i

const tables = (key: string, own = '') => `
  t:
    source: { kind: csv, path: t.csv }
    key: id
${key}    derive:
      up: { from: [mail], ${own}argv: ${answering('i.mail.startsWith("b") ? { error: "no " + i.mail } : { value: i.mail.toUpperCase() }')} }
`
const ROWS = `a,${SECRET}\nb,b${SECRET}\n`
const CSV = `id,mail\n${ROWS}`
const HIDDEN = '    private: [mail]\n'

/** Other tables, in the same file. */
function define(shop: TableShop, written: string): void {
  const file = join(shop.root, 'runseal.yaml')
  const [runs = ''] = readFileSync(file, 'utf8').split('tables:\n')
  writeFileSync(file, `${runs}tables:\n${written.replace(/^\n/, '')}`)
}

/** All that is answered of the table's records and cells. */
async function told({ materializer, storage }: TableShop) {
  const page = { cursor: null, limit: 9 }
  const grid = createTableViews(materializer, storage.cells, () => new Date())
  const views = createProvenanceViews(materializer, storage)
  const all = { table: null, record_id: null, field: null, state: null, run_id: null, q: null }
  const { items } = await views.list(all, page)
  const { items: records } = await grid.records(
    't',
    { state: null, field: null, q: null },
    { ...page, offset: null },
  )
  const histories = []
  for (const { table, record_id, field } of items)
    histories.push(...(await views.history({ table, record_id, field }, page)).items)
  return { records, items, histories }
}

/** Bare digests by which a guess could be told to be right. */
const BARE = [
  digestOf(SECRET),
  digestOf(SECRET.toUpperCase()),
  digestOf({ mail: digestOf(SECRET) }),
]

async function expectHidden(shop: TableShop): Promise<void> {
  const answers = JSON.stringify(await told(shop))
  expect(answers).not.toMatch(WORD)
  for (const digest of BARE) expect(answers).not.toContain(digest)
}

it('[MT14] of what has become private no value, word or bare digest is told, before and after it is derived again', async () => {
  const shop = await tableShop(tables(''), { 't.csv': CSV })
  const { run_id } = (await shop.materialize()).run
  const { recorder, storage, materializer } = shop
  const answer = createMaterializeAnswers(recorder, storage, () => materializer.project().tables)
  const failure = { table: 't', record_id: 'b', field: 'up' }
  expect((await answer(run_id)).failures).toEqual([{ ...failure, error: `no b${SECRET}` }])
  const open = await told(shop)
  for (const digest of BARE) expect(JSON.stringify(open)).toContain(digest)
  expect(JSON.stringify(open)).toContain(`no b${SECRET}`)
  define(shop, tables(HIDDEN, 'private: true, '))
  await expectHidden(shop)
  const error = 'withheld, since a value has become private'
  expect((await answer(run_id)).failures).toEqual([{ ...failure, error }])
  expect((await told(shop)).items.map(({ withheld }) => withheld)).toEqual([
    ['value', 'inputs'],
    ['inputs', 'error'],
  ])
  await shop.materializer.check()
  await expectHidden(shop)
  const { envelope } = await shop.materialize()
  await expectHidden(shop)
  expect(JSON.stringify(envelope)).not.toMatch(WORD)

  // And back: what is told is right again, but of what was made meanwhile nothing is.
  define(shop, tables(''))
  const between = await told(shop)
  expect(between.items.find(({ record_id }) => record_id === 'a')).toMatchObject({
    private: true,
    value: null,
  })
  await shop.materialize()
  const after = await told(shop)
  expect(after.records).toMatchObject([
    { values: { mail: SECRET }, cells: { up: { state: 'fresh', value: SECRET.toUpperCase() } } },
    { cells: { up: { state: 'failed', error: `no b${SECRET}` } } },
  ])
  expect(after.items[0]).toMatchObject({
    private: false,
    value_sha256: digestOf(SECRET.toUpperCase()),
    inputs_sha256: digestOf({ mail: digestOf(SECRET) }),
    inputs: [{ sha256: digestOf(SECRET), keyed: false }],
  })
  const ofA = after.histories.filter(({ record_id }) => record_id === 'a')
  expect(ofA.map(({ private: isPrivate, value }) => [isPrivate, value === null])).toEqual([
    [false, false],
    [true, true],
    [false, false],
  ])
})

it('[MT14] of what a lookup goes by from now on, what was said before is not told', async () => {
  const written = (key: string) => `
  t:
    source: { kind: csv, path: t.csv }
    key: id
${key}    derive:
      up: { from: [{ table: other, field: made, by: mail }], argv: [jq, -c, '{record_id, value: 1}'] }
  other:
    source: { kind: csv, path: other.csv }
    key: id
    derive: { made: { from: [id], argv: [jq, -c, '{record_id, error: "no"}'] } }
`
  const files = { 't.csv': CSV, 'other.csv': `id\n${SECRET}\n` }
  const shop = await tableShop(written(''), files)
  await shop.materialize()
  const ofT = async () => {
    const { records, items, histories } = await told(shop)
    return JSON.stringify([records, [...items, ...histories].filter(({ table }) => table === 't')])
  }
  expect(await ofT()).toContain(`not tried: other/${SECRET}/made failed`)
  define(shop, written(HIDDEN))
  expect(await ofT()).not.toMatch(WORD)
})
