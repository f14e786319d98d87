import { createHash } from 'node:crypto'
import { readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import type { TrustFile } from '#contract/trust.ts'
import { keysOf } from '#contract/status.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { companion, type TestCompanion } from './companion.ts'

let server: TestCompanion
let operator: string
let approver: string
beforeAll(async () => {
  server = await companion()
  operator = await server.token('operator')
  approver = await server.token('approver')
})
afterAll(() => server.end())

const start = async (definition: string) => {
  const body = { definition }
  const { run_id } = await server.ask(ENDPOINT.startRun.answer, '/api/runs', {
    method: 'POST',
    body,
    token: operator,
  })
  return run_id
}

type RunAnswer = z.infer<typeof ENDPOINT.run.answer>

/** Asks until the run is so. */
async function until(run_id: string, isSo: (run: RunAnswer) => boolean): Promise<RunAnswer> {
  for (;;) {
    const run = await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)
    if (isSo(run)) return run
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const sealed = ({ seal }: RunAnswer) => seal === 'sealed'

it('[H10] a run through every endpoint, each answer by its own schema', async () => {
  const before = await server.ask(ENDPOINT.status.answer, '/api/status')
  const definitions = await server.ask(ENDPOINT.definitions.answer, '/api/definitions')
  expect(definitions.items.map(({ name }) => name)).toEqual(['quick', 'gated'])

  const run_id = await start('gated')
  const waiting = await until(run_id, ({ status }) => status === 'needs_input')
  expect(waiting).toMatchObject({ outcome: null, evidence_id: null, open_gates: 1 })

  const open = await server.ask(ENDPOINT.listGates.answer, '/api/gates?state=open')
  const [{ gate_id } = { gate_id: '' }] = open.items
  const question = await server.ask(ENDPOINT.gate.answer, `/api/gates/${gate_id}`, {
    token: approver,
  })
  expect(question).toMatchObject({ question: 'Go on?', may_decide: { yes: true } })
  const challenge = await server.ask(
    ENDPOINT.challengeGate.answer,
    `/api/gates/${gate_id}/challenges`,
    { method: 'POST', token: approver },
  )
  expect(challenge.fields).toMatchObject({ gate_id, run_id })
  const decided = await server.ask(ENDPOINT.decideGate.answer, `/api/gates/${gate_id}/decisions`, {
    method: 'POST',
    token: approver,
    body: { decision: 'approved', comment: 'looks right' },
  })
  expect(decided.resolved).toMatchObject({ outcome: 'approved' })

  const done = await until(run_id, sealed)
  expect(done).toMatchObject({ status: 'succeeded', outcome: 'succeeded', seal: 'sealed' })
  const listed = await server.ask(
    ENDPOINT.listRuns.answer,
    '/api/runs?status=succeeded,failed&q=GATED',
  )
  expect(listed.items.map((run) => run.run_id)).toEqual([run_id])
  const index = await server.ask(
    ENDPOINT.logIndex.answer,
    `/api/runs/${run_id}/steps/before/log/index`,
  )
  expect(index.items[0]).toMatchObject({ offset: 0, pipe: 'stdout' })
  const envelopes = await server.ask(ENDPOINT.listEnvelopes.answer, '/api/envelopes')
  expect(envelopes.items.map(({ evidence_id }) => evidence_id)).toEqual([done.evidence_id])
  const trust = await server.ask(ENDPOINT.trust.answer, '/api/trust')
  expect(trust.server_keys[0]?.key_id).toBe(before.server.key_id)
  const after = await server.ask(ENDPOINT.status.answer, '/api/status')
  expect(after.stream.position).not.toBe(before.stream.position)

  const again = await server.ask(ENDPOINT.rerunRun.answer, `/api/runs/${run_id}/rerun`, {
    method: 'POST',
    token: operator,
    body: { from: 'start' },
  })
  await until(again.run_id, ({ status }) => status === 'needs_input')
  await server.ask(ENDPOINT.abortRun.answer, `/api/runs/${again.run_id}/abort`, {
    method: 'POST',
    token: operator,
    body: { reason: 'enough' },
  })
  expect(await until(again.run_id, sealed)).toMatchObject({ outcome: 'aborted', reason: 'enough' })
  for (const path of ['/healthz', '/readyz', '/metrics'])
    expect((await server.send(path)).status).toBe(200)
})

it('[H11] the envelope is the stored bytes, and its ETag is their digest', async () => {
  const run_id = await start('quick')
  const { evidence_id } = await until(run_id, sealed)
  const response = await server.send(`/api/envelopes/${evidence_id}`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  const stored = join(server.data, 'envelopes', `${evidence_id}.json`)
  expect(Buffer.from(bytes).equals(await readFile(stored))).toBe(true)
  const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`
  expect(response.headers.get('etag')).toBe(etag)
  const path = `/api/envelopes/${evidence_id}`
  const same = await server.send(path, { headers: { 'if-none-match': etag } })
  expect(same.status).toBe(304)

  const { server_keys } = await server.ask(ENDPOINT.trust.answer, '/api/trust')
  const file: TrustFile = { schema: 'runseal/trust/1', server_keys, approvers: [], required: [] }
  const { verdict } = await verifyEnvelope(bytes, { trust: [{ file, source: 'pinned' }] })
  expect(verdict).toBe('proven')

  // Whoever holds the old bytes is to see that the file is another now.
  bytes[bytes.length - 2] = 0x20
  await writeFile(stored, bytes)
  const changed = await server.send(path, { headers: { 'if-none-match': etag } })
  expect(changed.status).toBe(200)
  expect(changed.headers.get('etag')).not.toBe(etag)
})

it('[H12] a log is raw bytes, by range, never to be displayed', async () => {
  const run_id = await start('quick')
  await until(run_id, sealed)
  const log = `/api/runs/${run_id}/steps/say/log`
  const whole = await server.send(log)
  expect(await whole.text()).toBe('hello\n')
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment',
    'log-bytes': '6',
    'log-offset': '0',
    'log-truncated': 'false',
    'log-ended': 'true',
  })
  expect(await (await server.send(`${log}?offset=1&limit=2`)).text()).toBe('el')
  expect(await (await server.send(`${log}?offset=-3`)).text()).toBe('lo\n')
  expect(await (await server.send(`${log}?offset=6`)).text()).toBe('')
  expect((await server.send(`${log}?offset=7`)).status).toBe(416)
  expect((await server.send(`${log}?attempt=2`)).status).toBe(404)
  expect((await server.send(`${log}?limit=no`)).status).toBe(400)
  // Gone from the disk it is not a step that wrote nothing.
  await rm(join(server.data, 'logs', run_id), { recursive: true })
  const gone = await server.send(log)
  expect(gone.status).toBe(404)
  expect(await gone.text()).toContain('the record says that this log has 6 bytes')
})

it('[H13] an artifact is an attachment by its digest', async () => {
  const run_id = await start('quick')
  const { steps } = await until(run_id, sealed)
  const sha256 = steps[0]?.attempts[0]?.finished?.artifacts[0]?.sha256 ?? ''
  const response = await server.send(`/api/artifacts/${sha256}`)
  expect(await response.text()).toBe('made\n')
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment',
    'cache-control': 'private, no-cache',
  })
  for (const other of ['0'.repeat(64), sha256.toUpperCase(), 'x'])
    expect((await server.send(`/api/artifacts/${other}`)).status).toBe(404)

  const known = { headers: { 'if-none-match': response.headers.get('etag') ?? '' } }
  expect((await server.send(`/api/artifacts/${sha256}`, known)).status).toBe(304)
  // What becomes of the file is seen, whatever a cache has of it.
  await truncate(join(server.data, 'artifacts', sha256), 2)
  const cut = await server.send(`/api/artifacts/${sha256}`, known)
  expect([cut.status, await cut.text()]).toEqual([200, 'ma'])
})

it('[H14] a list is read in pages; a cursor of nobody and a wrong filter are refused', async () => {
  for (let i = 0; i < 3; i += 1) await start('quick')
  const first = await server.ask(ENDPOINT.listRuns.answer, '/api/runs?definition=quick&limit=2')
  expect(first.items).toHaveLength(2)
  const next = encodeURIComponent(first.next_cursor ?? '')
  const second = await server.ask(
    ENDPOINT.listRuns.answer,
    `/api/runs?definition=quick&limit=2&cursor=${next}`,
  )
  const seen = [...first.items, ...second.items].map(({ run_id }) => run_id)
  expect(new Set(seen).size).toBe(seen.length)
  for (const query of ['cursor=nobody', 'limit=0', 'limit=201', 'status=gone'])
    expect([query, (await server.send(`/api/runs?${query}`)).status]).toEqual([query, 400])
})

it('[H15] sealing again what is sealed, and what goes on, is refused', async () => {
  const run_id = await start('quick')
  await until(run_id, sealed)
  const seal = { method: 'POST', token: operator }
  expect((await server.send(`/api/runs/${run_id}/seal`, seal)).status).toBe(409)
  const waiting = await start('gated')
  await until(waiting, ({ status }) => status === 'needs_input')
  expect((await server.send(`/api/runs/${waiting}/seal`, seal)).status).toBe(409)
})

it('[H16] openapi.json has every row, and every reference in it is there', async () => {
  const document = await server.ask(ENDPOINT.openapi.answer, '/api/openapi.json')
  expect(document).toMatchObject({ openapi: '3.1.1', info: { title: 'Runseal' } })
  const text = JSON.stringify(document)
  for (const name of keysOf(ENDPOINT)) expect(text).toContain(`"operationId":"${name}"`)
  expect(text).not.toContain('"$ref"')
})

it('[H17] as_of is read before the rows: what it names is in them', async () => {
  const run_id = await start('quick')
  const seen = await until(run_id, sealed)
  const { stream } = await server.ask(ENDPOINT.status.answer, '/api/status')
  const seqOf = (id: string) => Number(id.split('-')[1])
  expect(seqOf(seen.as_of)).toBeLessThanOrEqual(seqOf(stream.position))
})

it('[H26] a browser at an address where nothing is gets the page, a program the problem', async () => {
  const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
  const [root, page] = [await server.send('/'), await server.send('/bogus/page', { headers: html })]
  // Where the viewer is not built, the one says so as the other.
  expect(page.status).toBe(root.status === 200 ? 404 : root.status)
  expect(await page.text()).toBe(await root.text())
  for (const [path, headers] of [
    ['/bogus/page', {}],
    ['/bogus/page', { accept: 'application/json' }],
    ['/api/bogus', html],
    ['/assets/bogus.js', html],
  ] as const) {
    const answer = await server.send(path, { headers })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json',
    ])
  }
})
