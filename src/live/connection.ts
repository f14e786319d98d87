/*
 * The connection to GET /events as a pure state machine. Effects (fetch, timers, the browser's events) are in
 * viewer/stream; they tell what happened and read from the state what to do.
 */

/** `at` and `since` are milliseconds of one monotonic clock. `attempt` counts failures since the last stable connection. */
export type Connection =
  | { state: 'connecting'; attempt: number }
  /** Bytes came within `SILENT_AFTER_MS`. */
  | { state: 'live'; attempt: number; since: number; heardAt: number }
  /** Open, but without a byte for longer than a keepalive may take. */
  | { state: 'silent'; attempt: number; since: number; heardAt: number }
  | { state: 'retrying'; attempt: number; at: number; why: string }
  /** The server wants a sign-in first. */
  | { state: 'signed-out' }
  /** Asking again will not help. */
  | { state: 'refused'; status: number; why: string }
  | { state: 'offline' }

export type ConnectionState = Connection['state']

export type ConnectionEvent =
  | { type: 'opened'; now: number }
  | { type: 'bytes'; now: number }
  | { type: 'tick'; now: number }
  /** The stream ended or could not be had: network, 5xx, 429, a drain. `random` in [0, 1); `retryMs` by the server. */
  | { type: 'lost'; now: number; why: string; random: number; retryMs: number | null }
  | { type: 'answered'; status: number; why: string }
  | { type: 'went-offline' }
  /** Online again, visible again, signed in, or asked by the person: try at once. */
  | { type: 'wake' }

/** A server says something every 15 s. */
export const SILENT_AFTER_MS = 20_000
/** Open for so long, a connection counts as stable and its failures are forgotten. */
export const STABLE_AFTER_MS = 5_000
export const RETRY_MIN_MS = 500
export const RETRY_MAX_MS = 30_000

/** What the screen says of a state, and what the client does in it. */
export const CONNECTION = {
  connecting: { open: true, poll: true, label: 'Connecting' },
  live: { open: true, poll: false, label: 'Live' },
  silent: { open: true, poll: true, label: 'Silent' },
  retrying: { open: false, poll: true, label: 'Reconnecting' },
  'signed-out': { open: false, poll: false, label: 'Signed out' },
  refused: { open: false, poll: true, label: 'Refused' },
  offline: { open: false, poll: false, label: 'Offline' },
} as const satisfies Record<ConnectionState, { open: boolean; poll: boolean; label: string }>

export const FIRST_CONNECTION: Connection = { state: 'connecting', attempt: 0 }

/** The next state [L9]. An event that means nothing in a state answers the state itself. */
export function step(connection: Connection, event: ConnectionEvent): Connection {
  switch (event.type) {
    case 'opened':
      return connection.state === 'connecting'
        ? { state: 'live', attempt: connection.attempt, since: event.now, heardAt: event.now }
        : connection
    case 'bytes':
      return connection.state === 'live' || connection.state === 'silent'
        ? {
            ...connection,
            state: 'live',
            heardAt: event.now,
            attempt: event.now - connection.since >= STABLE_AFTER_MS ? 0 : connection.attempt,
          }
        : connection
    case 'tick':
      if (connection.state === 'live' && event.now - connection.heardAt > SILENT_AFTER_MS)
        return { ...connection, state: 'silent' }
      if (connection.state === 'retrying' && event.now >= connection.at)
        return { state: 'connecting', attempt: connection.attempt }
      return connection
    case 'lost': {
      if (!CONNECTION[connection.state].open) return connection
      const attempt = 'attempt' in connection ? connection.attempt : 0
      const stable = 'since' in connection && event.now - connection.since >= STABLE_AFTER_MS
      return {
        state: 'retrying',
        attempt: stable ? 1 : attempt + 1,
        at: event.now + backoffMs(stable ? 0 : attempt, event.random, event.retryMs),
        why: event.why,
      }
    }
    case 'answered':
      if (event.status === 401) return { state: 'signed-out' }
      return { state: 'refused', status: event.status, why: event.why }
    case 'went-offline':
      return connection.state === 'offline' ? connection : { state: 'offline' }
    case 'wake':
      return CONNECTION[connection.state].open && connection.state !== 'silent'
        ? connection
        : { state: 'connecting', attempt: 0 }
  }
}

// Full jitter: all clients of a restarted server would else return in the same instant.
function backoffMs(failures: number, random: number, retryMs: number | null): number {
  const ceiling = Math.min(RETRY_MAX_MS, (retryMs ?? RETRY_MIN_MS) * 2 ** Math.min(failures, 10))
  return RETRY_MIN_MS + random * Math.max(0, ceiling - RETRY_MIN_MS)
}
