import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { CellName } from '#contract/provenance.ts'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { answering, tableShop, valuesOf, type TableShop } from './tables.ts'

const TABLES = `
  people:
    source: { kind: jsonl, path: people.jsonl }
    key: id
    private: [team]
    derive:
      named: { from: [{ table: teams, field: name, by: team }], argv: ${answering(`i.name[0] === 'G' ? { error: 'saw ' + i.name } : { value: 1 }`)} }
      judged: { from: [{ table: teams, field: up, by: team }], argv: ${answering('{ value: 1 }')} }
  teams:
    source: { kind: jsonl, path: teams.jsonl }
    key: id
    derive:
      up: { from: [name], argv: ${answering(`i.name[0] === 'B' ? { error: 'no' } : { value: i.name.toUpperCase() }`)} }
`
const lines = (records: readonly object[]) => records.map((one) => JSON.stringify(one)).join('\n')
const FILES = {
  'people.jsonl': lines([
    { id: 'ann', team: 'key-a' },
    { id: 'bob', team: 'key-b' },
    { id: 'cyd', team: 'key-c' },
    { id: 'dan', team: 'key-nowhere' },
  ]),
  'teams.jsonl': lines([
    { id: 'key-a', name: 'Alpha' },
    { id: 'key-b', name: 'Beta' },
    { id: 'key-c', name: 'Gamma' },
  ]),
}

const viewsOf = (shop: TableShop) => createProvenanceViews(shop.materializer, shop.storage)

async function toldOf(shop: TableShop, filter: Partial<CellName>): Promise<string> {
  const all = { table: null, record_id: null, field: null, state: null, run_id: null, q: null }
  const { items } = await viewsOf(shop).list({ ...all, ...filter }, { cursor: null, limit: 100 })
  expect(items.length).toBeGreaterThan(0)
  return JSON.stringify(items)
}

it('[MT14] which record a private field leads to is in no answer, entry, error or digest', async () => {
  const shop = await tableShop(TABLES, FILES)
  const { envelope } = await shop.materialize()
  expect(await valuesOf(shop, 'people', 'judged')).toEqual({
    ann: 1,
    bob: 'not tried: teams.up of the one that is looked up failed',
    cyd: 1,
    dan: 1,
  })
  const cells = envelope.execution.steps.flatMap((step) => step.cells ?? [])
  const ofPeople = JSON.stringify(cells.filter(({ table }) => table === 'people'))
  for (const told of [await toldOf(shop, { table: 'people' }), ofPeople]) {
    for (const word of ['key-', 'Alpha', 'Beta', 'Gamma', 'ALPHA']) expect(told).not.toContain(word)
    for (const value of ['Alpha', 'Beta', 'Gamma', 'ALPHA'])
      expect(told).not.toContain(hash('sha256', JSON.stringify(value), 'hex'))
  }
  const views = viewsOf(shop)
  const judged = { table: 'people', record_id: 'ann', field: 'judged' }
  const up = await views.lineage(judged, 'up')
  expect(up).toEqual({ cells: [{ ...judged, state: 'fresh' }], edges: [], truncated: false })
  const team = { table: 'teams', record_id: 'key-a', field: 'up' }
  const down = await views.lineage(team, 'down')
  expect(down).toEqual({ cells: [{ ...team, state: 'fresh' }], edges: [], truncated: false })
})

it('[MT5] [MT14] what a private field leads to is derived with all its likes', async () => {
  const shop = await tableShop(TABLES, FILES)
  const { envelope } = await shop.materialize({ targets: ['people.judged'], record_ids: ['ann'] })
  const cells = envelope.execution.steps.flatMap((step) => step.cells ?? [])
  expect(cells.map(({ table, record_id }) => `${table}/${record_id}`)).toEqual([
    'teams/key-a',
    'teams/key-b',
    'teams/key-c',
    'people/ann',
  ])
})

it('[MT14] what became private is derived again, and its digests are keyed from then on', async () => {
  const open = `  people:
    source: { kind: jsonl, path: people.jsonl }
    key: id
    derive:
      up: { from: [mail], argv: ${answering('{ value: i.mail.toUpperCase() }')} }
`
  const files = { 'people.jsonl': lines([{ id: 'ann', mail: 'ann@x.org' }]) }
  const shop = await tableShop(open, files)
  await shop.materialize()
  const plain = hash('sha256', JSON.stringify('ann@x.org'), 'hex')
  expect(await toldOf(shop, { table: 'people' })).toContain(plain)
  const definition = readFileSync(join(shop.root, 'runseal.yaml'), 'utf8')
  const isPrivate = definition.replace('key: id\n', 'key: id\n    private: [mail]\n')
  shop.write('runseal.yaml', isPrivate)
  const { envelope } = await shop.materialize()
  expect(envelope.closing.totals).toMatchObject({ materialized: 1 })
  const told = await toldOf(shop, { table: 'people' })
  expect(told).toContain('"keyed":true')
  expect(told).not.toContain(plain)
})
