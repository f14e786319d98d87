import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import { Problem } from '#contract/problem.ts'
import { companion, OF_OUR_PAGE, ORIGIN, type TestCompanion } from './companion.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

let server: TestCompanion
beforeAll(async () => {
  server = await companion()
  await server.people.addUser('mallory', 'admin', 'system')
})
afterAll(() => server.end())

/** What may be taken from somebody whose request is under way, and given back for the next test. */
const TAKEN: Record<string, { take: () => Promise<unknown>; giveBack: () => Promise<unknown> }> = {
  'their role': {
    take: () => server.people.changeUser('mallory', { role: 'viewer' }, 'system'),
    giveBack: () => server.people.changeUser('mallory', { role: 'admin' }, 'system'),
  },
  'their account': {
    take: () => server.people.changeUser('mallory', { disabled: true }, 'system'),
    giveBack: () => server.people.changeUser('mallory', { disabled: false }, 'system'),
  },
  'what they came by': {
    async take() {
      await server.people.endSessions('mallory', 'system')
      for (const { token_id, owner, revoked_at } of await server.people.tokens())
        if (owner === 'mallory' && revoked_at === null)
          await server.people.revokeToken(token_id, 'system')
    },
    giveBack: async () => {},
  },
}

/** The answer to a request of which the head and the first byte are there, and the rest comes after `meanwhile`. */
async function slowly(
  path: string,
  headers: Readonly<Record<string, string>>,
  body: object,
  meanwhile: () => Promise<unknown>,
): Promise<Response> {
  const [first = '', rest = ''] = JSON.stringify(body).split(/(?<=^\{)/)
  const parts = [async () => first, async () => (await meanwhile(), rest)]
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const part = parts.shift()
        if (part === undefined) controller.close()
        else controller.enqueue(Buffer.from(await part()))
      },
    },
    // Nothing is asked for before somebody reads.
    { highWaterMark: 0 },
  )
  const init = { method: 'POST', body: stream, duplex: 'half' as const }
  const all = { host: 'localhost:3000', 'content-type': 'application/json', ...headers }
  return await server.answer(new Request(new URL(path, ORIGIN), { ...init, headers: all }), {})
}

async function byToken(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await server.token('admin', 'mallory')}` }
}

async function byCookie(): Promise<Record<string, string>> {
  const { session, pageSecret } = await server.people.signIn(await server.link('mallory'), 'here')
  const cookie = `runseal_3000=${session}`
  return { ...OF_OUR_PAGE, cookie, 'runseal-secret': pageSecret }
}

const journal = async () =>
  (
    await server.ask(ENDPOINT.journal.answer, '/api/journal?limit=200', {
      token: await server.token('admin'),
    })
  ).items

it.each(Object.keys(TAKEN).flatMap((what) => [byToken, byCookie].map((by) => ({ what, by }))))(
  '[H27] nobody changes anything from whom, while their body came, $what was taken ($by.name)',
  async ({ what, by }) => {
    const { take, giveBack } = TAKEN[what] ?? { take: fail, giveBack: fail }
    const headers = await by()
    expect((await slowly('/api/tokens', headers, { role: 'viewer' }, async () => {})).status).toBe(
      201,
    )
    const response = await slowly('/api/tokens', headers, { role: 'admin' }, take)
    expect([401, 403]).toContain(Problem.parse(await response.json()).status)
    const [last] = (await journal()).filter(({ actor }) => actor !== 'system')
    expect(last).toMatchObject({ act: 'token_made', detail: 'viewer' })
    await giveBack()
  },
)

it('[H27] nobody answers a gate, starts, aborts or looks ahead with what was taken from them', async () => {
  const { run_id } = await server.ask(z.object({ run_id: z.string() }), '/api/runs', {
    method: 'POST',
    token: await server.token('operator'),
    body: { definition: 'gated' },
  })
  const gateOf = async () =>
    (await server.ask(ENDPOINT.listGates.answer, '/api/gates?state=open')).items.at(0)
  const gate = await vi.waitUntil(gateOf, { timeout: 60_000 })
  for (const [path, body] of [
    [`/api/gates/${gate.gate_id}/decisions`, { decision: 'approved' }],
    ['/api/runs', { definition: 'quick' }],
    [`/api/runs/${run_id}/abort`, { reason: 'no' }],
    [`/api/runs/${run_id}/rerun`, { from: 'start' }],
    ['/api/materialize', { force: true }],
    ['/api/materialize/preview', { force: true }],
  ] as const)
    for (const { take, giveBack } of Object.values(TAKEN)) {
      const response = await slowly(path, await byToken(), body, take)
      expect([path, Problem.parse(await response.json()).code]).toEqual([
        path,
        expect.stringMatching(/^(unauthenticated|forbidden)$/),
      ])
      await giveBack()
    }
  expect((await gateOf())?.decisions).toEqual([])
  expect((await server.ask(ENDPOINT.listRuns.answer, '/api/runs')).items).toHaveLength(1)
})

async function fail(): Promise<never> {
  throw new Error('not reached')
}
