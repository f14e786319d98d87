import fc from 'fast-check'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import { Problem, PROBLEM } from '#contract/problem.ts'
import { keysOf } from '#contract/status.ts'
import { problemOf, served, type Served } from './served.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const PROJECT = 'runs: { quick: { steps: [{ id: say, run: echo hello }] } }\n'
const LEAKS =
  /\/src\/|node_modules|\.ts\b|at \w+ \(|sqlite|runseal-port|TypeError|SyntaxError|PRIVATE/i

let server: Served
let host: string
let operator: string
beforeAll(async () => {
  server = await served(PROJECT, { limits: { headMs: 400, bodyMs: 800 } })
  host = `localhost:${server.port}`
  operator = await server.token('operator')
})
afterAll(async () => {
  // Whatever was sent, nothing failed inside, and the server still serves.
  expect(server.logged).toEqual([])
  expect((await server.send('/healthz')).status).toBe(200)
  await server.end()
})

/** The answers on the wire, each a head and a body. */
function answersIn(text: string): { status: number; head: string; body: string }[] {
  const found: { status: number; head: string; body: string }[] = []
  let rest = text
  for (;;) {
    const [head = '', status] = /^HTTP\/1\.1 (\d{3}) [^]*?\r\n\r\n/.exec(rest) ?? []
    if (status === undefined) break
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? '0')
    const body = rest.slice(head.length, head.length + length)
    found.push({ status: Number(status), head, body })
    rest = rest.slice(head.length + length)
  }
  expect(rest).toBe('')
  return found
}

function refusalIn(text: string): Problem {
  const [answer, ...more] = answersIn(text)
  expect(more).toEqual([])
  const parsed = parseJson(Problem, answer?.body ?? '')
  if (answer === undefined || !parsed.ok) throw new Error(`no problem: ${text}`)
  expect(answer.head).toContain("default-src 'none'")
  expect(answer.status).toBe(parsed.value.status)
  expect(text).not.toMatch(LEAKS)
  return parsed.value
}

const post = (headers: string, body = '') =>
  `POST /api/runs HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${operator}\r\nContent-Type: application/json\r\n${headers}\r\n${body}`

const SMUGGLED = `GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`

it.each([
  ['CL and TE', `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${SMUGGLED}`],
  ['two lengths', `Content-Length: 2\r\nContent-Length: 40\r\n`, `{}${SMUGGLED}`],
  ['lengths in one line', `Content-Length: 2, 40\r\n`, `{}${SMUGGLED}`],
  ['a signed length', `Content-Length: +2\r\n`, `{}${SMUGGLED}`],
  ['a length in hex', `Content-Length: 0x2\r\n`, `{}${SMUGGLED}`],
  ['TE that is not last', `Transfer-Encoding: chunked, identity\r\n`, `0\r\n\r\n${SMUGGLED}`],
  ['TE of another spelling', `Transfer-Encoding: xchunked\r\n`, `0\r\n\r\n${SMUGGLED}`],
  ['a folded TE', `Transfer-Encoding:\r\n chunked\r\n`, `0\r\n\r\n${SMUGGLED}`],
  ['TE with a space before the colon', `Transfer-Encoding : chunked\r\n`, `0\r\n\r\n${SMUGGLED}`],
  ['a folded header', `X-A: b\r\n c: d\r\nContent-Length: 2\r\n`, `{}`],
  ['a bare CR', `X-A: b\rContent-Length: 9\r\n`, ''],
  ['a NUL in a header', `X-A: b\0\r\n`, ''],
  ['a bad chunk size', `Transfer-Encoding: chunked\r\n`, `zz\r\n{}\r\n0\r\n\r\n`],
  ['a chunk without its end', `Transfer-Encoding: chunked\r\n`, `2\r\n{}xx0\r\n\r\n${SMUGGLED}`],
  ['a chunk of no end', `Transfer-Encoding: chunked\r\n`, `ffffffffffffffffff\r\n{}\r\n`],
])('[H23] %s is refused, and what follows is no request', async (_, headers, body) => {
  const { code } = refusalIn(await server.raw(post(headers, body)))
  expect(code).toBe('bad_request')
})

