// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { againAfterMs, ApiError, ask, send } from '#viewer/api.ts'

/* What stands in the place of an answer is none, however well it is answered. */

beforeEach(() => {
  vi.stubGlobal('location', new URL('http://localhost/'))
})
afterEach(() => {
  vi.unstubAllGlobals()
})

const answered = (response: () => Response) =>
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>(async () => response()),
  )
const failure = async (asked: Promise<unknown>): Promise<unknown> => {
  try {
    return await asked
  } catch (error) {
    return error
  }
}

const HTML = { 'content-type': 'text/html' }
const JSON_TYPE = { 'content-type': 'application/json' }
const log = { params: { run_id: 'run_1', step_id: 'build' } }

it.each([
  ['a page in the place of a log', () => new Response('<h1>Sign in</h1>', { headers: HTML })],
  ['nothing', () => new Response(null, { status: 204 })],
  ['another status', () => new Response('x', { status: 206, headers: JSON_TYPE })],
])('[CH3] %s is not read as the log', async (_, response) => {
  answered(response)
  expect(await failure(send(ENDPOINT.log, log))).toMatchObject({ code: 'unreadable' })
})

it('[CH3] a page in the place of an envelope is no envelope that does not verify, but none', async () => {
  answered(() => new Response('<h1>Sign in</h1>', { headers: HTML }))
  expect(
    await failure(send(ENDPOINT.envelope, { params: { evidence_id: 'ev_1' } })),
  ).toBeInstanceOf(ApiError)
})

it('[CH3] an answer that breaks off in its body is one that did not come', async () => {
  const broken = () =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"items":['))
        controller.error(new TypeError('terminated'))
      },
    })
  for (const status of [200, 500]) {
    answered(() => new Response(broken(), { status, headers: JSON_TYPE }))
    expect(await failure(ask(ENDPOINT.listRuns))).toMatchObject({ code: 'unreachable' })
  }
})

it('[CH3] an answer without an end is given up, and so is one that stands still', async () => {
  let read = 0
  const endless = new ReadableStream({
    pull(controller) {
      read += 1
      controller.enqueue(new Uint8Array(1024 ** 2))
    },
  })
  answered(() => new Response(endless, { headers: JSON_TYPE }))
  const given = await failure(ask(ENDPOINT.listRuns))
  expect(given).toMatchObject({ code: 'unreachable' })
  expect(String(given)).toContain('longer than')
  expect(read).toBeLessThan(70)

  vi.useFakeTimers()
  const never: typeof fetch = (_, init) =>
    new Promise((_, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new Error('nothing came')))
    })
  vi.stubGlobal('fetch', never)
  const asked = failure(ask(ENDPOINT.listRuns))
  await vi.advanceTimersByTimeAsync(30_000)
  expect(await asked).toMatchObject({ code: 'unreachable', status: 0 })
  vi.useRealTimers()
})

it('[CH3] no answer is kept by a cache, and none is elsewhere', async () => {
  const asked = vi.fn<typeof fetch>(async () => Response.json({ items: [], next_cursor: null }))
  vi.stubGlobal('fetch', asked)
  await ask(ENDPOINT.listRuns)
  expect(asked.mock.calls[0]?.[1]).toMatchObject({ cache: 'no-store', redirect: 'error' })
})

it('[CH4] whatever could not be had is asked for again, a refusal of the server itself less often', () => {
  const after = (code: ApiError['code'], status: number) =>
    againAfterMs(new ApiError(code, status, ''))
  expect(after('unreachable', 0)).toBe(4000)
  expect(after('unreadable', 403)).toBe(4000)
  expect(after('internal', 500)).toBe(4000)
  expect(after('forbidden', 403)).toBe(30_000)
  expect(againAfterMs(new Error('of this page'))).toBeNull()
})
