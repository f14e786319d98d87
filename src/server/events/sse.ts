import type { ServerResponse } from 'node:http'
import type { StreamEndReason } from '#contract/status.ts'
import type { Whose } from '#server/identity/asker.ts'
import { ProblemError } from '#server/problem.ts'
import type { Bus } from './bus.ts'
import { encodeFrame } from './encode.ts'

/** The open responses of `GET /events`. */
export type EventStreams = {
  /** Answers `response` with the stream, until either side ends it. `draining` or `overloaded` before the first byte. */
  open(response: ServerResponse, wanted: Wanted): void
  /** Asks of the streams that this concerns whether their readers may still read. */
  recheck(whose: Whose): void
  /** How many of them this session or token opened. */
  openedBy(id: string): number
  /** Ends every stream, saying so; the readers come back one after the other to whoever listens then. */
  drain(): void
}

export type Wanted = {
  runId: string | null
  lastEventId: string | null
  headers: Readonly<Record<string, string>>
  /** null: nobody is signed in, and whoever is not may read. */
  opener: Opener | null
}

/** The session or token that a stream is opened by. */
export type Opener = {
  id: string
  /** Whose it is; null for a token that nobody owns. */
  user: string | null
  /**
   * Until when it counts as far as is known now; null: no more. Asked at once and with every keepalive, since it also
   * ends by time or from outside of this process.
   */
  until: () => Promise<Date | null>
}

/** Calls `act` every so many milliseconds until the answered function is called. */
export type Every = (ms: number, act: () => void) => () => void
/** Calls `act` once after so many milliseconds, unless the answered function was called before. */
export type After = Every

export const KEEPALIVE_MS = 15_000
/** A reader that takes nothing for so many keepalives is gone, or holds on to what it does not want. */
const STALLED_KEEPALIVES = 4

const RETRY_MS = 1000
const RETRY_SPREAD_MS = 2000
/** What a reader more adds to the time within which they all come back: at most 500 do in a second. */
const RETRY_EACH_MS = 2

export function createEventStreams({
  bus,
  every,
  after,
  now,
  random,
  maxStreams,
}: {
  bus: Bus
  every: Every
  after: After
  now: () => Date
  /** 0 to 1. */
  random: () => number
  maxStreams: number
}): EventStreams {
  const open = new Map<ServerResponse, Open>()
  let draining = false

  // Everybody is thrown off at once by a restart and must not come back at once.
  const retryMs = (readers: number) =>
    RETRY_MS + Math.floor(random() * Math.max(RETRY_SPREAD_MS, readers * RETRY_EACH_MS))
  const refusal = (code: 'draining' | 'overloaded', detail: string) =>
    new ProblemError(code, detail, Math.ceil(retryMs(open.size) / 1000))

  return {
    open(response, { runId, lastEventId, headers, opener }) {
      if (draining) throw refusal('draining', 'the server is stopping')
      if (open.size >= maxStreams) throw refusal('overloaded', `${maxStreams} streams are open`)
      response.writeHead(200, headers)
      response.write(`: connected\nretry: ${retryMs(open.size)}\n\n`)

      const subscription = bus.subscribe(
        { runId, write: (bytes) => response.write(bytes) },
        lastEventId,
      )
      const stopKeepalive = every(KEEPALIVE_MS, keepalive)
      let stopExpiry = () => {}
      let stalled = 0

      function keepalive(): void {
        recheck()
        // Whoever refuses writes has bytes on the way already, and no reader may grow the process.
        if (!response.writableNeedDrain) response.write(': keepalive\n\n')
        else if (++stalled >= STALLED_KEEPALIVES) response.destroy()
      }
      function leave(): void {
        subscription.end()
        stopKeepalive()
        stopExpiry()
        open.delete(response)
      }
      // The last frame has no id: whoever comes back goes on where they were.
      function end(reason: StreamEndReason, before = ''): void {
        if (!open.has(response)) return
        leave()
        const frame = encodeFrame({ kind: 'stream.end', ts: now().toISOString(), reason }, null)
        response.end(`${before}${frame.toString()}`)
      }
      // Where it cannot be found out whether they may, they may not.
      function recheck(): void {
        opener?.until().then(arm, () => end('signed_out'))
      }
      function arm(until: Date | null): void {
        if (until === null) return end('signed_out')
        const leftMs = until.getTime() - now().getTime()
        stopExpiry()
        if (open.has(response) && leftMs < KEEPALIVE_MS) stopExpiry = after(leftMs + 1, recheck)
      }

      open.set(response, { opener, recheck, end })
      response.on('drain', () => {
        stalled = 0
        subscription.drained()
      })
      response.on('close', leave)
      recheck()
    },

    recheck(whose) {
      for (const { opener, recheck } of open.values())
        if (opener !== null && isWhose(opener, whose)) recheck()
    },

    openedBy(id) {
      let count = 0
      for (const { opener } of open.values()) if (opener?.id === id) count += 1
      return count
    },

    drain() {
      draining = true
      bus.flush()
      const readers = open.size
      for (const { end } of open.values()) end('draining', `retry: ${retryMs(readers)}\n`)
    },
  }
}

type Open = {
  opener: Opener | null
  recheck: () => void
  end: (reason: StreamEndReason, before?: string) => void
}

function isWhose({ id, user }: Opener, whose: Whose): boolean {
  return 'id' in whose ? id === whose.id : user === whose.user
}

/** `no-transform` and `x-accel-buffering` keep proxies from holding frames back. */
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
