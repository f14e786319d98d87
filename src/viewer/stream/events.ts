import { formatPosition, frameName, type FrameName, parseFrame } from '#contract/frame.ts'
import { type Received, receive, receiveUnread } from '#live/board.ts'
import { CONNECTION, type ConnectionEvent, SILENT_AFTER_MS, step } from '#live/connection.ts'
import type { LiveStore } from '#viewer/store.ts'
import type { EventSourceMessage } from 'eventsource-parser'
import type { Transport } from './transport.ts'

export type EventsRim = {
  transport: Transport
  /** Milliseconds of a clock that never goes back. */
  monotonic: () => number
  wall: () => number
  random: () => number
  /** Frames of these names came, or everything may have changed ('all': connected anew, refused, or time to poll). */
  changed: (names: ReadonlySet<FrameName> | 'all') => void
}

/** A connection without a byte for so long is dead, whatever TCP thinks, and is tried anew. */
const DEAD_AFTER_MS = 2 * SILENT_AFTER_MS
/** How often the server is asked while its stream is away. */
const POLL_MS = 4000

/**
 * Keeps `store` told by the stream until `stop`. All decisions are `live/connection` and `live/board`; this opens,
 * aborts, sets timers, and says what happened.
 */
export function startEvents(
  store: LiveStore,
  rim: EventsRim,
): { wake: () => void; offline: () => void; stop: () => void } {
  let current: AbortController | null = null
  let retryMs: number | null = null
  let polledAt = rim.monotonic()
  let timer: ReturnType<typeof setTimeout> | undefined

  const tell = (event: ConnectionEvent): void => {
    const before = store.getState().connection
    const connection = step(before, event)
    if (connection === before) return
    store.setState({ connection })
    if (connection.state === before.state) return
    if (connection.state === 'connecting') return open()
    if (!CONNECTION[connection.state].open) close()
    if (connection.state === 'retrying')
      timer = setTimeout(tick, Math.max(0, connection.at - rim.monotonic()))
  }

  const close = (): void => {
    clearTimeout(timer)
    current?.abort()
    current = null
  }

  const open = (): void => {
    close()
    const opened = new AbortController()
    current = opened
    const { position } = store.getState().board
    const connection = rim.transport({
      lastEventId: position && formatPosition(position),
      signal: opened.signal,
      onOpen: () => {
        if (current !== opened) return
        store.setState({ heardAt: rim.wall() })
        tell({ type: 'opened', now: rim.monotonic() })
        rim.changed('all')
      },
      onChunk: (events) => {
        if (current !== opened) return
        take(events)
        tell({ type: 'bytes', now: rim.monotonic() })
      },
      onRetry: (ms) => {
        retryMs = ms
      },
    })
    void connection.then((ended) => {
      if (current !== opened) return
      current = null
      if (ended.how === 'lost') return lose(ended.why)
      tell({ type: 'answered', status: ended.status, why: ended.why })
      // A session that is over is shown as one, and what was read with it is asked again.
      rim.changed('all')
    })
  }

  const lose = (why: string): void =>
    tell({ type: 'lost', now: rim.monotonic(), why, random: rim.random(), retryMs })

  const take = (events: readonly EventSourceMessage[]): void => {
    let { board, latest } = store.getState()
    const received: Received[] = []
    const names = new Set<FrameName>()
    for (const { event = 'message', id = '', data } of events) {
      const reading = parseFrame(event, data)
      if (reading.state === 'frame') {
        received.push({ id, frame: reading.frame })
        const name = frameName(reading.frame)
        names.add(name)
        latest = name
      } else board = receiveUnread(board, reading.state)
    }
    if (received.length > 0) board = receive(board, received)
    store.setState({ board, latest, heardAt: rim.wall() })
    if (names.size > 0) rim.changed(names)
  }

  const tick = (): void => {
    const now = rim.monotonic()
    tell({ type: 'tick', now })
    const { connection } = store.getState()
    if (connection.state === 'silent' && now - connection.heardAt > DEAD_AFTER_MS) {
      close()
      lose(`nothing came for ${DEAD_AFTER_MS / 1000} s`)
    }
    if (CONNECTION[connection.state].poll && now - polledAt >= POLL_MS) {
      polledAt = now
      rim.changed('all')
    }
  }

  const ticking = setInterval(tick, 1000)
  open()
  return {
    wake: () => tell({ type: 'wake' }),
    offline: () => tell({ type: 'went-offline' }),
    stop: () => {
      clearInterval(ticking)
      close()
    },
  }
}
