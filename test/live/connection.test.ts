import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keysOf } from '#contract/status.ts'
import {
  attemptOf,
  type Connection,
  CONNECTION,
  type ConnectionEvent,
  DEAD_AFTER_MS,
  POLLING_AFTER,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
  SILENT_AFTER_MS,
  STABLE_AFTER_MS,
  step,
  UNWATCHED,
} from '#live/connection.ts'

const random = 0.5
const wake = (now = 0): ConnectionEvent => ({ type: 'wake', now })
const bytes = (now: number): ConnectionEvent => ({ type: 'bytes', now })
const tick = (now: number): ConnectionEvent => ({ type: 'tick', now, random })
const lost = (
  now: number,
  of: { online?: boolean; random?: number; retryMs?: number | null } = {},
): ConnectionEvent => ({
  type: 'lost',
  now,
  why: 'network',
  random,
  retryMs: null,
  online: true,
  ...of,
})
const answered = (now: number, status: number): ConnectionEvent => ({
  type: 'answered',
  now,
  random,
  status,
  why: '',
})
const drained = (now: number, retryMs: number | null): ConnectionEvent => ({
  type: 'drained',
  now,
  random,
  retryMs,
})
const run = (...events: ConnectionEvent[]): Connection => events.reduce(step, UNWATCHED)
const live = run(wake(), bytes(0))

/** Fails so many times in a row, each as soon as it is tried. */
function failing(times: number): Connection {
  let connection = run(wake(), lost(0))
  for (let n = 1; n < times; n += 1)
    connection = [tick(n * RETRY_MAX_MS), lost(n * RETRY_MAX_MS)].reduce(step, connection)
  return connection
}

