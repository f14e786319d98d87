import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { answering, tableShop } from './tables.ts'

it('[MT4] a declared file that cannot be read leaves a derivation without a digest, and no false one', async () => {
  const shop = await tableShop(
    `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      up: { from: [name], files: [rules.txt], argv: ${answering('{ value: i.name }')} }
`,
    { 't.csv': 'id,name\n1,a\n', 'rules.txt': 'first' },
  )
  const views = createProvenanceViews(shop.materializer, shop.storage)
  const told = async () => {
    const all = { table: null, record_id: null, field: null, state: null, run_id: null, q: null }
    const { items } = await views.list(all, { cursor: null, limit: 10 })
    return items.map(({ state, derivation }) => ({ state, ...derivation }))
  }
  await shop.materializer.check()
  const [before] = await told()
  expect(before).toMatchObject({ state: 'missing', files: [{ path: 'rules.txt' }] })
  expect(before?.sha256).toMatch(/^[0-9a-f]{64}$/)

  rmSync(join(shop.root, 'rules.txt'))
  expect(await told()).toMatchObject([{ state: 'missing', sha256: null, files: [] }])
  const { run } = await shop.materialize()
  expect(run.ended?.reason).toContain('rules.txt')

  // What made a value is on record, whatever became of the file.
  shop.write('rules.txt', 'first')
  await shop.materialize()
  rmSync(join(shop.root, 'rules.txt'))
  expect(await told()).toEqual([{ ...before, state: 'fresh' }])
})
