// @vitest-environment node
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { RunResource } from '#contract/run.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { resourceOf } from '#live/select.ts'
import { createLive, type LiveStore } from '#viewer/store.ts'
import { startEvents } from './own-stream.ts'
import { keepRecords } from '#viewer/stream/records.ts'
import { fetchTransport } from '#viewer/stream/transport.ts'

/* The driver over a real socket. The server of each test answers its connections one after the other. */

type Answer = (response: ServerResponse, request: IncomingMessage) => void

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function stream(...answers: Answer[]): Promise<{ store: LiveStore; changed: string[] }> {
  const changed: string[] = []
  const server = createServer((request, response) => {
    const answer = answers.shift()
    if (answer) answer(response, request)
    else response.writeHead(500).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const store = createLive()
  const events = startEvents(store, {
    transport: fetchTransport(`http://127.0.0.1:${address.port}/events`),
    monotonic: () => performance.now(),
    wall: () => Date.now(),
    random: () => 0,
    isOnline: () => true,
    isVisible: () => true,
    beforeDrawing: (draw) => draw(),
    changed: (names) => changed.push(names === 'all' ? 'all' : [...names].join()),
  })
  stops.push(events.stop)
  return { store, changed }
}

const open = (response: ServerResponse) =>
  response.writeHead(200, { 'content-type': 'text/event-stream' })
const frame = (seq: number, type: string, rest: object = {}) =>
  `event: ${type}\nid: e-${seq}\ndata: ${JSON.stringify({ type, run_id: 'run_1', ...rest })}\n\n`
const state = (store: LiveStore) => store.getState().connection.state

describe('the stream', () => {
  it('[U7] is live with the first bytes, and tells the board', async () => {
    const { store, changed } = await stream((response) => {
      open(response).write(`: connected\n\n${frame(1, 'run_started')}`)
    })
    await vi.waitFor(() => expect(store.getState().board.runs.has('run_1')).toBe(true))
    expect(state(store)).toBe('live')
    expect(store.getState().latest).toBe('run_started')
    expect(changed).toEqual(['all', 'run_started'])
  })

  it('[U7] that is lost is taken up again from the last frame received', async () => {
    const asked: (string | undefined)[] = []
    const { store } = await stream(
      (response, request) => {
        asked.push(request.headers['last-event-id']?.toString())
        open(response).end(frame(41, 'run_started'))
      },
      (response, request) => {
        asked.push(request.headers['last-event-id']?.toString())
        open(response).write(frame(42, 'run_failed', { reason: 'no', status: 'failed' }))
      },
    )
    await vi.waitFor(
      () => expect(store.getState().board.runs.get('run_1')?.hint.ended?.outcome).toBe('failed'),
      { timeout: 5000 },
    )
    expect(asked).toEqual([undefined, 'e-41'])
  })

  it('[U7] that is lost before its first frame is taken up again from where it began', async () => {
    const asked: unknown[] = []
    const head: Answer = (response, request) => {
      asked.push(request.headers['last-event-id'])
      open(response).write(': connected\nretry: 1000\n: after e-7\nid: e-7\n\n')
      if (asked.length === 1) response.end()
    }
    await stream(head, head)
    await vi.waitFor(() => expect(asked).toEqual([undefined, 'e-7']), { timeout: 5000 })
  })

  it('[U7] tells frames that were cut anywhere by the network', async () => {
    const trickle = async (response: ServerResponse) => {
      open(response)
      for (const byte of Buffer.from(frame(1, 'run_started', { title: 'grün ✓' }))) {
        response.write(Buffer.from([byte]))
        await wait(1)
      }
    }
    const { store } = await stream((response) => void trickle(response))
    await vi.waitFor(
      () => expect(store.getState().board.runs.get('run_1')?.hint.started?.title).toBe('grün ✓'),
      { timeout: 5000 },
    )
  })

  it('[U7] counts what it cannot read and goes on', async () => {
    const { store } = await stream((response) => {
      open(response).write(
        `event: run_started\ndata: {"run_id":7}\n\nevent: later.kind\ndata: {}\n\n${frame(3, 'run_started')}`,
      )
    })
    await vi.waitFor(() => expect(store.getState().board.runs.size).toBe(1))
    expect(store.getState().board.counts).toMatchObject({ frames: 1, malformed: 1, unknown: 1 })
  })

  it.each([
    [401, 'text/plain', 'signed-out'],
    [404, 'text/plain', 'refused'],
    [200, 'text/html', 'refused'],
    [503, 'text/plain', 'retrying'],
  ])('[U7] answered %i as %s is %s', async (status, type, expected) => {
    const { store, changed } = await stream((response) => {
      response.writeHead(status, { 'content-type': type }).end('<h1>Log in</h1>')
    })
    await vi.waitFor(() => expect(state(store)).toBe(expected))
    // Who was signed in may be no more: that is asked again.
    if (status === 401) expect(changed).toEqual(['all'])
  })

  it('[U7] with an event that never ends is given up, not kept growing', async () => {
    const { store } = await stream((response) => {
      open(response).write(`data: ${'x'.repeat(3 * 1024 * 1024)}`)
    })
    await vi.waitFor(() => expect(state(store)).toBe('retrying'), { timeout: 5000 })
  })
})

describe('records', () => {
  const asOf = (seq: number, ended: boolean): RunResource => {
    const started = reduce(newRun('run_1'), { type: 'run_started', run_id: 'run_1' })
    const run = ended
      ? reduce(started, { type: 'run_failed', run_id: 'run_1', reason: 'no', status: 'failed' })
      : started
    return resourceOf(run, `e-${seq}`, '2026-11-21T12:00:00.000Z')
  }

  it('[U2] a frame that comes while the record is asked for is not lost: it is asked again', async () => {
    const { store } = await stream((response) => {
      open(response).write(frame(1, 'run_started'))
      setTimeout(
        () => response.write(frame(2, 'run_failed', { reason: 'no', status: 'failed' })),
        50,
      )
    })
    let asked = 0
    const records = keepRecords(store, {
      ask: async () => {
        asked += 1
        if (asked > 1) return asOf(2, true)
        await vi.waitFor(() => expect(store.getState().board.position?.seq).toBe(2))
        return asOf(1, false)
      },
      monotonic: () => performance.now(),
      wall: () => Date.now(),
    })
    stops.push(records.stop)
    records.watch('run_1')
    await vi.waitFor(
      () => expect(store.getState().board.runs.get('run_1')?.record?.ended?.outcome).toBe('failed'),
      { timeout: 5000 },
    )
    expect(asked).toBe(2)
  })

  it('a record that cannot be had is said, and asked for again when told to', async () => {
    const store = createLive()
    let broken = true
    const records = keepRecords(store, {
      ask: async () => {
        if (broken) throw new Error('no connection')
        return asOf(1, false)
      },
      monotonic: () => performance.now(),
      wall: () => Date.now(),
    })
    stops.push(records.stop)
    records.watch('run_1')
    await vi.waitFor(() => expect(store.getState().failed.has('run_1')).toBe(true))
    broken = false
    records.again('run_1')
    await vi.waitFor(() => expect(store.getState().board.runs.get('run_1')?.record).toBeTruthy())
    expect(store.getState().failed.size).toBe(0)
  })
})
