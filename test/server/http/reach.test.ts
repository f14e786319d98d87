import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { get as getPlain } from 'node:http'
import { get } from 'node:https'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { PROBLEM } from '#contract/problem.ts'
import type { RequestLogEntry } from '#server/http/app.ts'
import { clientOf, networkOf } from '#server/http/client.ts'
import { problemOf, served, type Served } from './served.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PROJECT = 'runs: { quick: { steps: [{ id: say, run: echo hello }] } }\n'
const RUNS = 'https://runs.example'
const HOST = { host: 'runs.example' }

let server: Served | null = null
afterEach(async () => {
  await server?.end()
  server = null
})

let folder: string
let tls: { cert: string; key: string }
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-tls-'))
  tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  const subject = '-subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:runs.example'
  const made = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ${subject}`
  const files = ['-keyout', tls.key, '-out', tls.cert]
  await promisify(execFile)('openssl', [...made.split(' '), ...files])
})
afterAll(() => rm(folder, { recursive: true }))

it('[H18] --private: data and stream need a sign-in, the page and the sign-in do not', async () => {
  server = await served(PROJECT, { private: true })
  for (const path of ['/api/runs', '/api/status', '/events', '/metrics', '/api/openapi.json'])
    expect((await problemOf(await server.send(path))).code).toBe('unauthenticated')
  for (const path of ['/api/session', '/healthz', '/readyz'])
    expect((await server.send(path)).status).toBe(200)
  expect([200, 503]).toContain((await server.send('/')).status)
  const token = await server.token('viewer')
  const status = await server.ask(ENDPOINT.status.answer, '/api/status', { token })
  expect(status.server.reads).toBe('signed_in')
  expect(server.signInToRead).toBe(true)
})

it.each([
  [{ host: '0.0.0.0' }, 'only over HTTPS'],
  [{ host: '0.0.0.0', origins: [RUNS] }, 'only over HTTPS'],
  [{ host: '::', trustedProxies: ['10.0.0.1'] }, '--origin'],
  [{ host: 'runs.example', trustedProxies: ['10.0.0.1'] }, '--origin'],
  [{ origins: ['http://runs.example'] }, 'HTTPS'],
  [{ trustedProxies: ['proxy'] }, 'no IP address'],
  [{ tls: { cert: '/nowhere', key: '/nowhere' } }, 'nowhere'],
])('[H19] %j does not start', async (options, words) => {
  await expect(served(PROJECT, options)).rejects.toThrow(words)
})

it('[H19] its own certificate: HTTPS for the page, a Secure cookie, and no plain HTTP', async () => {
  server = await served(PROJECT, { host: '0.0.0.0', origins: [RUNS], tls })
  expect(server.url).toBe(RUNS)
  expect(server.signInUrl).toMatch(/^https:\/\/runs\.example\/sign-in#/)
  const ca = await readFile(tls.cert, 'utf8')
  const named = await overTls(server.port, ca, '/api/session', HOST)
  expect(named.status).toBe(200)
  expect(named.headers['strict-transport-security']).toBe('max-age=31536000')
  // A name that every server of this machine shares is not tied to HTTPS.
  const local = await overTls(server.port, ca, '/api/session', { host: `localhost:${server.port}` })
  expect(local.headers['strict-transport-security']).toBeUndefined()
  expect((await overTls(server.port, ca, '/api/runs', HOST)).status).toBe(401)
  expect((await overTls(server.port, ca, '/api/runs', { host: 'evil.example' })).status).toBe(421)
  await expect(server.send('/healthz')).rejects.toThrow()
})

it('[H19] [H20] behind a trusted proxy: its word counts, for HTTPS, name and address', async () => {
  server = await served(PROJECT, { origins: [RUNS], trustedProxies: ['127.0.0.1'] })
  const by = (headers: Record<string, string>) =>
    ({ 'x-forwarded-for': '203.0.113.7', 'x-forwarded-host': 'runs.example', ...headers }) as const
  const over = by({ 'x-forwarded-proto': 'https' })
  expect((await server.send('/healthz', { headers: over })).status).toBe(200)
  for (const plain of [by({}), by({ 'x-forwarded-proto': 'http' })])
    expect((await problemOf(await server.send('/healthz', { headers: plain }))).code).toBe(
      'insecure',
    )
  const elsewhere = { ...over, 'x-forwarded-host': 'evil.example' }
  expect((await problemOf(await server.send('/healthz', { headers: elsewhere }))).code).toBe(
    'bad_host',
  )
  // A program beside the server comes without a proxy, and signs in all the same.
  expect((await problemOf(await server.send('/api/runs'))).code).toBe('unauthenticated')

  const { token } = await server.administration.people.makeLink('admin', 'system')
  const signedIn = await server.send('/api/session', {
    body: { token },
    headers: { ...over, origin: RUNS, 'sec-fetch-site': 'same-origin' },
  })
  expect(signedIn.headers.get('set-cookie')).toMatch(/; HttpOnly; Secure; SameSite=Strict$/)
  const { items } = await server.administration.journal.list({ cursor: null, limit: 1 })
  expect(items[0]).toMatchObject({ act: 'signed_in', detail: '203.0.113.7' })
})

it('[H22] addresses of one IPv6 network are one where sign-ins are limited', async () => {
  const companion = await served(PROJECT, { origins: [RUNS], trustedProxies: ['127.0.0.1'] })
  server = companion
  const guessBy = async (address: string) => {
    const headers = {
      'x-forwarded-for': address,
      'x-forwarded-host': 'runs.example',
      'x-forwarded-proto': 'https',
    }
    return (await companion.send('/api/session', { body: { token: 'guess' }, headers })).status
  }
  const many = Array.from({ length: 40 }, (_, n) => `2001:db8:0:7::${n.toString(16)}:1`)
  const statuses = await Promise.all(many.map(guessBy))
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(15)
  expect(await guessBy('2001:DB8::7:a:b:c:d')).toBe(429)
  expect(await guessBy('2001:db8:0:8::1')).toBe(401)
  expect(['1.2.3.4', '::1', '2001:db8::', 'fe80::1:2:3:4'].map(networkOf)).toEqual([
    '1.2.3.4',
    '0:0:0:0',
    '2001:db8:0:0',
    'fe80:0:0:0',
  ])
})

it('[H20] from anybody but the proxy X-Forwarded-* is only text', async () => {
  server = await served(PROJECT, { origins: [RUNS], trustedProxies: ['10.9.9.9'] })
  const headers = { 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'runs.example' }
  expect((await server.send('/healthz', { headers })).status).toBe(200)
  const evil = { ...headers, 'x-forwarded-host': 'evil.example' }
  expect((await server.send('/healthz', { headers: evil })).status).toBe(200)
})

it('[H20] the client is the rightmost address that is no trusted proxy', () => {
  const seen = (peer: string, hops: string) => {
    const socket = { remoteAddress: peer }
    const headers = new Headers({
      host: 'h',
      'x-forwarded-for': hops,
      'x-forwarded-proto': 'https',
    })
    return clientOf({ socket }, headers, new Set(['10.0.0.1', '10.0.0.2'])).address
  }
  expect(seen('10.0.0.1', '203.0.113.7')).toBe('203.0.113.7')
  expect(seen('::ffff:10.0.0.1', '1.2.3.4, 203.0.113.7, 10.0.0.2')).toBe('203.0.113.7')
  expect(seen('10.0.0.1', 'unknown')).toBe('10.0.0.1')
  expect(seen('10.0.0.1', '1.2.3.4, <b>')).toBe('10.0.0.1')
  expect(seen('203.0.113.9', '127.0.0.1')).toBe('203.0.113.9')
})

it('[H19] another machine without HTTPS is refused, whatever it says of itself', async (context) => {
  const outside = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)
  if (outside === undefined) context.skip('this machine has no address but loopback')
  server = await served(PROJECT, {
    host: '0.0.0.0',
    origins: [RUNS],
    trustedProxies: ['10.9.9.9'],
  })
  const headers = { host: 'runs.example', 'x-forwarded-proto': 'https' }
  const url = `http://${outside?.address}:${server.port}/healthz`
  const status = await new Promise<number>((resolve, reject) => {
    getPlain(url, { headers }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    }).on('error', reject)
  })
  expect(status).toBe(PROBLEM.insecure.status)
})

