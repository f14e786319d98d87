import { afterAll, beforeAll, expect, it } from 'vitest'
import { Problem } from '#contract/problem.ts'
import { companion, OF_OUR_PAGE, type TestCompanion } from './companion.ts'

let server: TestCompanion
beforeAll(async () => {
  server = await companion()
})
afterAll(() => server.end())

const problemOf = async (response: Response) => {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const problem = Problem.parse(await response.json())
  expect(problem.status).toBe(response.status)
  expect(problem.request_id).toBe(response.headers.get('request-id'))
  return problem.code
}

it.each(['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'LOCALHOST:3000'])(
  '[H1] answers to %s',
  async (host) => {
    expect((await server.send('/healthz', { headers: { host } })).status).toBe(200)
  },
)

it.each(['evil.example', 'localhost', 'localhost:3001', 'localhost.evil.example:3000', ''])(
  '[H1] refuses the host %j, pages and data alike',
  async (host) => {
    for (const path of ['/', '/api/status', '/events', '/assets/a.js'])
      expect(await problemOf(await server.send(path, { headers: { host } }))).toBe('bad_host')
  },
)

it.each([
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'http://evil.example' },
  { origin: 'null' },
  { origin: 'http://localhost:5173', 'sec-fetch-site': 'same-site' },
])('[H2] a page elsewhere reads nothing: %j', async (headers) => {
  for (const path of ['/api/runs', '/events', '/api/session', '/metrics'])
    expect(await problemOf(await server.send(path, { headers }))).toBe('bad_origin')
})

it('[H2] a person, a program and our own page read', async () => {
  for (const headers of [{ 'sec-fetch-site': 'none' }, {}, OF_OUR_PAGE])
    expect((await server.send('/api/runs', { headers })).status).toBe(200)
})

it('[H3] a change by cookie needs exact Origin, Sec-Fetch-Site and the page secret', async () => {
  const { headers } = await server.browser()
  const change = { method: 'POST', body: { definition: 'no-such' } }
  expect(await problemOf(await server.send('/api/runs', { ...change, headers }))).toBe(
    'unknown_definition',
  )
  for (const broken of [
    { origin: '' },
    { origin: 'http://localhost:3001' },
    { origin: 'http://localhost' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': '' },
    { 'runseal-secret': '' },
    { 'runseal-secret': 'x'.repeat(43) },
  ]) {
    const answer = await server.send('/api/runs', { ...change, headers: { ...headers, ...broken } })
    expect([broken, await problemOf(answer)]).toEqual([broken, 'bad_origin'])
  }
})

it('[H3] a cookie beside a bearer token does not spare a page the Origin', async () => {
  const { cookie } = await server.browser()
  const token = await server.token('operator')
  const change = { method: 'POST', body: { definition: 'no-such' }, token }
  expect(await problemOf(await server.send('/api/runs', { ...change, headers: { cookie } }))).toBe(
    'bad_origin',
  )
  expect(await problemOf(await server.send('/api/runs', change))).toBe('unknown_definition')
})

it('[H4] an unknown token is told so, also where anyone may read', async () => {
  for (const token of ['runseal_nothing', '', 'a b'])
    expect(await problemOf(await server.send('/api/runs', { token }))).toBe('unauthenticated')
})

it.each([
  ['not JSON', '{', 'bad_request'],
  ['another shape', { definition: 5 }, 'bad_request'],
  ['an unknown member', { definition: 'quick', actor: 'user:admin' }, 'bad_request'],
  ['deep nesting', `{"inputs":${'['.repeat(200_000)}`, 'bad_request'],
  ['quotes that never close', '"\\'.repeat(200_000), 'bad_request'],
  [
    'half of a surrogate pair',
    String.raw`{"definition":"quick","inputs":{"word":"\ud800"}}`,
    'bad_request',
  ],
  ['half of one in a list', String.raw`["\udc00"]`, 'bad_request'],
  [
    'a text that no record takes',
    { definition: 'quick', inputs: { word: 'é'.repeat(32_769) } },
    'too_large',
  ],
  ['more than 1 MiB', `"${'x'.repeat(1024 * 1024)}"`, 'too_large'],
])('[H5] a body of %s is refused', async (_, body, code) => {
  const token = await server.token('operator')
  expect(await problemOf(await server.send('/api/runs', { method: 'POST', body, token }))).toBe(
    code,
  )
})

it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', ''])(
  '[H5] a body is JSON and says so, not %j',
  async (type) => {
    const token = await server.token('operator')
    const headers = { 'content-type': type }
    const body = { definition: 'quick' }
    const answer = await server.send('/api/runs', { method: 'POST', body, token, headers })
    expect(await problemOf(answer)).toBe('unsupported_media_type')
  },
)

it('[H6] every answer carries the policy, whatever it is', async () => {
  for (const [path, init] of [
    ['/', {}],
    ['/runs/x', {}],
    ['/api/status', {}],
    ['/api/nothing', {}],
    ['/nothing', {}],
    ['/metrics', {}],
    ['/api/runs', { method: 'PUT' }],
    ['/api/status', { headers: { host: 'evil.example' } }],
  ] as const) {
    const { headers } = await server.send(path, init)
    expect(headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'$/,
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).not.toBeNull()
  }
})

it('[H7] a method that a path does not have, and a path that is none', async () => {
  expect(await problemOf(await server.send('/api/runs', { method: 'PUT' }))).toBe(
    'method_not_allowed',
  )
  expect(await problemOf(await server.send('/api/envelopes/x', { method: 'DELETE' }))).toBe(
    'method_not_allowed',
  )
  expect(await problemOf(await server.send('/api/secrets'))).toBe('not_found')
})

it.each([
  '/../package.json',
  '/assets/../../package.json',
  '/assets/..%2f..%2fpackage.json',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/api/envelopes/..%2f..%2fkey.pem',
  '/api/envelopes/..',
  '/api/artifacts/..%2fkey.pem',
  '/api/runs/..%2f..%2fkey/steps/x/log',
  '/key.pem',
  '/.runseal/key.pem',
])('[H8] %s leads nowhere', async (path) => {
  const answer = await server.send(path)
  expect([404, 503]).toContain(answer.status)
  expect(await answer.text()).not.toMatch(/PRIVATE KEY|root:|devDependencies/)
})

it('[H9] what fails inside is told to the log, and to the asker by its id alone', async () => {
  const broken = await companion()
  await broken.close()
  const answer = await broken.send('/api/runs')
  const text = await answer.text()
  const id = answer.headers.get('request-id') ?? 'none'
  expect(answer.status).toBe(500)
  expect(text).toContain(id)
  expect(text).not.toMatch(/\/src\/|\.ts|sqlite|Error/i)
  expect(broken.logged.join('\n')).toContain(id)
})
