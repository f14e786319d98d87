import { expect, it } from 'vitest'
import { answering, tableShop, valuesOf } from './tables.ts'

const PEOPLE = `
  people:
    source: { kind: csv, path: people.csv }
    key: id
    derive:
      initials:
        from: [name]
        argv: ${answering(`{ value: i.name.split(' ').map((w) => w[0]).join(''), cost: 0.1 }`)}
      title:
        from: [initials, { table: teams, field: name, by: team, as: team }]
        argv: ${answering(`{ value: i.initials + ' of ' + i.team, cost: '0.02' }`)}
  teams:
    source: { kind: json, path: teams.json }
    key: id
`
const FILES = {
  'people.csv': 'id,name,team\n1,Ada Lovelace,a\n2,Alan Turing,b\n3,Grace Hopper,\n',
  'teams.json': '[{"id":"a","name":"engines"},{"id":"b","name":"codes"}]',
}

it('derives what is missing, skips what is fresh, and seals the cells', async () => {
  const shop = await tableShop(PEOPLE, FILES)
  const { run, envelope } = await shop.materialize()
  expect(run.ended).toMatchObject({ outcome: 'succeeded' })
  expect(await valuesOf(shop, 'people', 'title')).toEqual({
    1: 'AL of engines',
    2: 'AT of codes',
    3: 'GH of null',
  })
  expect(envelope.closing.totals).toEqual({
    materialized: 6,
    skipped: 0,
    failures: 0,
    total_cost: '0.36',
  })
  expect(envelope.execution.steps.map(({ step_id, cells }) => [step_id, cells?.length])).toEqual([
    ['people.initials', 3],
    ['people.title', 3],
  ])
  const again = await shop.materialize()
  expect(again.envelope.closing.totals).toMatchObject({ materialized: 0, skipped: 6 })
  const forced = await shop.materialize({ force: true })
  expect(forced.envelope.closing.totals).toMatchObject({ materialized: 6, skipped: 0 })
})