it('[H2] a page of an allowed origin reads and hears, and changes nothing', async () => {
  const board = 'https://board.example'
  server = await served(PROJECT, { allowOrigins: [board] })
  const page = { origin: board, 'sec-fetch-site': 'cross-site' }
  const read = await server.send('/api/runs', { headers: page })
  expect(Object.fromEntries(read.headers)).toMatchObject({
    'access-control-allow-origin': board,
    'access-control-allow-credentials': 'true',
    'cross-origin-resource-policy': 'cross-origin',
    vary: 'Origin',
  })
  // Also what went wrong is to be read there.
  const missing = await server.send('/api/runs/none', { headers: page })
  expect([missing.status, missing.headers.get('access-control-allow-origin')]).toEqual([404, board])
  const abort = new AbortController()
  const stream = await fetch(`${server.local}/events`, { headers: page, signal: abort.signal })
  expect(stream.headers.get('access-control-allow-origin')).toBe(board)
  abort.abort()
  const asks = { ...page, 'access-control-request-method': 'GET' }
  const preflight = await server.send('/api/runs', { method: 'OPTIONS', headers: asks })
  expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
    204,
    'GET',
  ])
  for (const method of ['POST', 'DELETE']) {
    const headers = { ...page, 'access-control-request-method': method }
    const refused = await server.send('/api/runs', { method: 'OPTIONS', headers })
    expect(refused.status).toBe(405)
  }
  const token = await server.token('operator')
  const change = { token, body: { definition: 'quick' }, headers: page }
  expect((await problemOf(await server.send('/api/runs', change))).code).toBe('bad_origin')
  const other = { ...page, origin: 'https://board.example.evil.example' }
  const foreign = await server.send('/api/runs', { headers: other })
  expect([foreign.status, foreign.headers.get('access-control-allow-origin')]).toEqual([403, null])
})

