import { afterEach, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { Problem } from '#contract/problem.ts'
import { start, type Chaos } from '#server/main.ts'
import { served } from '#test/server/http/served.ts'

/* The proxy before a whole server, as `serve --chaos` puts it there. */

const PROJECT = 'runs:\n  brief:\n    steps: [{ id: say, run: echo hello }]\n'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step()
})

async function lying(chaos: Chaos, options: Partial<Parameters<typeof start>[0]> = {}) {
  const server = await served(PROJECT, { chaos: { longestMs: 50, ...chaos }, ...options })
  undo.push(() => server.end())
  return server
}

/** What came of it: a status, or that nothing came. */
const statusOf = async (asked: Promise<Response>): Promise<number | null> => {
  try {
    const response = await asked
    await response.arrayBuffer()
    return response.status
  } catch {
    return null
  }
}

it('[CH13] changes nothing of a request: the companion judges Host, Origin and token as it does without', async () => {
  const server = await lying({ seed: 1, most: 0 })
  const token = await server.token('viewer')
  const code = async (init: Parameters<typeof server.send>[1]) =>
    Problem.parse(await (await server.send('/api/runs', init)).json()).code
  expect(
    await server.raw(`GET /api/runs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`),
  ).toContain('bad_host')
  expect(await code({ headers: { origin: 'http://evil.example' } })).toBe('bad_origin')
  expect(await code({ body: { definition: 'brief' } })).toBe('unauthenticated')
  expect(await code({ body: { definition: 'brief' }, token })).toBe('forbidden')
  expect(await code({ token: 'runseal_nobody' })).toBe('unauthenticated')
  const many = Array.from({ length: 101 }, (_, n) => `x-${n}: 1\r\n`).join('')
  const host = `Host: localhost:${server.port}\r\nConnection: close\r\n`
  expect(await server.raw(`GET /api/runs HTTP/1.1\r\n${host}${many}\r\n`)).toContain(
    'head_too_large',
  )
})

it('[CH13] is no way round the companion, whatever is written as a path', async () => {
  const server = await lying({ seed: 1, most: 0 })
  const host = `Host: localhost:${server.port}\r\nConnection: close\r\n\r\n`
  for (const path of [
    '//evil.example/x',
    'http://127.0.0.1:1/api/runs',
    '/api/../../etc/passwd',
    '*',
    '/%00',
  ])
    expect([path, await server.raw(`GET ${path} HTTP/1.1\r\n${host}`)]).toEqual([
      path,
      expect.stringMatching(/^HTTP\/1\.1 (200|400|404|421)|^$/),
    ])
  const smuggled = `POST /api/runs HTTP/1.1\r\nHost: localhost:${server.port}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/runs HTTP/1.1\r\n${host}`
  expect((await server.raw(smuggled)).match(/HTTP\/1\.1/g)).toHaveLength(1)
})

it('[CH14] says on every status that it lies, how much, and that it has stopped', async () => {
  const server = await lying({ seed: 3, most: 5 })
  const chaos = async () => (await server.ask(ENDPOINT.status.answer, '/api/status')).server.chaos
  expect(await chaos()).toEqual({ seed: 3, told: 0, lying: true })
  while ((await chaos())?.lying) await statusOf(server.send('/api/runs'))
  expect(await chaos()).toEqual({ seed: 3, told: 5, lying: false })
  for (let n = 0; n < 20; n++) expect(await statusOf(server.send('/api/runs'))).toBe(200)
})

it('[CH15] what it refuses was not done', async () => {
  const server = await lying({ seed: 4 })
  const token = await server.token('operator')
  let done = 0
  for (let n = 0; n < 40; n++) {
    const status = await statusOf(
      server.send('/api/runs', { token, body: { definition: 'brief' } }),
    )
    if (status === 201) done += 1
  }
  const { runs } = await server.ask(ENDPOINT.status.answer, '/api/status')
  expect(Object.values(runs).reduce((sum, count) => sum + count, 0)).toBe(done)
  expect(done).toBeLessThan(40)
})

it('[CH15] never gives an answer to anybody that was another’s', async () => {
  const server = await lying({ seed: 5 }, { private: true })
  const token = await server.token('viewer')
  for (let n = 0; n < 60; n++) await statusOf(server.send('/api/runs', { token }))
  for (let n = 0; n < 60; n++) {
    const text = await server.send('/api/runs').then(
      (response) => response.text().catch(() => ''),
      () => '',
    )
    expect(text).not.toContain('next_cursor')
  }
})

it('[CH16] lies on this machine alone', async () => {
  const refused = (options: Partial<Parameters<typeof start>[0]>) =>
    expect(served(PROJECT, { chaos: { seed: 1 }, ...options })).rejects.toThrow('--chaos')
  await refused({ origins: ['https://runs.example'] })
  await refused({ trustedProxies: ['127.0.0.1'] })
  await refused({
    host: '0.0.0.0',
    origins: ['https://runs.example'],
    trustedProxies: ['10.0.0.1'],
  })
})
