import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { start, type Running } from '#server/main.ts'
import { served } from './served.ts'

let folder: string
let server: Running
const logged: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-port-'))
  await writeFile(
    join(folder, 'runseal.yaml'),
    'runs:\n  tour:\n    steps: [{ id: say, run: echo hello }]\n',
  )
  server = await start({
    project: folder,
    data: join(folder, '.runseal'),
    host: '127.0.0.1',
    port: 0,
    log: (line) => logged.push(line),
  })
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

/** What the server answers to bytes that no browser would send. */
async function raw(head: string): Promise<string> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.setEncoding('latin1')
  socket.end(head)
  let text = ''
  socket.on('data', (chunk: string) => (text += chunk))
  await once(socket, 'close')
  return text
}

it('[S11] the stream behind the whole of HTTP: its headers, the policy, and no second answer', async () => {
  const abort = new AbortController()
  const response = await fetch(`${server.url}/events`, { signal: abort.signal })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader?.read())?.value).toMatch(
    /^: connected\nretry: \d+\n: after (\w+-\d+)\nid: \1\n\n$/,
  )
  abort.abort()
  expect(logged).toEqual([])
})

it('[S6] frames of the first run are replayed over the port', async () => {
  const abort = new AbortController()
  const response = await fetch(`${server.url}/events`, {
    headers: { 'last-event-id': 'earlier-1' },
    signal: abort.signal,
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('event: run_finalized')) text += (await reader?.read())?.value ?? ''
  expect(text.indexOf('event: stream.gap')).toBeLessThan(text.indexOf('event: run_started'))
  abort.abort()
})

it('[S14] metrics: what the stream has told, what waits, and how long a frame takes to be written', async () => {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  const frames = value('runseal_stream_frames_total')
  expect(frames).toBeGreaterThan(0)
  for (const name of [
    'subscribers',
    'dropped_total',
    'gaps_total',
    'slow_readers',
    'queued_frames',
  ])
    expect(value(`runseal_stream_${name}`)).toBeGreaterThanOrEqual(0)
  const latency = 'runseal_stream_publish_to_write_seconds'
  expect(text).toContain(`# TYPE ${latency} histogram\n`)
  expect(value(`${latency}_count`)).toBe(frames)
  expect(value(`${latency}_bucket{le="\\+Inf"}`)).toBe(frames)
})

it('[S12] a HEAD of the stream is headers alone', async () => {
  const response = await fetch(`${server.url}/events`, { method: 'HEAD' })
  expect(response.headers.get('content-type')).toContain('text/event-stream')
  expect(await response.text()).toBe('')
})

it.each([
  'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
  'GET / HTTP/1.0\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n',
  'GET http://evil.example/api/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
])('[H1] refused on the wire: %j', async (head) => {
  expect(await raw(head)).toMatch(/^HTTP\/1\.1 4\d\d /)
})

it('[H8] dots on the wire lead nowhere', async () => {
  const { host } = new URL(server.url)
  for (const path of ['/../../etc/passwd', '/assets/../../../package.json', '//etc/passwd'])
    expect(await raw(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 404 /,
    )
})

it('[S12] streams end on a stop though a step does not want to', async () => {
  const stubborn = await served(
    `runs: { tour: { steps: [{ id: stay, run: 'trap "" TERM; echo up; sleep 60' }] } }`,
  )
  const response = await fetch(`${stubborn.url}/events`, { headers: { 'last-event-id': 'first' } })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('step_output')) text += (await reader?.read())?.value ?? ''
  const ending = stubborn.end()
  for (let chunk = await reader?.read(); chunk?.done === false; chunk = await reader?.read())
    text += chunk.value
  // It ended while the step went on: five seconds are the step's.
  expect(text).not.toContain('step_finished')
  expect(text).toMatch(/event: stream\.end\ndata: .*"draining"\}\n\n$/)
  await ending
})