it('[P9] a page of an allowed origin is not told the page secret', async () => {
  const board = 'http://localhost:5173'
  server = await served(PROJECT, { allowOrigins: [board] })
  const { people } = server.administration
  const { session } = await people.signIn((await people.makeLink('admin', 'system')).token, 'here')
  const cookie = `runseal_${server.port}=${session}`
  const ask = async (headers: Record<string, string>) =>
    ENDPOINT.session.answer.parse(
      await (await server?.send('/api/session', { headers: { cookie, ...headers } }))?.json(),
    )
  expect(await ask({ origin: board, 'sec-fetch-site': 'same-site' })).toMatchObject({
    actor: 'user:admin',
    secret: null,
  })
  expect((await ask({})).secret).not.toBeNull()
})

it('[P16] a stream ends when its session or token does, and nobody else is disturbed', async () => {
  server = await served(PROJECT, { private: true })
  const { send, port, local } = server
  const admin = await server.token('admin')
  const link = await server.ask(ENDPOINT.makeLink.answer, '/api/users/admin/links', {
    method: 'POST',
    token: admin,
  })
  const ours = { origin: local, host: `localhost:${port}`, 'sec-fetch-site': 'same-origin' }
  const signedIn = await send('/api/session', { body: { token: link.token }, headers: ours })
  const [cookie = ''] = (signedIn.headers.get('set-cookie') ?? '').split(';')
  const { secret } = ENDPOINT.session.answer.parse(await signedIn.json())
  const made = await server.ask(ENDPOINT.makeToken.answer, '/api/tokens', {
    token: admin,
    body: { role: 'viewer', expires_days: 1 },
  })
  const open = async (headers: Record<string, string>) => {
    const response = await fetch(`${local}/events`, { headers })
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    await reader?.read()
    return async () => (await reader?.read())?.value
  }
  const end = /^event: stream\.end\ndata: \{.*"reason":"signed_out"\}\n\n$/
  const bySession = await open({ cookie })
  const byToken = await open({ authorization: `Bearer ${made.token}` })
  const kept = await open({ authorization: `Bearer ${admin}` })

  await open({ authorization: `Bearer ${admin}` })
  const count = async (asking: Record<string, string>) =>
    ENDPOINT.status.answer.parse(await (await send('/api/status', { headers: asking })).json())
      .stream
  expect(await count({ cookie })).toMatchObject({ subscribers: 4, yours: 1 })
  expect(await count({ authorization: `Bearer ${admin}` })).toMatchObject({ yours: 2 })

  const headers = { ...ours, cookie, 'runseal-secret': secret ?? '' }
  expect((await send('/api/session', { method: 'DELETE', headers })).status).toBe(204)
  expect(await bySession()).toMatch(end)
  expect(await bySession()).toBeUndefined()
  const gone = await send(`/api/tokens/${made.token_id}`, { method: 'DELETE', token: admin })
  expect(gone.status).toBe(204)
  expect(await byToken()).toMatch(end)
  await send('/api/runs', { token: admin, body: { definition: 'quick' } })
  expect(await kept()).toContain('event: run_started')
})

