import { createServer, type RequestListener } from 'node:http'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { entryDigest } from '#evidence/chain.ts'
import {
  listedAs,
  newSigner,
  planStep,
  type Sealed,
  serverKeyOf,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { runseal } from './command-line.ts'

// Processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const signer = await newSigner()
let folder: string
let trust: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-cli-hostile-'))
  trust = join(folder, 'trust.json')
  await writeFile(trust, JSON.stringify(trustFileOf(signer)))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const summary = (evidence_id: string, seal_seq: number) => ({
  evidence_id,
  run_id: `run-${evidence_id}`,
  definition: 'release',
  outcome: 'succeeded',
  seal_seq,
  head: '0'.repeat(64),
  sha256: '0'.repeat(64),
  bytes: 1,
  sealed_at: '2026-11-12T10:00:00.000Z',
})

/** A server that says what it likes; `list` is what it answers each time that it is asked what it has. */
async function audited(
  list: (cursor: string | null) => object,
  envelopes: ReadonlyMap<string, Sealed> = new Map(),
  trusting = trust,
  broken = '',
  offered: object = { server_keys: [], approvers: [] },
) {
  let asked = 0
  const artifacts: string[] = []
  const answer: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    const found = envelopes.get(pathname.replace('/api/envelopes/', ''))
    response.setHeader('content-type', 'application/json')
    if (pathname.startsWith('/api/artifacts/')) artifacts.push(pathname)
    if (broken !== '' && pathname.endsWith(broken)) response.writeHead(500).end('<h1>')
    else if (pathname === '/api/trust') response.end(JSON.stringify(offered))
    else if (pathname === '/api/envelopes') {
      asked += 1
      const page = list(searchParams.get('cursor'))
      response.writeHead('status' in page ? 500 : 200).end(JSON.stringify(page))
    } else if (found === undefined) response.writeHead(404).end('{}')
    else response.end(found.bytes)
  }
  // As where a connection was closed while the one before was read: it is found out by the next question.
  const used = new WeakSet<object>()
  const server = createServer((request, response) => {
    if (used.has(request.socket)) request.socket.resetAndDestroy()
    else answer(request, response)
    used.add(request.socket)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  try {
    const at = ['audit', '--server', `http://127.0.0.1:${port}`, '--trust', trusting]
    const [json, words] = await Promise.all([runseal([...at, '--json']), runseal(at)])
    return { ...json, words, asked, artifacts }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** The oldest first. */
async function seriesOf(count: number): Promise<Sealed[]> {
  const all: Sealed[] = []
  for (let seal_seq = 1; seal_seq <= count; seal_seq += 1) {
    const ids = { evidence_id: `ev-${seal_seq}`, run_id: `run-${seal_seq}` }
    const run = startRun(signer, { steps: [planStep('build')] }, ids)
    run.step('build')
    const { evidence_id = '', integrity } = all.at(-1)?.envelope ?? {}
    const previous = integrity ? { evidence_id, head: integrity.hash_chain.head } : null
    all.push(await run.seal({ seal_seq, previous }))
  }
  return all
}

it('[W8] [C21] a list that does not end is left, and nothing is said of what it has', async () => {
  const { code, stdout, stderr, asked } = await audited(() => ({
    items: [],
    next_cursor: 'again',
  }))
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('the list of records does not end')
  expect(asked).toBe(2)
})

it('[W8] [C21] a page of any length is a page, and what is listed twice is asked for once', async () => {
  const items = Array.from({ length: 150_000 }, (_, n) => summary(`ev-${n % 20}`, 1))
  const { code, stderr, stdout } = await audited(() => ({ items, next_cursor: null }))
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  const told = parseJson(z.looseObject({ missing: z.array(z.string()) }), stdout)
  expect(told.ok && told.value.missing).toHaveLength(20)
})

it('[C21] what is missing is counted by its numbers too, and nothing more is said than was looked at', async () => {
  const all = await seriesOf(4)
  const here = (...kept: number[]) =>
    audited(
      () => ({
        items: all
          .filter(({ envelope }) => kept.includes(envelope.closing.seal_seq))
          .map(listedAs)
          .toReversed(),
        next_cursor: null,
      }),
      new Map(all.map((one) => [one.envelope.evidence_id, one])),
    )
  const last = await here(4)
  expect(last.words.code).toBe(1)
  expect(last.words.stdout).toContain('Numbers 1 to 2 are not here')
  expect(last.words.stdout).toContain(' 3 missing. ')
  // The newest is another one than is listed.
  const [, , third, fourth] = all
  if (!third || !fourth) throw new Error('fewer than four')
  const { evidence_id, run_id } = fourth.envelope
  const again = startRun(signer, { steps: [planStep('other')] }, { evidence_id, run_id })
  again.step('other')
  const { head } = third.envelope.integrity.hash_chain
  const previous = { evidence_id: third.envelope.evidence_id, head }
  const anew = await again.seal({ seal_seq: 4, previous })
  const resealed = await audited(
    () => ({ items: all.map(listedAs).toReversed(), next_cursor: null }),
    new Map([...all, anew].map((one) => [one.envelope.evidence_id, one])),
  )
  expect(resealed.words.code).toBe(1)
  expect(resealed.words.stdout).toContain(
    'resealed         ev-4 is another one than the server’s own list says',
  )
  // Of their logs this server has none.
  const whole = await here(4, 3, 2, 1)
  expect(whole.words.code).toBe(0)
  expect(whole.words.stdout).toContain('Logs and artifacts were not looked at')
  expect(whole.words.stdout).not.toContain('Nothing is missing')
  // One answer ends no walk, and what it is about is not missing.
  const items = all.map(listedAs).toReversed()
  const byId = new Map(all.map((one) => [one.envelope.evidence_id, one]))
  const { words } = await audited(() => ({ items, next_cursor: null }), byId, trust, 'ev-3')
  expect(words).toMatchObject({ code: 3, stderr: '' })
  expect(words.stdout).toContain(
    'not read         ev-3: the server answered 500 (GET /api/envelopes/ev-3)',
  )
  expect(words.stdout).toContain('3 envelopes: 3 proven. ')
  expect(words.stdout).not.toContain('missing. ')
  const none = await audited(
    () => ({ items: items.slice(1, 2), next_cursor: null }),
    byId,
    trust,
    'ev-3',
  )
  expect(none).toMatchObject({ code: 2, stdout: '' })
  expect(none.stderr).toContain('no envelope can be read')
})

it('[C21] keys or a page that are answered 500 hide nothing of the rest, and are told', async () => {
  const all = new Map((await seriesOf(3)).map((one) => [one.envelope.evidence_id, one]))
  const fault = {
    type: 'about:blank',
    title: 'moved',
    status: 500,
    code: 'internal',
    request_id: 'r',
    detail: 'for now\n\n3 envelopes: 3 proven.',
  }
  const newest = { items: [...all.values()].slice(-1).map(listedAs), next_cursor: 'older' }
  const list = (cursor: string | null) => (cursor === null ? newest : fault)
  const whole = await audited(list, all, trust, '/trust')
  expect(whole.words).toMatchObject({ code: 3, stderr: '' })
  const unlisted = 'moved: for now<U+000A><U+000A>3 envelopes: 3 proven.'
  expect(parseJson(z.looseObject({}), whole.stdout)).toMatchObject({
    value: {
      verdict: 'not proven',
      envelopes: ['ev-3', 'ev-2', 'ev-1'].map((evidence_id) => ({ evidence_id })),
      series: [{ count: 3, faults: [] }],
      unlisted,
      unoffered: 'the server answered 500 (GET /api/trust)',
    },
  })
  const { stdout } = whole.words
  expect(stdout).toContain(`not read         the whole list of what is here: ${unlisted}\n`)
  expect(stdout).toContain('not had          keys as offered: the server answered 500')
  expect(stdout).toContain('The list is not whole: there may be more.')
  const none = await audited(() => fault, all)
  expect(none).toMatchObject({ code: 2, stdout: '', stderr: `runseal audit: ${unlisted}\n` })
  // Nobody has looked for number 1.
  const unread = await audited(list, all, trust, 'ev-2')
  expect(unread.words.code).toBe(3)
  expect(unread.words.stdout).toContain('not read         ev-2: the server answered 500')
  expect(unread.words.stdout).not.toContain('missing')
  all.delete('ev-2')
  const { words } = await audited(list, all, trust, '/trust')
  expect(words.code).toBe(1)
  expect(words.stdout).toContain('missing          ev-3 follows ev-2, number 2, which is not here.')
  expect(words.stdout).toContain(' 1 missing. ')
})

it('[C21] [V17] keys that are offered in no trust file of ours take nothing from those that are pinned', async () => {
  const all = new Map((await seriesOf(1)).map((one) => [one.envelope.evidence_id, one]))
  const list = () => ({ items: [...all.values()].map(listedAs), next_cursor: null })
  const server_keys = [serverKeyOf(signer), serverKeyOf(signer)]
  const { words } = await audited(list, all, trust, '', { server_keys, approvers: [] })
  expect(words.code).toBe(0)
  expect(words.stdout).toContain(`keys as offered: ${signer.key_id} is there twice`)
  const long = { server_keys: [], approvers: [], more: 'x'.repeat(5 * 1024 * 1024) }
  const { words: longer } = await audited(list, all, trust, '', long)
  expect(longer.code).toBe(0)
  expect(longer.stdout).toContain('keys as offered: it is too long to be a trust file')
})

it('[C21] parts of cells are fetched up to a bound that more than a million fit in, whatever the sealed record says of them', async () => {
  const sealed = async (evidence_id: string, bytes: number) => {
    const run = startRun(
      signer,
      { steps: [planStep('build', { kind: 'materialize' })] },
      { evidence_id, run_id: `run-${evidence_id}`, kind: 'materialize' },
    )
    run.step('build', { cells_part: { sha256: 'c'.repeat(64), bytes, count: 1 } })
    return await run.seal()
  }
  const walked = async (bytes: number) => {
    const one = await sealed('ev-1', bytes)
    return audited(() => ({ items: [listedAs(one)], next_cursor: null }), new Map([['ev-1', one]]))
  }
  expect((await walked(1024 ** 3 + 1)).artifacts).toEqual([])
  const part = `/api/artifacts/${'c'.repeat(64)}`
  // More than a record may have, as a million cells are.
  expect((await walked(1024 ** 3)).artifacts).toEqual([part, part])
})

it('[W9] [C21] a rerun is held against the record of what it repeats, and a key that has ended is told', async () => {
  const plan = { steps: [planStep('build'), planStep('test')] }
  const first = startRun(signer, plan, { actor: 'user:ann' })
  const built = first.step('build')
  first.step('test', { outcome: 'failed' })
  const one = await first.seal()
  const { evidence_id, run_id, integrity } = one.envelope
  const rerun_of = { run_id, starters: ['user:oda'] }
  const again = startRun(signer, plan, { evidence_id: 'ev-2', run_id: 'run-2', rerun_of })
  const entry = entryDigest('step', built)
  const salt = 'e'.repeat(32)
  again.step('build', { ...built, salt, taken_over: { evidence_id, seq: 1, entry } })
  again.step('test')
  const previous = { evidence_id, head: integrity.hash_chain.head }
  const two = await again.seal({ seal_seq: 2, previous })
  const revoked = join(folder, 'revoked.json')
  const server_keys = [serverKeyOf(signer, { status: 'revoked', last_seal_seq: 5 })]
  await writeFile(revoked, JSON.stringify(trustFileOf(signer, { server_keys })))
  const items = [two, one].map(listedAs)
  const { words } = await audited(
    () => ({ items, next_cursor: null }),
    new Map([
      ['ev-1', one],
      ['ev-2', two],
    ]),
    revoked,
  )
  expect(words.code).toBe(1)
  expect(words.stdout).toContain(
    '2 envelopes rest on a key that is revoked: whoever has that key now can have made them.',
  )
  expect(words.stdout).toContain(
    'lineage          ev-2 repeats run-1, which others started by its record, ev-1.',
  )
})
