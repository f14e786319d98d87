import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import type { Frame } from '#contract/frame.ts'
import type { StreamEndReason } from '#contract/status.ts'
import type { Opener } from '#server/events/sse.ts'
import { SHOWN_READERS } from '#test/first-documents.ts'
import { NOW, streamServer } from './stream-server.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0)) await step()
})

async function serving(options?: Parameters<typeof streamServer>[0]) {
  const server = await streamServer(options)
  undo.push(() => server.close())
  return server
}

const frames: Frame[] = [
  { type: 'run_started', run_id: 'r', timestamp: '2026-05-10T12:34:56.000Z' },
  {
    kind: 'materialize.start',
    ts: '2026-05-10T12:34:56Z',
    actor: 'agent:demo',
    targets: null,
    record_ids: null,
    force: false,
  },
]

/** What a program prints, and a wait until that holds some text. */
function outputOf(child: ChildProcess) {
  let text = ''
  const waiting = new Set<() => void>()
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    for (const look of waiting) look()
  })
  undo.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return (wanted: string) =>
    new Promise<string>((resolve) => {
      const look = () => {
        if (!text.includes(wanted)) return
        waiting.delete(look)
        resolve(text)
      }
      waiting.add(look)
      look()
    })
}

const has = (program: string) => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

it('[S3] the curl line of the documents sees ": connected" at once, then frames', async (context) => {
  if (!has('curl')) context.skip('there is no curl on this machine')
  const { bus, port } = await serving()
  const [program, ...args] = SHOWN_READERS.curl(port)
  const until = outputOf(spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] }))
  expect(await until('\n\n')).toMatch(/^: connected\nretry: \d+\n: after e1-0\nid: e1-0\n\n$/)
  for (const frame of frames) bus.publish(frame)
  const text = await until('materialize.start\ndata')
  expect(text).toContain(`event: run_started\ndata: ${JSON.stringify(frames[0])}\nid: e1-1\n\n`)
})

it('[S3] the Python snippet of the documents receives the frames', async (context) => {
  if (!has('python3')) context.skip('there is no python3 on this machine')
  const { bus, port } = await serving()
  const [program, ...args] = SHOWN_READERS.python3(port)
  const python = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const until = outputOf(python)
  await subscribed(bus)
  for (const frame of frames) bus.publish(frame)
  const text = await until('materialize.start')
  expect(text).toContain(`{'type': 'run_started', 'run_id': 'r'`)
  expect(text).toContain(`'targets': None, 'record_ids': None, 'force': False}`)
})

it('[S3] whoever is lost before the first frame has missed none when they come back', async () => {
  const { bus, url } = await serving()
  const head = await (await chunksOf(await fetch(url)))()
  for (const frame of frames) bus.publish(frame)
  const id = /^id: (\S+)$/m.exec(head)?.[1] ?? ''
  const next = await chunksOf(await fetch(url, { headers: { 'last-event-id': id } }))
  expect(await next()).toMatch(/^: connected\nretry: 2000\n\nevent: run_started\n.*\nid: e1-1\n/)
})

it('[S4] a keepalive is a comment, at each tick', async () => {
  const { url, tick } = await serving()
  const next = await chunksOf(await fetch(url))
  expect(await next()).toBe(': connected\nretry: 2000\n: after e1-0\nid: e1-0\n\n')
  tick()
  expect(await next()).toBe(': keepalive\n\n')
})

it('[F6] [P16] a reader who may no longer read is asked for with each keepalive, and let go', async () => {
  for (const over of [async () => null, () => Promise.reject(new Error('nobody knows'))]) {
    let until: Opener['until'] = async () => new Date(8.64e15)
    const { url, tick, bus } = await serving({ until: () => until() })
    const next = await chunksOf(await fetch(url))
    await next()
    tick()
    expect(await next()).toBe(': keepalive\n\n')
    until = over
    tick()
    expect(await restOf(next)).toMatch(endOf('signed_out'))
    expect(bus.counts().subscribers).toBe(0)
  }
})

it('[P16] a session that ends before the next keepalive ends its stream then', async () => {
  const endsAt = Date.parse(NOW) + 5000
  let now = Date.parse(NOW)
  const server = await serving({ until: async () => (now < endsAt ? new Date(endsAt) : null) })
  const next = await chunksOf(await fetch(server.url))
  await next()
  now = endsAt + 1
  server.later(5001)
  expect(await restOf(next)).toContain('"signed_out"')
})

it('[P16] who ends a session or a person ends their streams, and asks of nobody else', async () => {
  const asked: string[] = []
  const { url, streams, bus } = await serving({
    until: async () => {
      asked.push('ann')
      return asked.length === 1 ? new Date(8.64e15) : null
    },
  })
  const next = await chunksOf(await fetch(url))
  await next()
  streams.recheck({ id: 'another' })
  streams.recheck({ user: 'bob' })
  expect(asked).toHaveLength(1)
  streams.recheck({ user: 'ann' })
  expect(await restOf(next)).toContain('"signed_out"')
  expect(bus.counts().subscribers).toBe(0)
})

