/*
 * The connection to GET /events as a pure state machine. Effects (fetch, timers, the browser's events) are in
 * viewer/stream; they tell what happened and read from the state what to do. All times are milliseconds of one
 * monotonic clock.
 */

/** `attempt` counts failures since the last stable connection; `since` is when the attempt under way began. */
type Opening = { attempt: number; since: number }
/** `liveAt`: its first byte; `heardAt`: its last. */
type Open = Opening & { liveAt: number; heardAt: number }
/** No stream, and why. It is tried again at `at`; `trying` is when that attempt began, null before. */
type Away = { attempt: number; at: number; trying: number | null; why: string }

type States = {
  /** Asked for the first time, or anew by somebody who looks. Not a byte yet. */
  connecting: Opening
  /** Bytes came within `SILENT_AFTER_MS`. */
  live: Open
  /** Open, but without a byte for longer than a keepalive may take. */
  silent: Open
  /** Lost, or could not be had: tried again by itself. */
  retrying: Away
  /** Again and again it cannot be had, while the server answers questions: what is shown is asked for. */
  polling: Away
  /** The server wants a sign-in first. */
  'signed-out': Away
  /** An answer that asking again does not mend by itself. */
  refused: Away & { status: number }
  /** The server said that it is stopping. */
  drained: Away
  /** Lost while this device has no network. */
  offline: Away
  /** Nobody looks: no page is there, or all have been hidden for long. */
  hidden: object
}

export type ConnectionState = keyof States
type In<S extends ConnectionState> = { [K in S]: { state: K } & States[K] }[S]
export type Connection = In<ConnectionState>

/** `random` is in [0, 1). `retryMs` is the server's wish, null without one. */
type Events = {
  bytes: { now: number }
  tick: { now: number; random: number }
  /** The stream ended or could not be had: network, 5xx, 429. `online`: what the browser thinks of its network. */
  lost: { now: number; random: number; retryMs: number | null; why: string; online: boolean }
  /** No stream, but an answer that speaks for itself. */
  answered: { now: number; random: number; status: number; why: string }
  /** The stream's last frame: the server stops. */
  drained: { now: number; random: number; retryMs: number | null }
  /** The stream's last frame: the session that it was opened with has ended. */
  expired: { now: number; random: number }
  /** A question to the server was answered, or not. */
  polled: { ok: boolean }
  'went-offline': { now: number }
  /** Nobody looks any more. */
  unwatched: object
  /** Online again, visible again, back from the cache, or asked by the person: try at once. */
  wake: { now: number }
  /** Another session began: what is open belongs to the one before. */
  renewed: { now: number }
}
type EventType = keyof Events
type Of<E extends EventType> = { [K in E]: { type: K } & Events[K] }[E]
export type ConnectionEvent = Of<EventType>

/** A server says something every 15 s. Also how long an attempt may go without its first byte. */
export const SILENT_AFTER_MS = 20_000
/** A connection without a byte for so long is dead, whatever TCP thinks. */
export const DEAD_AFTER_MS = 2 * SILENT_AFTER_MS
/** Open for so long, a connection counts as stable and its failures are forgotten. */
export const STABLE_AFTER_MS = 5_000
export const RETRY_MIN_MS = 500
export const RETRY_MAX_MS = 30_000
/** Failures in a row after which a server that answers questions is said to be polled. */
export const POLLING_AFTER = 3

/** What the screen says of a state; `poll`: what is shown is asked for every few seconds meanwhile. */
export const CONNECTION = {
  connecting: { poll: true, label: 'Connecting' },
  live: { poll: false, label: 'Live' },
  silent: { poll: true, label: 'Silent' },
  retrying: { poll: true, label: 'Reconnecting' },
  polling: { poll: true, label: 'Polling' },
  'signed-out': { poll: false, label: 'Signed out' },
  refused: { poll: true, label: 'Refused' },
  drained: { poll: true, label: 'Server restarting' },
  offline: { poll: false, label: 'Offline' },
  hidden: { poll: false, label: 'Paused' },
} as const satisfies Record<ConnectionState, { poll: boolean; label: string }>

