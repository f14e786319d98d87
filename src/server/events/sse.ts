import type { ServerResponse } from 'node:http'
import type { StreamEndReason } from '#contract/status.ts'
import type { Whose } from '#server/identity/asker.ts'
import { ProblemError } from '#server/problem.ts'
import type { Bus, Subscription } from './bus.ts'
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

const KEEPALIVE_MS = 15_000
/** Streams get theirs one part after the other, so that no moment has to do with all of them. */
export const KEEPALIVE_PARTS = 15
/** A reader that takes nothing for so many keepalives is gone, or holds on to what it does not want. */
const STALLED_KEEPALIVES = 4

const RETRY_MS = 1000
const RETRY_SPREAD_MS = 2000
/** What a reader more adds to the time within which they all come back: at most 500 do in a second. */
const RETRY_EACH_MS = 2

/** What is kept of each of thousands: little. */
type Stream = {
  response: ServerResponse
  opener: Opener | null
  subscription: Subscription
  /** Which keepalives are its own. */
  part: number
  /** How many of them it has not taken. */
  stalled: number
  stopExpiry: (() => void) | null
}

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
  const open = new Set<Stream>()
  let draining = false
  let opened = 0
  let part = 0
  let stopKeepalives: (() => void) | null = null

  // Everybody is thrown off at once by a restart and must not come back at once.
  const retryMs = (readers: number) =>
    RETRY_MS + Math.floor(random() * Math.max(RETRY_SPREAD_MS, readers * RETRY_EACH_MS))
  const refusal = (code: 'draining' | 'overloaded', detail: string) =>
    new ProblemError(code, detail, Math.ceil(retryMs(open.size) / 1000))

  function keepAlive(): void {
    part = (part + 1) % KEEPALIVE_PARTS
    for (const stream of open) {
      if (stream.part !== part) continue
      recheck(stream)
      const { response } = stream
      // Whoever refuses writes has bytes on the way already, and no reader may grow the process.
      if (!response.writableNeedDrain) response.write(': keepalive\n\n')
      else if (++stream.stalled >= STALLED_KEEPALIVES) response.destroy()
    }
  }

  function drained(stream: Stream): void {
    stream.stalled = 0
    stream.subscription.drained()
  }

  function leave(stream: Stream): void {
    stream.subscription.end()
    stream.stopExpiry?.()
    open.delete(stream)
    if (open.size > 0) return
    stopKeepalives?.()
    stopKeepalives = null
  }

  // The last frame has no id: whoever comes back goes on where they were.
  function end(stream: Stream, reason: StreamEndReason, before = ''): void {
    if (!open.has(stream)) return
    leave(stream)
    const frame = encodeFrame({ kind: 'stream.end', ts: now().toISOString(), reason }, null)
    stream.response.end(`${before}${frame.toString()}`)
  }

  // Where it cannot be found out whether they may, they may not.
  function recheck(stream: Stream): void {
    stream.opener?.until().then(
      (until) => arm(stream, until),
      () => end(stream, 'signed_out'),
    )
  }

  function arm(stream: Stream, until: Date | null): void {
    if (until === null) return end(stream, 'signed_out')
    const leftMs = until.getTime() - now().getTime()
    stream.stopExpiry?.()
    stream.stopExpiry = null
    if (open.has(stream) && leftMs < KEEPALIVE_MS)
      stream.stopExpiry = after(leftMs + 1, () => recheck(stream))
  }

  return {
    open(response, { runId, lastEventId, headers, opener }) {
      if (draining) throw refusal('draining', 'the server is stopping')
      if (open.size >= maxStreams) throw refusal('overloaded', `${maxStreams} streams are open`)
      response.writeHead(200, headers)
      // Whoever is lost before the first frame comes back after this; whoever comes back knows more than the head.
      const after = lastEventId === null ? placeOf(bus) : ''
      response.write(`: connected\nretry: ${retryMs(open.size)}\n${after}\n`)
      const write = (bytes: Uint8Array) => response.write(bytes)
      const stream: Stream = {
        response,
        opener,
        subscription: bus.subscribe({ runId, write }, lastEventId),
        part: (opened += 1) % KEEPALIVE_PARTS,
        stalled: 0,
        stopExpiry: null,
      }
      open.add(stream)
      stopKeepalives ??= every(KEEPALIVE_MS / KEEPALIVE_PARTS, keepAlive)
      response.on('drain', () => drained(stream))
      response.on('close', () => leave(stream))
      recheck(stream)
    },

    recheck(whose) {
      for (const stream of open)
        if (stream.opener !== null && isWhose(stream.opener, whose)) recheck(stream)
    },

    openedBy(id) {
      let count = 0
      for (const { opener } of open) if (opener?.id === id) count += 1
      return count
    },

    drain() {
      draining = true
      bus.flush()
      const readers = open.size
      for (const stream of open) end(stream, 'draining', `retry: ${retryMs(readers)}\n`)
    },
  }
}

/** For EventSource as an id without an event, for readers that see only events and comments as a comment. */
function placeOf(bus: Bus): string {
  bus.flush()
  return `: after ${bus.position()}\nid: ${bus.position()}\n`
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
