import { afterAll, beforeAll, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { companion, OF_OUR_PAGE, type TestCompanion } from './companion.ts'

let server: TestCompanion
beforeAll(async () => {
  server = await companion()
})
afterAll(() => server.end())

const session = (init = {}) => server.ask(ENDPOINT.session.answer, '/api/session', init)
const nobody = { actor: null, role: null, secret: null, expires_at: null }

it('[P8] the cookie is HttpOnly, SameSite=Strict, and named for the port', async () => {
  const response = await server.send('/api/session', {
    method: 'POST',
    body: { token: await server.link() },
    headers: OF_OUR_PAGE,
  })
  expect(response.status).toBe(201)
  expect(response.headers.get('set-cookie')).toMatch(
    /^runseal_3000=[\w-]{43}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/,
  )
})

it('[P9] the page secret is told with the cookie, and to no page elsewhere', async () => {
  const { cookie, headers } = await server.browser()
  expect(await session({ headers: { cookie } })).toMatchObject({
    actor: 'user:admin',
    role: 'admin',
    secret: headers['runseal-secret'],
  })
  for (const site of ['cross-site', 'same-site'])
    expect(
      (await server.send('/api/session', { headers: { cookie, 'sec-fetch-site': site } })).status,
    ).toBe(403)
})

it('[P9] without a session nobody is signed in; a token has no page secret', async () => {
  expect(await session()).toEqual(nobody)
  expect(await session({ headers: { cookie: 'runseal_3000=made-up' } })).toEqual(nobody)
  expect(await session({ token: await server.token('operator') })).toMatchObject({
    role: 'operator',
    secret: null,
  })
})

it('[P10] signing out ends the session, and needs the page secret', async () => {
  const { headers } = await server.browser()
  const bare = { ...headers, 'runseal-secret': '' }
  expect((await server.send('/api/session', { method: 'DELETE', headers: bare })).status).toBe(403)
  expect((await server.send('/api/session', { method: 'DELETE', headers })).status).toBe(204)
  expect(await session({ headers })).toEqual(nobody)
})

it('[P10] a page elsewhere signs nobody in', async () => {
  const body = { token: await server.link() }
  for (const headers of [
    { origin: 'http://evil.example', 'sec-fetch-site': 'cross-site' },
    { origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' },
  ])
    expect((await server.send('/api/session', { method: 'POST', body, headers })).status).toBe(403)
  const used = { method: 'POST', body, headers: OF_OUR_PAGE }
  expect((await server.send('/api/session', used)).status).toBe(201)
  expect((await server.send('/api/session', used)).status).toBe(401)
})

it('[P11] who did it is the session or the token, whatever the body says', async () => {
  const { headers } = await server.browser()
  const { run_id } = await server.ask(ENDPOINT.startRun.answer, '/api/runs', {
    method: 'POST',
    headers,
    body: { definition: 'quick' },
  })
  expect(await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)).toMatchObject({
    actor: 'user:admin',
  })
})