it.each([
  ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 'bad_request'],
  ['two Hosts', `GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil\r\nConnection: close\r\n\r\n`, null],
  ['no HTTP', 'hello\r\n\r\n', 'bad_request'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 'bad_request'],
  ['HTTP/3.0', 'GET / HTTP/3.0\r\nHost: HOST\r\n\r\n', 'bad_request'],
  [
    'TRACE',
    'TRACE /api/runs HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n',
    'method_not_allowed',
  ],
  [
    'an unknown method',
    'PURGE /api/runs HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n',
    'method_not_allowed',
  ],
  ['a target with a space', 'GET /a b HTTP/1.1\r\nHost: HOST\r\n\r\n', 'bad_request'],
])('[H23] %s', async (_, text, code) => {
  const problem = refusalIn(await server.raw(text.replace('HOST', host)))
  if (code === null) expect(problem.status).toBeLessThan(500)
  else expect(problem.code).toBe(code)
})

it('[H23] an expectation is no way around the rules', async () => {
  const text = await server.raw(
    post('Expect: 200-maybe\r\nContent-Length: 2\r\nConnection: close\r\n', '{}'),
  )
  expect(refusalIn(text).code).toBe('bad_request')
})

it('[H21] a head of too many bytes or lines is refused', async () => {
  const head = (headers: string) =>
    `GET /api/runs HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`
  expect(refusalIn(await server.raw(head(`X-A: ${'x'.repeat(20_000)}\r\n`))).code).toBe(
    'head_too_large',
  )
  expect(refusalIn(await server.raw(head('X-A: b\r\n'.repeat(120)))).code).toBe('head_too_large')
  expect(answersIn(await server.raw(head('X-A: b\r\n'.repeat(90))))[0]?.status).toBe(200)
})

