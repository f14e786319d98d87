import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { parseFrame } from '#contract/frame.ts'
import type { ProblemCode } from '#contract/problem.ts'
import { LIMITS } from '#contract/envelope.ts'
import { digestOf, sha256 } from '#evidence/digest.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { readEnvelope } from '#evidence/read.ts'
import { membersOf, schemaOf, SHOWN_FRAMES, SHOWN_READERS } from '#test/first-documents.ts'
import { answering } from '#test/server/materialize/tables.ts'
import { problemOf, served, type Served } from './served.ts'

const PROJECT = `
runs:
  release:
    steps: [{ id: derive, materialize: [people.shout] }]
    gates: [{ id: look, needs: [derive], question: 'As it should be?' }]
tables:
  people:
    source: { kind: csv, path: people.csv }
    key: id
    private: [mail]
    derive:
      shout: { from: [name], argv: ${answering(`i.name ? { value: i.name.toUpperCase(), cost: 0.25 } : { error: 'no name' }`)} }
      domain: { private: true, from: [mail], argv: ${answering(`{ value: i.mail.split('@')[1] }`)} }
      both: { from: [shout, domain, { table: teams, field: name, by: team, as: team }], argv: ${answering('{ value: [i.shout, i.domain.length, i.team] }')} }
  teams:
    source: { kind: jsonl, path: teams.jsonl }
    key: id
`
const PEOPLE =
  'id,name,mail,team\n1,Ada,ada@secret.example,a\n2,Bob,bob@secret.example,b\n3,,cat@secret.example,\n'

let server: Served
let token: string

beforeAll(async () => {
  server = await served(PROJECT)
  writeFileSync(join(server.folder, 'people.csv'), PEOPLE)
  writeFileSync(
    join(server.folder, 'teams.jsonl'),
    '{"id":"a","name":"red"}\n{"id":"b","name":"blue"}\n',
  )
  token = await server.person('ann', 'operator')
})
afterAll(() => server.end())

const materialize = async (body: object = {}) =>
  await server.ask(ENDPOINT.materialize.answer, '/api/materialize', { token, body })

it('[A4] [MT11] what the first documents read of a materialize, as they read it', async () => {
  const readers = Object.values(SHOWN_READERS).map((reader) => {
    const [program, ...args] = reader(server.port)
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  })
  const heard = readers.map(async ({ stdout }) => {
    let text = ''
    for await (const chunk of stdout) {
      text += String(chunk)
      if (text.includes('materialize.end') && text.includes('run_finalized')) return text
    }
    return text
  })
  await expect
    .poll(
      async () => (await server.ask(ENDPOINT.status.answer, '/api/status')).stream.subscribers,
      { timeout: 60_000 },
    )
    .toBe(readers.length)
  const answer = await materialize({ targets: null, record_ids: null, force: false })
  expect(answer).toMatchObject({
    materialized: 7,
    skipped: 0,
    failures: [
      { table: 'people', record_id: '3', field: 'shout', error: 'no name' },
      { table: 'people', record_id: '3', field: 'both', error: 'not tried: people/3/shout failed' },
    ],
    total_cost: 0.5,
  })
  const [byCurl = '', byPython = ''] = await Promise.all(heard)
  for (const reader of readers) reader.kill()
  const frames = [...byCurl.matchAll(/^event: (materialize\.\w+)\ndata: (.*)$/gm)]
  expect(frames.map(([, name]) => name)).toEqual(['materialize.start', 'materialize.end'])
  for (const [, name = '', data = ''] of frames) {
    expect(parseFrame(name, data).state).toBe('frame')
    for (const [, shown] of SHOWN_FRAMES.filter(([shownName]) => shownName === name))
      expect(schemaOf(shown).safeParse(JSON.parse(data)).error).toBeUndefined()
  }
  expect(membersOf(frames[1]?.[2] ?? '{}')).toMatchObject({
    materialized: 7,
    skipped: 0,
    failures: 2,
    total_cost: 0.5,
  })
  expect(String(membersOf(frames[1]?.[2] ?? '{}')['actor'])).toMatch(/^token:/)
  expect(byPython).toContain("'kind': 'materialize.end'")
})

