import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect, it, onTestFinished, vi } from 'vitest'
import { newRun, reduceAll } from '#live/reduce.ts'
import { resourceOf } from '#live/select.ts'
import { runseal } from './command-line.ts'

/* Real processes against a server that is the test's, so that it can be anything that stands between. */

vi.setConfig({ testTimeout: 120_000 })

const AT = '2026-11-12T09:00:00.000Z'
const sealed = reduceAll(newRun('run_1'), [
  { type: 'run_started', run_id: 'run_1', timestamp: AT },
  { type: 'run_failed', run_id: 'run_1', reason: 'no', status: 'failed', timestamp: AT },
  { type: 'run_finalized', run_id: 'run_1', evidence_id: 'ev_1', timestamp: AT },
])

type Answer = (response: ServerResponse, request: IncomingMessage) => void
const page =
  (status: number): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'text/html' }).end('<h1>Log in</h1>')
const open = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'text/event-stream' })

async function standingBetween(streams: Answer[], run: Answer): Promise<string> {
  const server = createServer((request, response) => {
    const answer = request.url?.startsWith('/events') ? streams.shift() : run
    ;(answer ?? page(404))(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}

it('[C5] watch outlives whatever stands between, and goes on from where it was', async () => {
  const asked: unknown[] = []
  let asks = 0
  const url = await standingBetween(
    [
      page(429),
      page(200),
      (response) => {
        open(response).write(': connected\n: after e-7\n\n')
        // An event without an end.
        setTimeout(() => response.write(`data: ${'x'.repeat(3_000_000)}`), 200)
        setTimeout(() => response.write('x'), 400)
      },
      (response, request) => {
        asked.push(request.headers['last-event-id'])
        open(response).write(': connected\n\n')
      },
    ],
    (response, request) => {
      if (asked.length === 0) return page(asks++ % 2 === 0 ? 502 : 403)(response, request)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(resourceOf(sealed, 'e-9', AT)))
    },
  )
  const told = await runseal(['watch', 'run_1', '--server', url])
  expect(told.code).toBe(0)
  expect(told.stdout).toContain('seal=sealed')
  expect(asked).toEqual(['e-7'])
  expect(told.stderr).toMatch(/answered 429[^]*no event stream[^]*connected/)
})

it('[C5] watch ends at a refusal in the server’s own words', async () => {
  const url = await standingBetween(
    [
      (response) => {
        const problem = { type: 'x', title: 'Sign in first', status: 401, code: 'unauthenticated' }
        response.writeHead(401, { 'content-type': 'application/problem+json' })
        response.end(JSON.stringify(problem))
      },
    ],
    page(404),
  )
  const told = await runseal(['watch', '--server', url])
  expect(told.code).toBe(1)
  expect(told.stderr).toContain('Sign in first')
})
