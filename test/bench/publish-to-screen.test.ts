import { subscribe } from 'node:diagnostics_channel'
import { IncomingMessage, ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import * as z from 'zod/mini'
import { launchChromium } from '#test/chromium.ts'
import { percentile, report, rounded } from './report.ts'
import { serveProject } from './served.ts'

/** Two steps that fail a hundred times each: some 400 frames, each of which changes one of two rows on the screen. */
const PROJECT = `
runs:
  bench:
    title: Publish to screen
    steps:
      - { id: one, retries: 100, run: sleep 0.15; exit 1 }
      - { id: two, retries: 100, run: sleep 0.15; exit 1 }
`

const HttpStarted = z.object({
  request: z.instanceof(IncomingMessage),
  response: z.instanceof(ServerResponse),
})

/** By `<step> <rank>`, in milliseconds since 1970. The rank rises with each frame of a step: 2 per attempt. */
type Times = Record<string, number>
type Seen = { first: Times; painted: Times }

it('brings a frame to the screen', async () => {
  const published: Times = {}
  subscribe('http.server.request.start', (message) => stampStream(message, published))
  const companion = await serveProject(PROJECT)
  const run_id = await companion.startRun('bench')
  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.goto(`${companion.url}/runs/${run_id}`)
  await page.getByRole('button', { name: 'two' }).waitFor()
  const bare = await browser.newPage()
  await bare.goto(`${companion.url}/api/status`)

  const [viewer, bound] = await Promise.all([
    page.evaluate(watchRows),
    bare.evaluate(receiveFrames, run_id),
  ])
  await browser.close()
  await companion.end()

  const frames = Object.keys(published).filter(
    (frame) => frame in bound.painted && reached(viewer.painted, frame) !== undefined,
  )
  // An end and the start that follows it are one write, and so one picture of both pages.
  expect(frames.length).toBeGreaterThanOrEqual(100)
  const latencies = (times: Times) =>
    frames.map((frame) => (reached(times, frame) ?? Number.NaN) - (published[frame] ?? Number.NaN))
  const measured = [
    { what: 'DOM', ours: latencies(viewer.first), bare: latencies(bound.first) },
    { what: 'painted', ours: latencies(viewer.painted), bare: latencies(bound.painted) },
  ]
  report(
    `Publish to screen, ${frames.length} frames; bound = a bare EventSource that writes one line`,
    measured.flatMap(({ what, ours, bare }) =>
      [0.5, 0.95].map((p) => ({
        until: `${what} p${p * 100}`,
        'viewer ms': rounded(percentile(ours, p)),
        'bound ms': rounded(percentile(bare, p)),
        'viewer / bound': rounded(percentile(ours, p) / percentile(bare, p)),
      })),
    ),
    measured.map(({ what, ours }) => ({
      what: `p95 until ${what}`,
      found: rounded(percentile(ours, 0.95)),
      below: 50,
      unit: 'ms',
    })),
    browser.version(),
  )
})

/** When the screen had reached a frame. One that was overtaken by the next before it could be drawn counts by that. */
function reached(times: Times, frame: string): number | undefined {
  const [step, rank] = frame.split(' ')
  return times[frame] ?? times[`${step} ${Number(rank) + 1}`]
}

/** The bus writes a frame to the streams at the instant that it is published: the first of them counts. */
function stampStream(message: unknown, published: Times): void {
  const { request, response } = HttpStarted.parse(message)
  if (request.url?.startsWith('/events') !== true) return
  const write = response.write.bind(response)
  response.write = (chunk: string | Uint8Array) => {
    const text = Buffer.from(chunk).toString()
    const [, name, step, attempt] =
      /^event: (step_started|step_finished)\n.*"step_id":"(\w+)".*"attempt":(\d+)/.exec(text) ?? []
    if (name !== undefined) {
      const rank = 2 * Number(attempt) + (name === 'step_finished' ? 1 : 0)
      published[`${step} ${rank}`] ??= performance.timeOrigin + performance.now()
    }
    return write(chunk)
  }
}

// What follows runs in a page.

/** Watches the rows of the steps until the run has failed. */
function watchRows(): Promise<Seen> {
  const seen: Seen = { first: {}, painted: {} }
  const drawn = new Set<string>()
  const now = () => performance.timeOrigin + performance.now()
  const states = () =>
    [...document.querySelectorAll('section[aria-label="Steps"] button')].map(({ textContent }) => {
      const [, step] = /(one|two)/.exec(textContent) ?? []
      const [, attempt = '1'] = /attempt (\d+)$/.exec(textContent) ?? []
      return `${step} ${2 * Number(attempt) + (textContent.includes('exit 1') ? 1 : 0)}`
    })
  for (const state of states()) drawn.add(state)
  return new Promise((resolve) => {
    const observer = new MutationObserver(() => {
      const at = now()
      for (const state of states()) {
        if (drawn.has(state)) continue
        drawn.add(state)
        seen.first[state] = at
        // After the next frame is drawn, a task follows.
        requestAnimationFrame(() => setTimeout(() => (seen.painted[state] = now())))
      }
      if (document.querySelector('[data-testid="status"]')?.textContent.includes('Failed')) {
        observer.disconnect()
        setTimeout(() => resolve(seen), 500)
      }
    })
    observer.observe(document.body, { subtree: true, childList: true, characterData: true })
  })
}

/** The same frames by nothing but EventSource, each written out as a line of text, until the run has failed. */
function receiveFrames(run_id: string): Promise<Seen> {
  const seen: Seen = { first: {}, painted: {} }
  const now = () => performance.timeOrigin + performance.now()
  const source = new EventSource(`/events?run_id=${run_id}`)
  const take = (finished: 0 | 1) => (event: MessageEvent<string>) => {
    const [, step, attempt] = /"step_id":"(\w+)".*"attempt":(\d+)/.exec(event.data) ?? []
    const frame = `${step} ${2 * Number(attempt) + finished}`
    document.body.textContent = frame
    seen.first[frame] = now()
    requestAnimationFrame(() => setTimeout(() => (seen.painted[frame] = now())))
  }
  source.addEventListener('step_started', take(0))
  source.addEventListener('step_finished', take(1))
  return new Promise((resolve, reject) => {
    source.addEventListener('error', () => reject(new Error('the stream ended')))
    source.addEventListener('run_failed', () => {
      source.close()
      setTimeout(() => resolve(seen), 500)
    })
  })
}