it('[MT13] status has each field', async () => {
  const { tables } = await server.ask(ENDPOINT.status.answer, '/api/status')
  expect(tables).toMatchObject([
    {
      table: 'people',
      field: 'shout',
      cells: { fresh: 2, failed: 1, stale: 0, missing: 0 },
      cost: '0.5',
      running: null,
    },
    { table: 'people', field: 'domain', cells: { fresh: 3 } },
    { table: 'people', field: 'both', cells: { fresh: 2, failed: 1 }, cost: '0' },
  ])
})

it('[A6] records in windows, by state and by text', async () => {
  const ask = async (query: string) =>
    await server.ask(ENDPOINT.tableRecords.answer, `/api/tables/people/records?${query}`)
  const first = await ask('limit=2')
  expect(first).toMatchObject({
    total: 3,
    items: [
      {
        record_id: '1',
        values: { name: 'Ada', mail: null },
        cells: { shout: { state: 'fresh', value: 'ADA' }, domain: { state: 'fresh', value: null } },
      },
      { record_id: '2' },
    ],
  })
  expect(
    (await ask(`limit=2&cursor=${first.next_cursor}`)).items.map((one) => one.record_id),
  ).toEqual(['3'])
  expect((await ask('offset=1&limit=1')).items.map((one) => one.record_id)).toEqual(['2'])
  expect(await ask('state=failed')).toMatchObject({
    items: [{ record_id: '3', cells: { shout: { error: 'no name' } } }],
    total: null,
  })
  expect(await ask('state=failed&field=both')).toMatchObject({ total: 1 })
  expect((await ask('q=aDa')).items.map((one) => one.record_id)).toEqual(['1'])
  expect((await ask('q=secret')).items).toEqual([])
})

it('[A5] [MT4] provenance says what made a cell, of what, and where that is sealed', async () => {
  const query = '/api/provenance?table=people&record_id=1&field=both'
  const {
    items: [cell],
  } = await server.ask(ENDPOINT.provenance.answer, query)
  expect(cell).toMatchObject({
    state: 'fresh',
    value: ['ADA', 14, 'red'],
    step_id: 'people.both',
    attempt: 1,
  })
  expect(cell?.actor).toMatch(/^token:/)
  expect(cell?.value_sha256).toBe(sha256(canonicalize(cell?.value)))
  expect(
    cell?.inputs.map(({ name, keyed, cell }) => [name, keyed, cell?.record_id ?? null]),
  ).toEqual([
    ['shout', false, '1'],
    ['domain', true, '1'],
    ['team', false, null],
  ])
  expect(cell?.inputs_sha256).toBe(
    digestOf(Object.fromEntries(cell?.inputs.map(({ name, sha256 }) => [name, sha256]) ?? [])),
  )
  expect(cell?.inputs[2]?.sha256).toBe(digestOf('red'))
  const bytes = new Uint8Array(
    await (await server.send(`/api/envelopes/${cell?.evidence_id}`)).arrayBuffer(),
  )
  const sealed = readEnvelope(bytes, LIMITS).execution.steps.find(
    (step) => step.step_id === cell?.step_id,
  )?.cells
  expect(sealed?.find((one) => one.record_id === '1')).toMatchObject({
    value_sha256: cell?.value_sha256,
    inputs_sha256: cell?.inputs_sha256,
    derivation_sha256: cell?.derivation.sha256,
  })
})

it('[MT14] no private value, nor a digest that could be guessed, is in any answer', async () => {
  for (const path of [
    '/api/provenance',
    '/api/tables',
    '/api/tables/people/records',
    '/api/status',
  ]) {
    const text = await (await server.send(path)).text()
    expect(text).not.toContain('secret.example')
    expect(text).not.toContain(digestOf('secret.example'))
    expect(text).not.toContain(digestOf('ada@secret.example'))
  }
})