it('[S10] retry is jittered between one and three seconds', async () => {
  for (const [random, ms] of [
    [0, 1000],
    [0.9999, 2999],
  ] as const) {
    const { url } = await serving({ random: () => random })
    const next = await chunksOf(await fetch(url))
    expect(await next()).toContain(`retry: ${ms}\n`)
  }
})

it('[S10] the more readers, the longer the time within which they come back', async () => {
  const { streams, url } = await serving({ random: () => 0.9999 })
  const readers = await Promise.all(Array.from({ length: 1100 }, () => fetch(url)))
  streams.drain()
  const texts = await Promise.all(readers.map((response) => response.text()))
  expect(texts[0]).toContain('retry: 2999\n')
  for (const text of texts) expect(text).toContain('retry: 3199\nevent: stream.end\n')
})

it('[S12] at its cap the server says when to come back, and evicts nobody', async () => {
  const { url, bus } = await serving({ maxStreams: 2 })
  const kept = await Promise.all([fetch(url), fetch(url)])
  const refused = await fetch(url)
  expect(refused.status).toBe(503)
  expect(refused.headers.get('retry-after')).toBe('2')
  bus.publish({ type: 'run_started', run_id: 'r' })
  for (const response of kept) {
    const next = await chunksOf(response)
    let text = ''
    while (!text.includes('run_started')) text += await next()
  }
  await kept[0]?.body?.cancel().catch(() => {})
})

it('[S11] headers keep caches and proxies from holding frames back', async () => {
  const { url } = await serving()
  const { headers, status } = await fetch(url)
  expect(status).toBe(200)
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
})

it('[S6] Last-Event-ID resumes', async () => {
  const { bus, url } = await serving()
  for (const frame of [...frames, ...frames]) bus.publish(frame)
  const next = await chunksOf(await fetch(url, { headers: { 'last-event-id': 'e1-3' } }))
  let text = ''
  while (!text.includes('id: e1-4')) text += await next()
  expect(text).not.toContain('id: e1-3')
})

it('[F6] [S12] draining ends every stream after what it still holds', async () => {
  const { bus, url, streams } = await serving()
  const response = await fetch(url)
  bus.publish({ type: 'run_started', run_id: 'last' })
  streams.drain()
  const text = await response.text()
  expect(text).toContain('"last"')
  expect(text).toMatch(endOf('draining'))
  expect(text).toContain('\n\nretry: 2000\nevent: stream.end\n')
  expect(bus.counts().subscribers).toBe(0)
})

it('[S9] a reader that stops reading holds a bounded number of frames, and gets a gap', async () => {
  const { bus, port } = await serving()
  const socket = connect(port, '127.0.0.1')
  undo.push(() => socket.destroy())
  socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'readable')
  await subscribed(bus)

  // Far more than all the buffers of a socket take, while nobody reads.
  const big = 'x'.repeat(4000)
  const total = 20_000
  for (let i = 0; i < total; i += 1) {
    bus.publish({ type: 'run_failed', run_id: 'r', reason: big, status: 'failed' })
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(bus.counts().dropped).toBeGreaterThan(total / 2)

  let text = ''
  socket.setEncoding('utf8')
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.includes(`id: e1-${total}\n`)) break
  }
  const gaps = [...text.matchAll(/event: stream.gap/g)].length
  const delivered = [...text.matchAll(/event: run_failed/g)].length
  expect(gaps).toBeGreaterThan(0)
  expect(delivered + bus.counts().dropped).toBe(total)
})

async function restOf(next: () => Promise<string>): Promise<string> {
  let rest = ''
  for (let chunk = 'any'; chunk !== ''; chunk = await next()) rest += chunk
  return rest
}

/** What stands last in a stream that the server ends: a frame without an id. */
function endOf(reason: StreamEndReason): RegExp {
  const data = JSON.stringify({ kind: 'stream.end', ts: NOW, reason })
  return new RegExp(`event: stream\\.end\ndata: ${data}\n\n$`)
}

it('[S9] a reader that takes nothing over four keepalives is cut, and its frames are let go', async () => {
  const { bus, port, tick } = await serving()
  const stuck = connect(port, '127.0.0.1')
  undo.push(() => stuck.destroy())
  stuck.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(stuck, 'readable')
  await subscribed(bus)
  while (bus.waiting().frames < 64) {
    bus.publish({ type: 'run_failed', run_id: 'r', reason: 'x'.repeat(4000), status: 'failed' })
    bus.flush()
  }
  for (let i = 0; i < 3; i += 1) tick()
  expect(bus.waiting()).toEqual({ readers: 1, frames: 64 })
  tick()
  while (bus.counts().subscribers > 0) await new Promise((resolve) => setImmediate(resolve))
  expect(bus.waiting()).toEqual({ readers: 0, frames: 0 })
})

async function subscribed(bus: { counts(): { subscribers: number } }): Promise<void> {
  while (bus.counts().subscribers === 0) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function chunksOf(response: Response): Promise<() => Promise<string>> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  undo.push(() => reader?.cancel())
  return async () => (await reader?.read())?.value ?? ''
}
