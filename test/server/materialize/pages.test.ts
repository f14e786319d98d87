import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { tableShop } from './tables.ts'

const echo = (field: string) =>
  `      ${field}: { from: [n], argv: [jq, -c, '{record_id, value: .inputs.n}'] }\n`
const TABLES = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
${echo('bb')}${echo('cc')}${echo('dd')}`
const FILES = { 't.csv': `id,n\n${[1, 2, 3, 4, 5].map((n) => `${n},x\n`).join('')}` }
const ALL = { table: null, record_id: null, field: null, state: null, run_id: null, q: null }

it('[MT16] pages of cells tell each once, whatever the definition becomes between them', async () => {
  const shop = await tableShop(TABLES, FILES)
  await shop.materialize()
  const definition = readFileSync(join(shop.root, 'runseal.yaml'), 'utf8')
  const views = createProvenanceViews(shop.materializer, shop.storage)
  const found: string[] = []
  let cursor: string | null = null
  do {
    const page = await views.list(ALL, { cursor, limit: 2 })
    found.push(...page.items.map(({ field, record_id }) => `${field}${record_id}`))
    cursor = page.next_cursor
    // Within bb, what comes before it; within cc, bb is gone and another one before it.
    if (found.length === 2) shop.write('runseal.yaml', definition + echo('aa'))
    if (found.length === 6)
      shop.write('runseal.yaml', definition.replace(echo('bb'), echo('ab')) + echo('aa'))
  } while (cursor !== null)
  const each = (field: string) => [1, 2, 3, 4, 5].map((n) => `${field}${n}`)
  expect(found).toEqual([...each('bb'), ...each('cc'), ...each('dd')])
})

it('[MT16] a cell that another run made is not one of this', async () => {
  const shop = await tableShop(TABLES, FILES)
  const first = await shop.materialize({ record_ids: ['1'] })
  const second = await shop.materialize()
  const views = createProvenanceViews(shop.materializer, shop.storage)
  const madeBy = async (run_id: string, record_id: string) =>
    (await views.list({ ...ALL, field: 'bb', record_id, run_id }, { cursor: null, limit: 9 })).items
  expect(await madeBy(second.run.run_id, '1')).toEqual([])
  expect(await madeBy(first.run.run_id, '1')).toHaveLength(1)
  expect(await madeBy(second.run.run_id, '2')).toHaveLength(1)
})