/** What a page says until it hears of the stream. */
export const FIRST_CONNECTION: Connection = { state: 'connecting', attempt: 0, since: 0 }
/** Before the first page is there. */
export const UNWATCHED: Connection = { state: 'hidden' }

/** The next state [L9]. An event that means nothing in a state answers the state itself. */
export function step(connection: Connection, event: ConnectionEvent): Connection {
  return cell(connection, event)
}

/** When the attempt that is wanted now began: another number is another attempt. null: no stream is wanted. */
export function attemptOf(connection: Connection): number | null {
  if ('since' in connection) return connection.since
  return 'trying' in connection ? connection.trying : null
}

/** When `tick` has something to do next that must not wait for the next second; null: nothing. */
export function dueAt(connection: Connection): number | null {
  return 'trying' in connection && connection.trying === null ? connection.at : null
}

type Row<S extends ConnectionState> = {
  [E in EventType]: (connection: In<S>, event: Of<E>) => Connection
}
type Table = { [S in ConnectionState]: Row<S> }

const stays = (connection: Connection): Connection => connection
const connects = (_: Connection, { now }: { now: number }): Connection => ({
  state: 'connecting',
  attempt: 0,
  since: now,
})
const unwatched = (): Connection => UNWATCHED

/** Both while there are bytes and while they are missed. */
const OPEN = {
  bytes: (open, { now }): Connection => ({
    ...open,
    state: 'live',
    heardAt: now,
    attempt: now - open.liveAt >= STABLE_AFTER_MS ? 0 : open.attempt,
  }),
  lost: (open, event): Connection => lose(failuresOf(open, event.now), event),
  answered: (open, event): Connection => refuse(failuresOf(open, event.now), event),
  drained: (open, event): Connection => drain(failuresOf(open, event.now), event),
  expired: (open, event): Connection => expire(failuresOf(open, event.now), event),
  polled: stays,
  unwatched,
  renewed: connects,
} satisfies Partial<Row<'live' | 'silent'>>

/** However the stream is away, it is tried again; what is said of it is the state's. */
const AWAY = {
  bytes: (away, { now }) =>
    away.trying === null
      ? away
      : { state: 'live', attempt: away.attempt, since: away.trying, liveAt: now, heardAt: now },
  tick: (away, { now, random }) => {
    if (away.trying === null) return now >= away.at ? { ...away, trying: now } : away
    if (now - away.trying <= SILENT_AFTER_MS) return away
    return again(away, { now, random, retryMs: null, why: NO_BYTE })
  },
  lost: ({ attempt }, event) => lose(attempt, event),
  answered: ({ attempt }, event) => refuse(attempt, event),
  drained: ({ attempt }, event) => drain(attempt, event),
  expired: ({ attempt }, event) => expire(attempt, event),
  polled: stays,
  'went-offline': (away, { now }) => ({
    state: 'offline',
    attempt: away.attempt,
    at: Math.max(away.at, now + RETRY_MAX_MS),
    trying: null,
    why: 'this device has no network',
  }),
  unwatched,
  wake: connects,
  renewed: connects,
} satisfies Row<AwayState>

type AwayState = 'retrying' | 'polling' | 'signed-out' | 'refused' | 'drained' | 'offline'