it('[H21] a head or a body that trickles in is ended', async () => {
  const drops = Array.from({ length: 40 }, () => 'X-A: b\r\n')
  const slowHead = await server.raw(['GET /api/runs HTTP/1.1\r\n', ...drops], 100)
  expect(refusalIn(slowHead).code).toBe('request_timeout')
  const slowBody = await server.raw(
    [post('Content-Length: 1000\r\n'), ...Array.from({ length: 40 }, () => ' ')],
    100,
  )
  expect(refusalIn(slowBody).code).toBe('request_timeout')
  // Who goes away in the middle is no failure of the server's.
  const gone = connect(server.port, '127.0.0.1')
  gone.write(post('Content-Length: 1000\r\n', '{'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  gone.destroy()
})

it('[H21] connections beyond the most are not taken, and those before go on', async () => {
  const small = await served(PROJECT, { limits: { connections: 5 } })
  const held: Socket[] = []
  try {
    for (let i = 0; i < 20; i += 1)
      held.push(connect(small.port, '127.0.0.1').on('error', () => {}))
    await vi.waitUntil(() => held.filter(({ destroyed }) => destroyed).length === 15)
    for (const socket of held) socket.destroy()
    await vi.waitUntil(async () => (await small.send('/healthz').catch(() => null))?.status === 200)
  } finally {
    await small.end()
  }
})

it('[H22] sign-ins are limited by address, changes by who makes them', async () => {
  const fresh = await served(PROJECT)
  try {
    const signIns = await Promise.all(
      Array.from({ length: 40 }, () => fresh.send('/api/session', { body: { token: 'guess' } })),
    )
    const limited = signIns.filter(({ status }) => status === 429)
    expect(limited.length).toBeGreaterThanOrEqual(15)
    expect(signIns.length - limited.length).toBeGreaterThanOrEqual(20)
    expect(limited[0]?.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
    const { items } = await fresh.administration.journal.list({ cursor: null, limit: 200 })
    const refused = items.filter(({ act }) => act === 'sign_in_refused')
    expect(refused).toHaveLength(signIns.length - limited.length)

    const token = await fresh.token('operator')
    const change = () => fresh.send('/api/runs/none/seal', { method: 'POST', token })
    let tooMany: Response | null = null
    for (let i = 0; i < 40 && tooMany === null; i += 1) {
      const some = await Promise.all(Array.from({ length: 50 }, change))
      tooMany = some.find(({ status }) => status === 429) ?? null
    }
    expect((await problemOf(tooMany ?? new Response('{}'))).code).toBe('too_many_requests')
    // Somebody else is not held back, and reading is not limited.
    const other = { method: 'POST', token: await fresh.token('operator') }
    expect((await fresh.send('/api/runs/none/seal', other)).status).toBe(404)
    expect((await fresh.send('/api/runs', { token })).status).toBe(200)
  } finally {
    await fresh.end()
  }
})

it.each([
  ['a member twice', '{"definition":"quick","definition":"quick"}'],
  ['a member twice, spelt otherwise', String.raw`{"definition":"quick","d\u0065finition":"quick"}`],
  ['a member twice, inside', '{"definition":"quick","inputs":{"a":"1","a":"1"}}'],
  ['__proto__', '{"definition":"quick","__proto__":{"definition":"other"}}'],
  ['__proto__ inside', '{"definition":"quick","inputs":{"__proto__":"x"}}'],
  [
    '__proto__, spelt otherwise',
    String.raw`{"definition":"quick","inputs":{"\u005f_proto__":"x"}}`,
  ],
  ['constructor', '{"definition":"quick","constructor":{"prototype":{"a":1}}}'],
  ['NaN', '{"definition":NaN}'],
  ['a comment', '{"definition":"quick"/**/}'],
  ['a comma too many', '{"definition":"quick",}'],
  ['two values', '{"definition":"quick"}{}'],
  ['a BOM', '\uFEFF{"definition":"quick"}'],
  ['a lone bracket', ']'.repeat(1000)],
  ['17 levels', `{"inputs":${'['.repeat(16)}${']'.repeat(16)}}`],
  ['a number of a megabyte', `{"definition":${'9'.repeat(1_000_000)}}`],
])('[H5] a body with %s is refused', async (_, body) => {
  const answer = await fetch(`${server.local}/api/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body,
  })
  expect((await problemOf(answer)).code).toBe('bad_request')
})

it('[H5] a body that is no UTF-8 is refused, and so is one that is too large however it comes', async () => {
  const send = async (body: Uint8Array<ArrayBuffer> | ReadableStream) =>
    await problemOf(
      await fetch(`${server.local}/api/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
        body,
        ...(body instanceof ReadableStream && { duplex: 'half' }),
      }),
    )
  expect((await send(Uint8Array.of(0x22, 0xff, 0x22))).code).toBe('bad_request')
  const large = new Blob([' '.repeat(2 * 1024 * 1024)])
  expect((await send(large.stream())).code).toBe('too_large')
})

it.each([
  '/../../etc/passwd',
  '/..%2f..%2f..%2fetc/passwd',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/%252e%252e%252fetc%252fpasswd',
  '/..%5c..%5cetc%5cpasswd',
  '/..\\..\\etc\\passwd',
  '/assets/%00/../../key.pem',
  '/index.html%00.js',
  '/api/artifacts/%2e%2e%2fkey.pem',
  '/api/artifacts/..%5ckey.pem',
  '/api/envelopes/%252e%252e%252fkey.pem',
  '/api/envelopes/..%00',
  '/api/runs/%2e%2e/steps/%2e%2e/log',
  '/api/runs/%/steps/%zz/log',
  '/api/runs/%ff%fe',
  '/api/users/__proto__',
  '//evil.example/%2f..',
  '/.runseal/runseal.db',
])('[H8] %s leads nowhere', async (path) => {
  const text = await server.raw(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  )
  expect(['not_found', 'bad_request', 'method_not_allowed']).toContain(refusalIn(text).code)
})

it('[H25] whatever comes in a path, query, header, cursor or body, the answer is a known problem', async () => {
  const admin = await server.token('admin')
  const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  const names = keysOf(ENDPOINT).filter((name) => name !== 'events')
  const odd = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '..',
      '%',
      '%00',
      '\0',
      '__proto__',
      'constructor',
      '-1',
      '1e9',
      'NaN',
      '',
      ' ',
    ),
    fc.constantFrom(
      '9'.repeat(400),
      '\u202E',
      '\uD800',
      "' or 1=1 --",
      '../../key.pem',
      '[]',
      'null',
    ),
    fc.stringMatching(/^[A-Za-z0-9_.-]{1,20}$/),
  )
  const members = fc.constantFrom(
    'cursor',
    'limit',
    'status',
    'q',
    'user',
    'offset',
    'attempt',
    'state',
    'definition',
  )
  const request = fc.record({
    name: fc.constantFrom(...names),
    ids: fc.array(odd, { minLength: 3, maxLength: 3 }),
    query: fc.array(fc.tuple(fc.oneof(members, odd), odd), { maxLength: 4 }),
    headers: fc.dictionary(
      fc.constantFrom(
        'accept',
        'if-none-match',
        'range',
        'origin',
        'cookie',
        'last-event-id',
        'content-type',
        'x-forwarded-for',
        'runseal-secret',
        'sec-fetch-site',
      ),
      fc.oneof(
        fc.string({ maxLength: 60 }).map(headerSafe),
        fc.constantFrom('a=b; c', 'application/json', `runseal_1=${'x'.repeat(99)}`),
      ),
      { maxKeys: 3 },
    ),
    body: fc.oneof(
      fc.json({ maxDepth: 20 }),
      odd,
      fc
        .record({ definition: odd, inputs: fc.dictionary(odd, fc.jsonValue()) })
        .map((value) => JSON.stringify(value)),
      fc
        .record({ role: odd, name: odd, user: odd, disabled: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    ),
    json: fc.boolean(),
    signedIn: fc.boolean(),
  })
  await fc
    .assert(
      fc.asyncProperty(request, async ({ name, ids, query, headers, body, json, signedIn }) => {
        const row = ENDPOINT[name]
        let at = 0
        const path = row.path.replaceAll(/\{\w+\}/g, () => wire(ids[(at += 1) - 1] ?? ''))
        const search = query.map(([member, value]) => `${wire(member)}=${wire(value)}`).join('&')
        const sent = row.method === 'GET' ? '' : Buffer.from(body).toString('latin1')
        const lines = Object.entries({
          host,
          connection: 'close',
          ...(signedIn && { authorization: `Bearer ${admin}` }),
          ...(json && { 'content-type': 'application/json' }),
          ...headers,
          'content-length': String(sent.length),
        }).map(([header, value]) => `${header}: ${value}\r\n`)
        const text = await server.raw(
          `${row.method} ${path}?${search} HTTP/1.1\r\n${lines.join('')}\r\n${sent}`,
        )
        const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1])
        expect(status).toBeLessThan(500)
        if (status >= 400) {
          const { code } = refusalIn(text)
          expect(PROBLEM[code].status).toBe(status)
        }
        expect(server.logged).toEqual([])
      }),
      { seed, numRuns: 600 },
    )
    .catch((error: unknown) => {
      throw new Error(`FUZZ_SEED=${seed}`, { cause: error })
    })
})

// As it comes over the wire: what would end the line is encoded, everything else is as it is.
function wire(text: string): string {
  return Buffer.from(text.toWellFormed())
    .toString('latin1')
    .replaceAll(
      /[\0-\x20#?&=\x7f-\xff]/g,
      (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
}

const headerSafe = (text: string) => text.replaceAll(/[^\x20-\x7e]/g, '').trim()
