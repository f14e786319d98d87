import { expect, it } from 'vitest'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { tableShop } from './tables.ts'

const TABLES = `
  people:
    source: { kind: jsonl, path: people.jsonl }
    key: id
    derive:
      named: { from: [{ table: teams, field: name, by: team }], argv: [cat] }
  teams:
    source: { kind: jsonl, path: teams.jsonl }
    key: id
`

it.each([
  'plain',
  'a "quoted" one',
  'a\\b',
  'tab\tand\nline',
  '\u0001',
  'é\u2028\u2029😀',
  1e21,
  0.5,
])('what looks a record up is found by the key %j', async (key) => {
  const shop = await tableShop(TABLES, {
    'people.jsonl': `${JSON.stringify({ id: 'ann', team: key })}\n{"id":"bob","team":"other"}\n`,
    'teams.jsonl': JSON.stringify({ id: key, name: 'Alpha' }),
  })
  await shop.materializer.check()
  const team = { table: 'teams', record_id: String(key), field: 'name' }
  const { cells, edges } = await createProvenanceViews(shop.materializer, shop.storage).lineage(
    team,
    'down',
  )
  expect(cells).toEqual([
    { ...team, state: null },
    { table: 'people', record_id: 'ann', field: 'named', state: 'missing' },
  ])
  expect(edges).toEqual([[0, 1]])
})
