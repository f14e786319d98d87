import type { ServerResponse } from 'node:http'
import type { StreamEndReason } from '#contract/status.ts'
import { ProblemError } from '#server/problem.ts'
import type { Bus } from './bus.ts'
import { encodeFrame } from './encode.ts'

/** The open responses of `GET /events`. */
export type EventStreams = {
  /** Answers `response` with the stream, until either side ends it. `draining` or `overloaded` before the first byte. */
  open(response: ServerResponse, wanted: Wanted): void
  /** Asks of every stream whether its reader may still read. */
  recheck(): void
  /** How many of them this session or token opened. */
  openedBy(opener: string): number
  /** Ends every stream after what it still holds; the readers come back to whoever listens then. */
  drain(): void
}

export type Wanted = {
  runId: string | null
  lastEventId: string | null
  headers: Readonly<Record<string, string>>
  /** Id of the session or token; null where nobody is signed in. */
  opener: string | null
  /** Asked with every keepalive, since a session or token also ends by time or from outside of this process. */
  mayStay: () => Promise<boolean>
}

/** Calls `act` every so many milliseconds until the answered function is called. */
export type Every = (ms: number, act: () => void) => () => void

export const KEEPALIVE_MS = 15_000
const MAX_STREAMS = 1000

export function createEventStreams({
  bus,
  every,
  now,
  random,
}: {
  bus: Bus
  every: Every
  now: () => Date
  /** 0 to 1. */
  random: () => number
}): EventStreams {
  const open = new Map<ServerResponse, Open>()
  let draining = false
  return {
    open(response, { runId, lastEventId, headers, opener, mayStay }) {
      if (draining) throw new ProblemError('draining', 'the server is stopping')
      if (open.size >= MAX_STREAMS)
        throw new ProblemError('overloaded', `${MAX_STREAMS} streams are open`)
      response.writeHead(200, headers)
      // Everybody is thrown off at once by a restart and must not come back at once.
      const retryMs = 1000 + Math.floor(random() * 2000)
      response.write(`: connected\nretry: ${retryMs}\n\n`)

      const { drained, end: forget } = bus.subscribe(
        { runId, write: (bytes) => response.write(bytes) },
        lastEventId,
      )
      const stop = every(KEEPALIVE_MS, () => {
        recheck()
        // Whoever refuses writes has bytes on the way already, and no reader may grow the process.
        if (!response.writableNeedDrain) response.write(': keepalive\n\n')
      })
      function leave(): void {
        forget()
        stop()
        open.delete(response)
        response.end()
      }
      // The last frame has no id: whoever comes back goes on where they were.
      function end(reason: StreamEndReason): void {
        if (!open.has(response)) return
        response.write(encodeFrame({ kind: 'stream.end', ts: now().toISOString(), reason }, null))
        leave()
      }
      // Where it cannot be found out whether they may, they may not.
      function recheck(): void {
        mayStay().then(
          (yes) => yes || end('signed_out'),
          () => end('signed_out'),
        )
      }
      open.set(response, { opener, recheck, end })
      response.on('drain', drained)
      response.on('close', leave)
    },
    recheck() {
      for (const { recheck } of open.values()) recheck()
    },
    openedBy(opener) {
      let count = 0
      for (const stream of open.values()) if (stream.opener === opener) count += 1
      return count
    },
    drain() {
      draining = true
      for (const { end } of open.values()) end('draining')
    },
  }
}

type Open = {
  opener: string | null
  recheck: () => void
  end: (reason: StreamEndReason) => void
}

/** `no-transform` and `x-accel-buffering` keep proxies from holding frames back. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