const TABLE: Table = {
  connecting: {
    bytes: ({ attempt, since }, { now }) => ({
      state: 'live',
      attempt,
      since,
      liveAt: now,
      heardAt: now,
    }),
    tick: (opening, { now, random }) =>
      now - opening.since > SILENT_AFTER_MS
        ? lose(opening.attempt, { now, random, retryMs: null, why: NO_BYTE, online: true })
        : opening,
    lost: ({ attempt }, event) => lose(attempt, event),
    answered: ({ attempt }, event) => refuse(attempt, event),
    drained: ({ attempt }, event) => drain(attempt, event),
    expired: ({ attempt }, event) => expire(attempt, event),
    polled: stays,
    // The attempt under way knows better than the browser whether there is a network.
    'went-offline': stays,
    unwatched,
    wake: stays,
    renewed: connects,
  },
  live: {
    ...OPEN,
    tick: (live, { now }) =>
      now - live.heardAt > SILENT_AFTER_MS ? { ...live, state: 'silent' } : live,
    'went-offline': stays,
    wake: stays,
  },
  silent: {
    ...OPEN,
    tick: (silent, { now }) =>
      now - silent.heardAt > DEAD_AFTER_MS
        ? {
            state: 'retrying',
            attempt: silent.attempt + 1,
            at: now,
            trying: null,
            why: `nothing came for ${DEAD_AFTER_MS / 1000} s`,
          }
        : silent,
    'went-offline': ({ attempt }, { now }) => ({
      state: 'offline',
      attempt,
      at: now + RETRY_MAX_MS,
      trying: null,
      why: 'this device has no network',
    }),
    wake: connects,
  },
  retrying: {
    ...AWAY,
    polled: (retrying, { ok }) =>
      ok && retrying.attempt >= POLLING_AFTER ? { ...retrying, state: 'polling' } : retrying,
  },
  polling: {
    ...AWAY,
    lost: (polling, event) => (event.online ? again(polling, event) : lose(polling.attempt, event)),
    polled: (polling, { ok }) => (ok ? polling : { ...polling, state: 'retrying' }),
  },
  'signed-out': { ...AWAY, 'went-offline': stays },
  refused: AWAY,
  drained: AWAY,
  offline: { ...AWAY, 'went-offline': stays },
  hidden: {
    bytes: stays,
    tick: stays,
    lost: stays,
    answered: stays,
    drained: stays,
    expired: stays,
    polled: stays,
    'went-offline': stays,
    unwatched: stays,
    wake: connects,
    renewed: stays,
  },
}

const NO_BYTE = `not a byte came within ${SILENT_AFTER_MS / 1000} s`

function cell<S extends ConnectionState, E extends EventType>(
  connection: In<S>,
  event: Of<E>,
): Connection {
  const row: Row<S> = TABLE[connection.state]
  return row[event.type](connection, event)
}

function failuresOf({ attempt, liveAt }: Open, now: number): number {
  return now - liveAt >= STABLE_AFTER_MS ? 0 : attempt
}

type Failure = { now: number; random: number; retryMs: number | null; why: string }

function lose(failures: number, event: Failure & { online: boolean }): Connection {
  return { state: event.online ? 'retrying' : 'offline', ...waits(failures, event) }
}

function again(away: In<AwayState>, event: Failure): Connection {
  return { ...away, ...waits(away.attempt, event) }
}

function refuse(failures: number, event: Of<'answered'>): Connection {
  const waiting = waits(failures, { ...event, retryMs: null })
  return event.status === 401
    ? { state: 'signed-out', ...waiting }
    : { state: 'refused', status: event.status, ...waiting }
}

function drain(failures: number, { now, random, retryMs }: Of<'drained'>): Connection {
  const why = 'the server said that it is stopping'
  // The server spreads its readers by what it asked each of them to wait: that wait is kept, not multiplied.
  const at = now + (retryMs === null ? backoffMs(failures, random, null) : within(retryMs))
  return { state: 'drained', attempt: failures, at, trying: null, why }
}

// Whoever reads now may be nobody or another: whether they may is for the server to say. At once, but never in a loop.
function expire(failures: number, { now, random }: Of<'expired'>): Connection {
  const waiting = waits(failures, { now, random, retryMs: null, why: 'the session has ended' })
  return { state: 'retrying', ...waiting, ...(failures === 0 ? { at: now } : {}) }
}

function waits(failures: number, { now, random, retryMs, why }: Failure): Away {
  return {
    attempt: failures + 1,
    at: now + backoffMs(failures, random, retryMs),
    trying: null,
    why,
  }
}

// Full jitter: all clients of a restarted server would else return in the same instant.
function backoffMs(failures: number, random: number, retryMs: number | null): number {
  const ceiling = within((retryMs ?? RETRY_MIN_MS) * 2 ** Math.min(failures + 1, 10))
  return RETRY_MIN_MS + random * (ceiling - RETRY_MIN_MS)
}

const within = (ms: number): number => Math.min(RETRY_MAX_MS, Math.max(RETRY_MIN_MS, ms))
