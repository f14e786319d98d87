import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { answering, tableShop, valuesOf } from './tables.ts'

const SAYS = answering('{ value: process.env.MODEL ?? process.env.KEY ?? null }')
const TABLES = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      taken: { from: [n], env: { MODEL: { from: MODEL_X } }, argv: ${SAYS} }
      hidden: { from: [n], env: { KEY: { from: KEY_X, secret: true } }, argv: ${SAYS} }
`

it('[MT4] another value in the environment of the server makes cells stale, and that of a secret does not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-variables-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const served = async (MODEL_X: string, KEY_X: string) => {
    const environment = { PATH: process.env['PATH'] ?? '', MODEL_X, KEY_X }
    const shop = await tableShop(TABLES, { 't.csv': 'id,n\n1,1\n' }, { folder, environment })
    await shop.materializer.check()
    return shop
  }
  const first = await served('small', 'word-17')
  await first.materialize()
  expect(await valuesOf(first, 't', 'taken')).toEqual({ 1: 'small' })
  await first.close()

  const same = await served('small', 'word-18')
  expect(await valuesOf(same, 't', 'taken')).toEqual({ 1: 'small' })
  expect(await valuesOf(same, 't', 'hidden')).toEqual({ 1: '***' })
  await same.close()

  const other = await served('large', 'word-18')
  const { field_id } = await other.storage.cells.field('t', 'taken')
  const [cell] = await other.storage.cells.cells(field_id, { after: null, limit: 1 })
  expect(cell?.state).toBe('stale')
  const { envelope } = await other.materialize()
  expect(envelope.closing.totals).toMatchObject({ materialized: 1, skipped: 1 })
  expect(await valuesOf(other, 't', 'taken')).toEqual({ 1: 'large' })
})
