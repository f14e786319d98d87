import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createTableViews } from '#server/materialize/table-views.ts'
import { answering, tableShop, type TableShop } from './tables.ts'

/*
 * What is private is said by the project's file, which may change at any moment; the records that are stored are those of
 * the last reading. Nobody is told what was private by then, whatever the file says now.
 */

const SECRET = 'SECRET@x'
const ALL = { state: null, field: null, q: null }
const PAGE = { cursor: null, offset: null, limit: 100 }

async function toldOf({ materializer, storage }: TableShop): Promise<string> {
  const views = createTableViews(materializer, storage.cells, () => new Date())
  const found = await views.records('t', { ...ALL, q: SECRET }, PAGE)
  expect(found.items).toEqual([])
  return JSON.stringify([
    await views.records('t', ALL, PAGE),
    await views.record('t', '1'),
    await storage.cells.source('t').then((row) => row?.fault),
  ])
}

const rewrite = (shop: TableShop, change: (text: string) => string) =>
  shop.write('runseal.yaml', change(readFileSync(join(shop.root, 'runseal.yaml'), 'utf8')))

const table = (more: string) => `
  t:
    source: { kind: csv, path: t.csv }
    key: id
${more}
    derive:
      up: { from: [name], argv: ${answering('{ value: i.name }')} }
`
const CSV = `id,name,mail\n1,Ada,${SECRET}\n`

it.each([
  ['whatever the records have', '    private: [mail]'],
  ['fields', '    fields: { id: text, name: text, mail: text }\n    private: [mail]'],
])('[MT14] what was private is told by no look after its name has changed: %s', async (_, more) => {
  const shop = await tableShop(table(more), { 't.csv': CSV })
  await shop.materialize()
  expect(await toldOf(shop)).toContain('Ada')
  rewrite(shop, (text) => text.replaceAll('mail', 'email'))
  expect(await toldOf(shop)).not.toContain(SECRET)
  await shop.materializer.check()
  const faulty = await toldOf(shop)
  expect(faulty).toContain('email')
  expect(faulty).not.toContain(SECRET)
  shop.write('t.csv', CSV.replace('mail', 'email'))
  await shop.materializer.check()
  expect(await toldOf(shop)).not.toContain(SECRET)
})

it('[MT14] a field that goes out of the file is told by no look before the source is read again', async () => {
  const fields = '    fields: { id: text, name: text, mail: text }\n    private: [mail]'
  const shop = await tableShop(table(fields), { 't.csv': CSV })
  await shop.materialize()
  rewrite(shop, (text) => text.replace(', mail: text', '').replace('[mail]', '[]'))
  expect(await toldOf(shop)).not.toContain(SECRET)
})

it('[MT14] what is not private any more is told once the source is read as that', async () => {
  const shop = await tableShop(table('    private: [mail]'), { 't.csv': CSV })
  await shop.materialize()
  rewrite(shop, (text) => text.replace('[mail]', '[]'))
  const { materializer, storage } = shop
  const views = createTableViews(materializer, storage.cells, () => new Date())
  const valuesNow = async () => (await views.record('t', '1')).values
  expect(await valuesNow()).toEqual({ id: '1', name: 'Ada', mail: null })
  await materializer.check()
  expect(await valuesNow()).toEqual({ id: '1', name: 'Ada', mail: SECRET })
})

it('[MT14] a misspelt private field is a fault of the source, and nothing of it is taken', async () => {
  const shop = await tableShop(table('    private: [emial]'), { 't.csv': CSV })
  await shop.materializer.check()
  expect(await shop.storage.cells.source('t')).toMatchObject({
    records: 0,
    fault: 't.csv: no record has the field "emial", which is private',
  })
})

it('[MT14] [MT15] what a run works on is private as it was when the run began', async () => {
  const quoting = answering('{ error: JSON.stringify(i) }')
  const waiting = `[/bin/sh, -c, 'touch begun; while [ ! -e go ]; do sleep 0.02; done; cat > /dev/null']`
  const shop = await tableShop(
    `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    private: [mail]
    derive:
      a: { from: [name], argv: ${waiting} }
      v: { from: [mail], argv: ${quoting} }
`,
    { 't.csv': CSV },
    {
      runs: `
  hand_on:
    steps:
      - { id: derive, materialize: [t], artifacts: [out/t.jsonl] }
`,
    },
  )
  const run_id = await shop.start('hand_on')
  await expect.poll(() => existsSync(join(shop.root, 'begun')), { timeout: 30_000 }).toBe(true)
  rewrite(shop, (text) => text.replaceAll('mail', 'email'))
  shop.write('t.csv', CSV.replace('mail', 'email'))
  shop.materializer.project()
  shop.write('go', '')
  const { run, envelope } = await shop.sealed(run_id)
  expect(run.ended?.outcome).toBe('succeeded')
  expect(readFileSync(join(shop.root, 'out/t.jsonl'), 'utf8')).toBe('{"id":"1","name":"Ada"}\n')
  expect(JSON.stringify(envelope)).not.toContain(SECRET)
})
