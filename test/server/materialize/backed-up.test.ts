import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { backUp, restore } from '#server/main.ts'
import { tableShop } from './tables.ts'

it('[B2] restoring names cells beside a record that are not what is on record', async () => {
  const tables = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      up: { from: [n], batch: 1000, argv: [jq, -c, '{record_id, value: .inputs.n}'] }
`
  const rows = Array.from({ length: 501 }, (_, n) => `${n},x`)
  const shop = await tableShop(tables, { 't.csv': ['id,n', ...rows].join('\n') })
  const { run, envelope } = await shop.materialize()
  const part = envelope.execution.steps[0]?.cells_part
  expect(part?.count).toBe(501)
  await shop.close()
  const folder = dirname(shop.data)
  const kept = join(shop.data, 'artifacts', part?.sha256 ?? '')
  const differing = async (name: string) => {
    await backUp(shop.data, join(folder, `${name}.tar`), 'system')
    return (await restore(join(folder, `${name}.tar`), join(folder, name), 'system')).differing
  }
  expect(await differing('whole')).toEqual([])
  writeFileSync(kept, 'other cells')
  expect(await differing('changed')).toEqual([`the cells of t.up of ${run.run_id}`])
  rmSync(kept)
  expect(await differing('gone')).toEqual([`the cells of t.up of ${run.run_id}`])
})