it('[H24] the log of requests has who asked for what, and nothing that lets anybody in', async () => {
  const entries: RequestLogEntry[] = []
  server = await served(PROJECT, { logRequest: (entry) => entries.push(entry) })
  const token = await server.token('operator')
  const { people } = server.administration
  const link = (await people.makeLink('admin', 'system')).token
  const { session } = await people.signIn((await people.makeLink('admin', 'system')).token, 'here')
  await server.send('/api/runs', { token, body: { definition: 'quick' } })
  await server.send('/api/session', { body: { token: link } })
  await server.send(`/api/runs?q=${token}`, {
    headers: { cookie: `runseal_${server.port}=${session}` },
  })
  await server.send(`/api/runs/${token}`)
  await server.send('/api/runs/%E2%80%AE%1B%5B2J')
  for (const disguised of [
    token.replace('_', '%5F'),
    token.replace('r', '%72'),
    token.replaceAll(/./g, (one) => `%25${one.charCodeAt(0).toString(16)}`),
    token.slice(8),
    `a/${link}`,
    `${link.slice(0, 20)}%${link.charCodeAt(20).toString(16)}${link.slice(21)}`,
  ])
    await server.send(`/api/runs/${disguised}`)
  for (const odd of [
    'NONSENSE',
    'GET / HTTP/1.1\r\nHost: a b',
    'GET /\xff\\ HTTP/1.1\r\nHost: x',
  ]) {
    const answer = await server.raw(`${odd}\r\nConnection: close\r\n\r\n`)
    const [, request_id] = /"request_id":"([^"]+)"/.exec(answer) ?? []
    expect(request_id).toBeDefined()
    expect(entries.at(-1)).toMatchObject({ request_id, status: 400, address: '127.0.0.1' })
  }
  const text = JSON.stringify(entries)
  const readTwice = decodeURIComponent(decodeURIComponent(text.replaceAll('%E2%80%AE%1B%5B2J', '')))
  expect(entries[0]).toMatchObject({
    method: 'POST',
    path: '/api/runs',
    status: 201,
    address: '127.0.0.1',
  })
  expect(entries[0]?.actor).toMatch(/^token:/)
  for (const secret of [token, token.slice(8), link, session])
    for (const read of [text, readTwice]) expect(read).not.toContain(secret)
  expect(text).toMatch(/^[\x20-\x7e]*$/)
})

function overTls(port: number, ca: string, path: string, headers: Record<string, string>) {
  return new Promise<{ status: number; headers: Record<string, unknown> }>((resolve, reject) => {
    get({ host: '127.0.0.1', servername: 'localhost', port, path, ca, headers }, (response) => {
      response.resume()
      resolve({ status: response.statusCode ?? 0, headers: response.headers })
    }).on('error', reject)
  })
}
