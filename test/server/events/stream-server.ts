import { once } from 'node:events'
import { createServer } from 'node:http'
import { createBus, type Bus } from '#server/events/bus.ts'
import { createEventStreams, STREAM_HEADERS, type Every } from '#server/events/sse.ts'

/** The stream alone behind a real port, with a timer that the test moves. */
export async function streamServer(
  options: { ringFrames?: number; random?: () => number; mayStay?: () => Promise<boolean> } = {},
) {
  const bus = testBus(options)
  const ticks = new Set<() => void>()
  const every: Every = (_ms, act) => {
    ticks.add(act)
    return () => ticks.delete(act)
  }
  const streams = createEventStreams({
    bus,
    every,
    now: () => new Date(NOW),
    random: options.random ?? (() => 0.5),
  })
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const { 'last-event-id': last } = request.headers
    streams.open(response, {
      runId: searchParams.get('run_id'),
      lastEventId: typeof last === 'string' ? last : null,
      headers: STREAM_HEADERS,
      opener: null,
      mayStay: options.mayStay ?? (async () => true),
    })
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
    tick: () => ticks.forEach((tick) => tick()),
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const EPOCH = 'e1'
export const NOW = '2026-11-12T09:30:00.000Z'

export function testBus(options: { ringFrames?: number; queueFrames?: number } = {}): Bus {
  return createBus({ epoch: EPOCH, now: () => new Date(NOW), ...options })
}