it('history, the latest first, and lineage both ways', async () => {
  await materialize({ targets: ['people.shout'], record_ids: ['1'], force: true })
  const cell = 'table=people&record_id=1&field=shout'
  const first = await server.ask(
    ENDPOINT.cellHistory.answer,
    `/api/provenance/history?${cell}&limit=1`,
  )
  const second = await server.ask(
    ENDPOINT.cellHistory.answer,
    `/api/provenance/history?${cell}&cursor=${first.next_cursor}`,
  )
  expect([...first.items, ...second.items].map(({ value }) => value)).toEqual(['ADA', 'ADA'])
  expect(second.next_cursor).toBeNull()
  const up = await server.ask(
    ENDPOINT.lineage.answer,
    '/api/provenance/lineage?table=people&record_id=1&field=both&direction=up',
  )
  expect(
    up.cells.map(({ table, record_id, field, state }) => `${table}/${record_id}/${field} ${state}`),
  ).toEqual([
    'people/1/both fresh',
    'people/1/shout fresh',
    'people/1/domain fresh',
    'teams/a/name null',
    'people/1/name null',
    'people/1/mail null',
  ])
  expect(up.edges).toContainEqual([1, 0])
  const down = await server.ask(
    ENDPOINT.lineage.answer,
    '/api/provenance/lineage?table=teams&record_id=a&field=name&direction=down',
  )
  expect(down.cells.map(({ record_id, field }) => `${record_id}/${field}`)).toEqual([
    'a/name',
    '1/both',
  ])
})

it('a preview derives nothing and says what it goes by', async () => {
  const ask = async (body: object) =>
    await server.ask(ENDPOINT.previewMaterialize.answer, '/api/materialize/preview', {
      token,
      body,
    })
  const { fields } = await ask({ targets: ['people.shout'] })
  expect(fields).toMatchObject([{ field: 'shout', cells: { fresh: 0, failed: 1 }, basis: 4 }])
  expect(await ask({ targets: ['people.shout'], force: true })).toMatchObject({
    fields: [{ cells: { fresh: 2, failed: 1 }, cost: '0.5625' }],
  })
})

it.each<[object, ProblemCode, string]>([
  [{ targets: ['people.none'] }, 'unknown_target', 'no table derives people.none'],
  [{ record_ids: ['9'] }, 'unknown_record', 'no record "9"'],
])('[MT10] %j is refused, and the run that was refused is sealed', async (body, code, detail) => {
  const problem = await problemOf(await server.send('/api/materialize', { token, body }))
  expect(problem.code).toBe(code)
  expect(problem.detail).toContain(detail)
  const run_id = /\(run (\S+)\)/.exec(problem.detail ?? '')?.[1] ?? ''
  const run = await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)
  expect(run).toMatchObject({ kind: 'materialize', outcome: 'failed', seal: 'sealed' })
})

it('answers at once where that is preferred', async () => {
  const response = await server.send('/api/materialize', {
    token,
    body: {},
    headers: { prefer: 'respond-async, wait=0' },
  })
  expect(response.status).toBe(202)
  const { run_id } = membersOf(await response.text())
  await expect
    .poll(async () => (await server.ask(ENDPOINT.run.answer, `/api/runs/${String(run_id)}`)).seal, {
      timeout: 60_000,
    })
    .toBe('sealed')
})

it('a step of a pipeline derives before a gate that shows what it did', async () => {
  const { run_id } = await server.ask(ENDPOINT.startRun.answer, '/api/runs', {
    token,
    body: { definition: 'release' },
  })
  await expect
    .poll(async () => (await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)).status, {
      timeout: 60_000,
    })
    .toBe('needs_input')
  const run = await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)
  expect(run.steps).toMatchObject([{ step_id: 'derive', kind: 'materialize', status: 'succeeded' }])
})
