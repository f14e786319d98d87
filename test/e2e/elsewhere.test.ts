import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { launchChromium } from '#test/chromium.ts'
import { served, type Served } from '#test/server/http/served.ts'

/* A page of another origin, with nothing but the browser's own EventSource. */

const elsewhere = createServer((_request, response) => {
  response.setHeader('content-type', 'text/html').end('<!doctype html><title>A board</title>')
})
let board: string
let browser: Browser
let server: Served

beforeAll(async () => {
  elsewhere.listen(0, 'localhost')
  await once(elsewhere, 'listening')
  const address = elsewhere.address()
  board = `http://localhost:${address !== null && typeof address === 'object' ? address.port : ''}`
  server = await served('runs: { quick: { steps: [{ id: say, run: echo hello }] } }', {
    private: true,
    allowOrigins: [board],
  })
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await server?.end()
  elsewhere.closeAllConnections()
  elsewhere.close()
})

it('[H2] hears the runs of a private server by the session of its person, where its origin is allowed', async () => {
  const { people } = server.administration
  const { session } = await people.signIn((await people.makeLink('admin', 'system')).token, 'here')
  const context = await browser.newContext()
  const name = `runseal_${server.port}`
  const cookie = { name, value: session, domain: 'localhost', path: '/', httpOnly: true }
  await context.addCookies([{ ...cookie, sameSite: 'Strict' }])
  const page = await context.newPage()
  await page.goto(board)
  const url = `${server.local}/events`

  const opened = await page.evaluate(hearing, { url, withCredentials: true })
  expect(opened).toBe('open')
  const token = await server.token('operator')
  const started = { token, body: { definition: 'quick' } }
  const { run_id } = await server.ask(ENDPOINT.startRun.answer, '/api/runs', started)
  await page.waitForFunction("window.heard.some(({ type }) => type === 'run_finalized')")
  expect(await page.evaluate('window.heard')).toMatchObject([
    { type: 'run_started', run_id },
    { type: 'run_finalized', run_id },
  ])

  // Without what its browser holds nobody is signed in; and from a page that is not allowed nothing is heard at all.
  expect(await page.evaluate(hearing, { url, withCredentials: false })).toBe('closed')
  await page.goto('about:blank')
  expect(await page.evaluate(hearing, { url, withCredentials: true })).toBe('closed')
  await context.close()
})

// What follows runs in a page.

/** Listens, keeping what it hears, and answers whether it may. */
function hearing({ url, withCredentials }: { url: string; withCredentials: boolean }) {
  const heard: unknown[] = []
  Reflect.set(window, 'heard', heard)
  const source = new EventSource(url, { withCredentials })
  for (const name of ['run_started', 'run_finalized'])
    source.addEventListener(name, (event: MessageEvent<string>) =>
      heard.push(JSON.parse(event.data)),
    )
  return new Promise<string>((resolve) => {
    source.addEventListener('open', () => resolve('open'))
    // EventSource gives up for good on an answer that it may not read.
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) resolve('closed')
    })
  })
}