describe('the connection', () => {
  it('[L9] is live with the first byte and not before', () => {
    expect(run(wake()).state).toBe('connecting')
    expect(live).toMatchObject({ state: 'live', heardAt: 0 })
  })

  it('[L9] is silent after twenty seconds without a byte, and live again with the next', () => {
    const silent = step(live, tick(SILENT_AFTER_MS + 1))
    expect(silent.state).toBe('silent')
    expect(step(silent, bytes(SILENT_AFTER_MS + 2)).state).toBe('live')
  })

  it('[L9] of which nothing comes any more, or never a byte, is given up and tried anew', () => {
    const silent = step(live, tick(SILENT_AFTER_MS + 1))
    const dead = step(silent, tick(DEAD_AFTER_MS + 1))
    expect(dead).toMatchObject({ state: 'retrying', trying: null })
    expect(attemptOf(step(dead, tick(DEAD_AFTER_MS + 2)))).toBe(DEAD_AFTER_MS + 2)
    expect(run(wake(), tick(SILENT_AFTER_MS + 1)).state).toBe('retrying')
    const stuck = [tick(RETRY_MAX_MS), tick(RETRY_MAX_MS + SILENT_AFTER_MS + 1)].reduce(
      step,
      failing(1),
    )
    expect(stuck).toMatchObject({ state: 'retrying', attempt: 2, trying: null })
  })

  it('[L9] backs off with full jitter between half a second and thirty', () => {
    const any = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    fc.assert(
      fc.property(fc.nat(20), any, fc.option(fc.nat()), (failures, random, retryMs) => {
        let connection = run(wake())
        for (let n = 0; n <= failures; n += 1) {
          const now = n * RETRY_MAX_MS
          connection = [tick(now), lost(now, { random, retryMs })].reduce(step, connection)
          const at = 'at' in connection ? connection.at - now : Number.NaN
          expect(at).toBeGreaterThanOrEqual(RETRY_MIN_MS)
          expect(at).toBeLessThanOrEqual(RETRY_MAX_MS)
        }
      }),
    )
  })

  it('[L9] does not bring all clients of a server back at one instant, not even the first time', () => {
    const [early, late] = [0, 0.99].map((random) => step(live, lost(1, { random })))
    expect(late).toMatchObject({ state: 'retrying' })
    expect(late).not.toMatchObject({ at: early && 'at' in early && early.at })
  })

  it('[L9] forgets failures only after a stable connection', () => {
    const flapping = run(wake(), lost(0), tick(40_000), bytes(40_000), lost(40_001))
    expect(flapping).toMatchObject({ state: 'retrying', attempt: 2 })
    const at = 40_000 + STABLE_AFTER_MS
    const stable = run(wake(), lost(0), tick(40_000), bytes(40_000), lost(at))
    expect(stable).toMatchObject({ state: 'retrying', attempt: 1 })
  })

  it('[L9] is said to be polled when it fails again and again while questions are answered', () => {
    const polled = { type: 'polled', ok: true } as const
    expect(step(failing(POLLING_AFTER - 1), polled).state).toBe('retrying')
    const polling = step(failing(POLLING_AFTER), polled)
    expect(polling.state).toBe('polling')
    expect(step(polling, lost(1e6)).state).toBe('polling')
    expect(step(polling, { type: 'polled', ok: false }).state).toBe('retrying')
    expect([tick(1e6), bytes(1e6)].reduce(step, polling).state).toBe('live')
  })

  it('[L9] asks to sign in at 401, says what will not heal, and looks again all the same', () => {
    expect(run(wake(), answered(0, 401)).state).toBe('signed-out')
    const refused = run(wake(), answered(0, 404))
    expect(refused).toMatchObject({ state: 'refused', status: 404 })
    expect(step(refused, wake(1))).toMatchObject({ state: 'connecting', attempt: 0 })
    const again = step(refused, tick(RETRY_MAX_MS))
    expect([again.state, attemptOf(again)]).toEqual(['refused', RETRY_MAX_MS])
    expect(step(again, bytes(RETRY_MAX_MS + 1)).state).toBe('live')
  })

  it('[L9] that the server drained comes back when the server asked for it, and is no failure', () => {
    const stopping = step(live, drained(1000, 2500))
    expect(stopping).toMatchObject({ state: 'drained', attempt: 0, at: 3500 })
    expect(attemptOf(stopping)).toBeNull()
    expect(attemptOf(step(stopping, tick(3499)))).toBeNull()
    expect(attemptOf(step(stopping, tick(3500)))).toBe(3500)
    expect(step(live, drained(0, 1e12))).toMatchObject({ at: RETRY_MAX_MS })
  })

  it('[L9] whose session has ended is asked for at once as whoever is there now, and never in a loop', () => {
    const expired = (now: number): ConnectionEvent => ({ type: 'expired', now, random })
    const first = step(live, expired(10))
    expect(first).toMatchObject({ state: 'retrying', at: 10 })
    const second = [tick(10), bytes(11), expired(12)].reduce(step, first)
    expect(second).toMatchObject({ state: 'retrying', attempt: 2 })
    expect('at' in second && second.at).toBeGreaterThan(12 + RETRY_MIN_MS)
  })

  it('[L9] believes its bytes more than the browser about the network', () => {
    expect(step(live, { type: 'went-offline', now: 1 })).toBe(live)
    const offline = step(live, lost(1, { online: false }))
    expect(offline.state).toBe('offline')
    expect(step(offline, wake(2)).state).toBe('connecting')
    expect([tick(RETRY_MAX_MS), bytes(RETRY_MAX_MS)].reduce(step, offline).state).toBe('live')
  })

  it('[L9] is let go while nobody looks, and asked for when somebody does', () => {
    const hidden = step(live, { type: 'unwatched' })
    expect(hidden).toBe(UNWATCHED)
    for (const event of [bytes(1), tick(1e9), lost(1), answered(1, 401), drained(1, 1)])
      expect(step(hidden, event)).toBe(hidden)
    expect(step(hidden, wake(5))).toMatchObject({ state: 'connecting', since: 5 })
  })

  it('[L9] is another for another session', () => {
    expect(step(live, { type: 'renewed', now: 7 })).toMatchObject({ state: 'connecting', since: 7 })
    expect(step(run(wake(), answered(0, 401)), { type: 'renewed', now: 7 }).state).toBe(
      'connecting',
    )
  })

  it('[L9] comes back to live from wherever events took it, once the server is well', () => {
    const now = fc.nat(100_000)
    const any = fc.oneof(
      now.map(bytes),
      now.map(tick),
      now.map((at) => lost(at)),
      now.map((at) => lost(at, { online: false })),
      fc.tuple(now, fc.constantFrom(0, 200, 204, 401, 403, 404)).map(([at, s]) => answered(at, s)),
      fc.tuple(now, fc.option(fc.nat())).map(([at, ms]) => drained(at, ms)),
      now.map((at) => ({ type: 'expired' as const, now: at, random })),
      fc.boolean().map((ok) => ({ type: 'polled' as const, ok })),
      now.map((at) => ({ type: 'went-offline' as const, now: at })),
      fc.constant({ type: 'unwatched' as const }),
      now.map(wake),
      now.map((at) => ({ type: 'renewed' as const, now: at })),
    )
    fc.assert(
      fc.property(fc.array(any, { maxLength: 40 }), (events) => {
        let connection = step(run(...events), wake(200_000))
        // Nobody does anything but wait.
        for (let at = 200_000; at < 400_000 && attemptOf(connection) === null; at += 1000)
          connection = step(connection, tick(at))
        expect(step(connection, bytes(400_000)).state).toBe('live')
      }),
    )
  })

  it('has words for each state', () => {
    expect(keysOf(CONNECTION)).toHaveLength(10)
  })
})
