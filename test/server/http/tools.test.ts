import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { createEventSource } from 'eventsource-client'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { SHOWN_READERS } from '#test/first-documents.ts'
import { startNginx, whyNoNginx } from '#test/nginx.ts'
import { served, type Served } from './served.ts'

/* People read the stream with what they have. A run is told to each of them by a server as `serve` starts it. */

let server: Served
let token: string

beforeAll(async () => {
  server = await served('runs: { quick: { steps: [{ id: say, kind: test, run: echo hello }] } }')
  token = await server.token('operator')
})
afterAll(() => server.end())

const startRun = async () =>
  (
    await server.ask(ENDPOINT.startRun.answer, '/api/runs', {
      token,
      body: { definition: 'quick' },
    })
  ).run_id

/** Waits for one reader more than there were. */
async function anotherReader(before: number): Promise<void> {
  while ((await readers()) <= before);
}
const readers = async () =>
  (await server.ask(ENDPOINT.status.answer, '/api/status')).stream.subscribers

const TOLD = ['run_started', 'step_started', 'step_output', 'step_finished', 'run_finalized']

it.each(Object.entries(SHOWN_READERS))(
  '[S3] %s hears a run with the lines that the documents and the README show',
  async (name, lineOf) => {
    const [program, ...args] = lineOf(server.port)
    const readme = readFileSync('README.md', 'utf8')
    expect(readme).toContain(
      lineOf(3000)
        .slice(name === 'curl' ? 0 : -1)
        .join(' '),
    )

    const before = await readers()
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    await anotherReader(before)
    const run_id = await startRun()
    let text = ''
    for await (const chunk of child.stdout) {
      text += String(chunk)
      if (text.includes('run_finalized')) break
    }
    child.kill()
    await ended
    for (const type of TOLD) expect(text).toContain(type)
    expect(text).toContain(run_id)
  },
)

it('[S3] eventsource-client hears a run, with a token and where it left off', async () => {
  const before = await readers()
  const [first, whole] = listenerUntil('run_finalized')
  await anotherReader(before)
  const run_id = await startRun()
  const events = await whole
  first.close()
  expect(events.map(({ event }) => event)).toEqual(TOLD)
  expect(JSON.parse(events[0]?.data ?? '')).toMatchObject({ run_id })

  const [again, rest] = listenerUntil('run_finalized', events[1]?.id)
  expect(await rest).toEqual(events.slice(2))
  again.close()
})

/** eventsource-client, and what it heard until an event of this name. */
function listenerUntil(name: string, initialLastEventId?: string) {
  const events: EventSourceMessage[] = []
  const heard = Promise.withResolvers<EventSourceMessage[]>()
  const client = createEventSource({
    url: `${server.url}/events`,
    headers: { authorization: `Bearer ${token}` },
    ...(initialLastEventId !== undefined && { initialLastEventId }),
    onMessage(event) {
      events.push(event)
      if (event.event === name) heard.resolve(events)
    },
  })
  return [client, heard.promise] as const
}

it('[S11] behind nginx as Debian has it, each frame is there before anything else happens', async (context) => {
  const why = whyNoNginx()
  if (why !== null) return context.skip(why)
  const nginx = await startNginx(`location / { proxy_pass http://127.0.0.1:${server.port}; }`)
  const before = await readers()
  const direct = await listening({ port: server.port, host: '127.0.0.1' })
  const through = await listening({ socketPath: nginx.socketPath })
  await anotherReader(before + 1)
  const lags: number[] = []
  for (let run = 0; run < 10; run += 1) {
    const run_id = await startRun()
    // Nothing follows until both have heard all of it: what a proxy holds back would never come.
    const [at, behind] = await Promise.all([direct.until(run_id), through.until(run_id)])
    expect([...behind.keys()]).toEqual([...at.keys()])
    for (const [id, time] of at) lags.push((behind.get(id) ?? Number.NaN) - time)
  }
  direct.end()
  through.end()
  await nginx.end()
  console.log(
    `nginx ${versionOf('nginx')}: ${lags.length} frames, the slowest ${Math.max(...lags).toFixed(1)} ms behind a reader without it`,
  )
})

const versionOf = (program: string) =>
  /[\d.]+/.exec(spawnSync(program, ['-v'], { encoding: 'utf8' }).stderr)?.[0]

/** A reader of the stream that remembers when each frame came. */
async function listening(where: { host: string; port: number } | { socketPath: string }) {
  const came = new Map<string, number>()
  const heard = new Map<string, () => void>()
  let finalized = ''
  const parser = createParser({
    onEvent({ id = '', event, data }) {
      came.set(id, performance.now())
      if (event !== 'run_finalized') return
      finalized += data
      for (const look of heard.values()) look()
    },
  })
  const asking = request({
    ...where,
    path: '/events',
    headers: { host: `localhost:${server.port}` },
  })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    asking.on('response', resolve).on('error', reject).end()
  })
  expect(response.statusCode).toBe(200)
  const decoder = new TextDecoder()
  response.on('data', (chunk: Uint8Array) => parser.feed(decoder.decode(chunk, { stream: true })))
  return {
    /** When each frame came since the last call, once the run is finalized. */
    async until(run_id: string): Promise<Map<string, number>> {
      await new Promise<void>((resolve) => {
        const look = () => {
          if (finalized.includes(run_id)) resolve()
        }
        heard.set(run_id, look)
        look()
      })
      const frames = new Map(came)
      came.clear()
      return frames
    },
    end: () => asking.destroy(),
  }
}
