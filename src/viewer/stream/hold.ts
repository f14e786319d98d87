import {
  formatPosition,
  type Frame,
  parseFrame,
  parsePosition,
  parseStart,
  type StreamPosition,
} from '#contract/frame.ts'
import { newest, type Received } from '#live/board.ts'
import {
  attemptOf,
  type Connection,
  type ConnectionEvent,
  dueAt,
  step,
  UNWATCHED,
} from '#live/connection.ts'
import { came, newTrial, type Trial } from '#live/trial.ts'
import type { Chunk, Transport } from './transport.ts'

export type HoldRim = {
  transport: Transport
  /** Milliseconds of a clock that never goes back and goes on in a sleep. */
  monotonic: () => number
  wall: () => number
  random: () => number
  /** What the browser thinks of its network. */
  isOnline: () => boolean
}

/** How the one connection is, as a page is told. */
export type Standing = {
  connection: Connection
  trial: Trial | null
  /** Last sign of life of the server, by this device's clock. */
  heardAt: number | null
}

export type Holder = {
  happened: (event: ConnectionEvent) => void
  standing: () => Standing
  /** Id of the newest event received. */
  lastEventId: () => string | null
  /** Looks at the clock now, since its own timer may stand still. */
  look: () => void
  stop: () => void
}

const TICK_MS = 1000
/** A tick that is this much too late was not late by itself: the device slept, or this page or worker was stopped. */
const STOPPED_MS = 2000
/** For so long after it what came meanwhile is read. */
const CATCHING_UP_MS = 5000

/**
 * Holds the one connection to the stream. All decisions are `live/connection`; this opens, aborts, sets timers, and
 * says what happened. `received` may be empty: then there was only a sign of life. `stood` is called when the state,
 * not only a time in it, is another.
 */
export function holdStream(
  rim: HoldRim,
  from: string | null,
  on: {
    /** The stream begins after this id: nothing was heard of it yet. */
    begins: (lastEventId: string) => void
    received: (received: readonly Received[], chars: number) => void
    stood: () => void
  },
): Holder {
  let connection: Connection = UNWATCHED
  let position = from === null ? null : parsePosition(from)
  let trial: Trial | null = null
  let heardAt: number | null = null
  let current: { stop: () => void; giveUp: (why: string) => void } | null = null
  let tickedAt = rim.monotonic()
  let sleptAt: number | null = null
  let retryMs: number | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  const happened = (event: ConnectionEvent): void => {
    const before = connection
    connection = step(before, event)
    if (connection === before) return
    // Connecting is always another attempt, also one that begins in the same millisecond.
    if (connection.state === 'connecting' || attemptOf(connection) !== attemptOf(before)) {
      if (event.type === 'tick' && 'why' in connection) current?.giveUp(connection.why)
      close()
      if (attemptOf(connection) !== null) open()
    }
    clearTimeout(timer)
    const due = dueAt(connection)
    if (due !== null) timer = setTimeout(tick, Math.max(0, due - rim.monotonic()))
    if (connection.state !== before.state) on.stood()
  }

  const begin = (start: StreamPosition | null): void => {
    if (position !== null || start === null) return
    position = start
    on.begins(formatPosition(start))
  }

  const close = (): void => {
    current?.stop()
    current = null
  }

  /** Was all of this stopped, just now or until a moment ago? */
  const slept = (now: number): boolean => {
    if (now - tickedAt > TICK_MS + STOPPED_MS) sleptAt = now
    return sleptAt !== null && now - sleptAt < CATCHING_UP_MS
  }

  const open = (): void => {
    const opened = new AbortController()
    const isPast = (): boolean => opened.signal.aborted
    const began = rim.monotonic()
    // Until there is something to say of it, what one knows is how the attempt before went.
    let seen = newTrial(rim.wall())
    const see = (next: Trial): void => {
      seen = next
      trial = next
    }
    current = {
      stop: () => opened.abort(),
      giveUp: (why) => see({ ...seen, ended: why, givenUp: true }),
    }
    const attempt = rim.transport({
      lastEventId: position && formatPosition(position),
      signal: opened.signal,
      onOpen: () => {
        if (!isPast()) see({ ...seen, status: 200, headMs: rim.monotonic() - began })
      },
      onChunk: (chunk) => {
        if (isPast()) return
        const { received, chars, sentAt, end } = read(chunk)
        const now = rim.monotonic()
        see(came(seen, { ms: now - began, comments: chunk.comments, sentAt, slept: slept(now) }))
        heardAt = rim.monotonic()
        for (const comment of chunk.comments) begin(parseStart(comment))
        for (const { id } of received) position = newest(position, parsePosition(id))
        happened({ type: 'bytes', now: rim.monotonic() })
        on.received(received, chars)
        const ends = { now: rim.monotonic(), random: rim.random() }
        if (end === 'draining') happened({ type: 'drained', retryMs, ...ends })
        if (end === 'signed_out') happened({ type: 'expired', ...ends })
      },
      onRetry: (ms) => {
        retryMs = ms
      },
    })
    void attempt.then((ended) => {
      if (isPast()) return
      // Whatever is left of it: a reader that gave up leaves the bytes coming.
      close()
      see({ ...seen, status: ended.status, ended: ended.why })
      const at = { now: rim.monotonic(), random: rim.random(), why: ended.why }
      if (ended.how === 'answered')
        return happened({ type: 'answered', status: ended.status, ...at })
      const wish = ended.retryMs ?? retryMs
      happened({ type: 'lost', retryMs: wish, online: rim.isOnline(), ...at })
    })
  }

  // By the device's clock as it is set now: it may be another than when the bytes came.
  const onWall = (at: number): number => rim.wall() - (rim.monotonic() - at)

  const tick = (): void => {
    const now = rim.monotonic()
    slept(now)
    tickedAt = now
    happened({ type: 'tick', now, random: rim.random() })
  }

  const ticking = setInterval(tick, TICK_MS)
  return {
    happened,
    standing: () => ({ connection, trial, heardAt: heardAt === null ? null : onWall(heardAt) }),
    lastEventId: () => position && formatPosition(position),
    look: tick,
    stop: () => {
      clearInterval(ticking)
      clearTimeout(timer)
      close()
    },
  }
}

/** The events of a chunk, parsed once for every page; `chars` is what they take to keep. */
function read({ events }: Chunk) {
  const received: Received[] = []
  const sentAt: number[] = []
  let end: 'draining' | 'signed_out' | null = null
  let chars = 0
  for (const { event = 'message', id = '', data } of events) {
    const reading = parseFrame(event, data)
    chars += data.length
    if (reading.state !== 'frame') {
      received.push({ id, unread: reading.state })
      continue
    }
    const { frame } = reading
    if (!('type' in frame) && frame.kind === 'stream.end') end = frame.reason
    else received.push({ id, frame })
    const sent = Date.parse(timeOf(frame) ?? '')
    if (!Number.isNaN(sent)) sentAt.push(sent)
  }
  return { received, sentAt, end, chars }
}

const timeOf = (frame: Frame): string | undefined => ('type' in frame ? frame.timestamp : frame.ts)
