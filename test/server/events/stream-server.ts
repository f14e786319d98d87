import { once } from 'node:events'
import { createServer } from 'node:http'
import { createBus, type Bus } from '#server/events/bus.ts'
import {
  createEventStreams,
  KEEPALIVE_PARTS,
  STREAM_HEADERS,
  type Every,
  type Opener,
} from '#server/events/sse.ts'
import { problemResponse } from '#server/http/problems.ts'

/** The stream alone behind a real port, with timers and a clock that the test moves. */
export async function streamServer(
  options: {
    ringFrames?: number
    random?: () => number
    until?: Opener['until']
    maxStreams?: number
  } = {},
) {
  const { until } = options
  const bus = testBus({ soon: (act) => void setImmediate(act), ...options })
  const ticks = new Set<() => void>()
  const every: Every = (_ms, act) => {
    ticks.add(act)
    return () => ticks.delete(act)
  }
  const alarms = new Map<() => void, number>()
  const after: Every = (ms, act) => {
    alarms.set(act, now + ms)
    return () => alarms.delete(act)
  }
  let now = Date.parse(NOW)
  const streams = createEventStreams({
    bus,
    every,
    after,
    now: () => new Date(now),
    random: () => 0.5,
    maxStreams: 8192,
    ...options,
  })
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const { 'last-event-id': last } = request.headers
    try {
      streams.open(response, {
        runId: searchParams.get('run_id'),
        lastEventId: typeof last === 'string' ? last : null,
        headers: STREAM_HEADERS,
        opener: until ? { id: 'session', user: 'ann', until } : null,
      })
    } catch (error) {
      const { status, headers } = problemResponse(error, 'r', () => {})
      response.writeHead(status, Object.fromEntries(headers)).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    bus,
    streams,
    port: address.port,
    url: `http://127.0.0.1:${address.port}/events`,
    /** Time for a keepalive. */
    tick: () => {
      for (let part = 0; part < KEEPALIVE_PARTS; part += 1) ticks.forEach((tick) => tick())
    },
    /** It is `ms` later. */
    later(ms: number) {
      now += ms
      for (const [act, at] of alarms) if (at <= now && alarms.delete(act)) act()
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const EPOCH = 'e1'
export const NOW = '2026-11-12T09:30:00.000Z'

/** Its ticks end with each frame, unless `soon` says when. */
export function testBus(options: Partial<Parameters<typeof createBus>[0]> = {}): Bus {
  return createBus({
    epoch: EPOCH,
    now: () => new Date(NOW),
    monotonic: () => 0,
    soon: (act) => act(),
    ...options,
  })
}
