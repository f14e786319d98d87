import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkCells } from '#evidence/cells.ts'
import { OPERATOR } from '#test/server/runs/workshop.ts'
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

it('[MT12] [A4] more cells than an entry lists are in a part that comes to the totals', async () => {
  const program = `if .inputs.n == "7" then {record_id, error: "no é"} else {record_id, value: .inputs.n, cost: 0.1} end`
  const shop = await tableShop(
    `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive: { a: { from: [n], argv: [jq, -c, '${program}'] } }
`,
    { 't.csv': `id,n\n${Array.from({ length: 700 }, (_, n) => `r${n},${n}\n`).join('')}` },
  )
  const { envelope } = await shop.materialize()
  expect(envelope.execution.steps[0]?.cells_part).toMatchObject({ count: 700 })
  expect(envelope.closing.totals).toMatchObject({ materialized: 699, total_cost: '69.9' })
  const kept = (sha256: string) => readFileSync(join(shop.data, 'artifacts', sha256))
  expect(await checkCells(envelope, kept)).toMatchObject({ code: 'cells-agree' })
})

it('[R14] [S6] what a rerun takes over of a step that derived comes to its totals', async () => {
  const shop = await tableShop(PEOPLE, FILES, {
    runs: `
  checked:
    steps:
      - { id: derive, materialize: [people] }
      - { id: check, needs: [derive], run: test -e go }
`,
  })
  const first = await shop.sealed((await shop.engine.start('checked', {}, OPERATOR)).run_id)
  expect(first.run.ended).toMatchObject({ outcome: 'failed' })
  shop.write('go', '')
  const { run_id } = await shop.engine.rerun(first.run.run_id, 'failed', OPERATOR)
  const again = await shop.sealed(run_id)
  expect(again.run.ended).toMatchObject({ outcome: 'succeeded' })
  expect(again.envelope.closing.totals).toEqual(first.envelope.closing.totals)
})

it('[MT5] [MT10] a key that is no record derives nothing, also an empty one', async () => {
  const shop = await tableShop(PEOPLE, FILES)
  for (const record_ids of [[''], ['', '1'], ['1', ''], ['9']]) {
    const { run, envelope } = await shop.materialize({ record_ids, force: true })
    const odd = JSON.stringify(record_ids.find((one) => one !== '1'))
    expect(run.ended?.reason).toBe(`step people.initials failed: no record ${odd}`)
    expect(envelope.closing.totals).toMatchObject({ materialized: 0 })
  }
  const { envelope } = await shop.materialize({ record_ids: [] })
  expect(envelope.closing.totals).toMatchObject({ materialized: 0 })
})
