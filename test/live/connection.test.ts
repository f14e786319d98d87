import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Connection,
  type ConnectionEvent,
  FIRST_CONNECTION,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
  SILENT_AFTER_MS,
  STABLE_AFTER_MS,
  step,
} from '#live/connection.ts'

const lost = (now: number, random = 0.5): ConnectionEvent => ({
  type: 'lost',
  now,
  why: 'network',
  random,
  retryMs: null,
})
const run = (...events: ConnectionEvent[]): Connection => events.reduce(step, FIRST_CONNECTION)

describe('the connection', () => {
  it('[L9] is silent after twenty seconds without a byte, and live again with the next', () => {
    const silent = run({ type: 'opened', now: 0 }, { type: 'tick', now: SILENT_AFTER_MS + 1 })
    expect(silent.state).toBe('silent')
    expect(step(silent, { type: 'bytes', now: SILENT_AFTER_MS + 2 }).state).toBe('live')
  })

  it('[L9] backs off with jitter between half a second and thirty', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, random) => {
          let connection = FIRST_CONNECTION
          for (let n = 0; n <= failures; n += 1) {
            connection = step(connection, lost(0, random))
            if (connection.state === 'retrying') {
              expect(connection.at).toBeGreaterThanOrEqual(RETRY_MIN_MS)
              expect(connection.at).toBeLessThanOrEqual(RETRY_MAX_MS)
            }
            connection = step(connection, { type: 'tick', now: RETRY_MAX_MS })
          }
        },
      ),
    )
  })

  it('[L9] forgets failures only after a stable connection', () => {
    const flapping = run(
      lost(0),
      { type: 'tick', now: 40_000 },
      { type: 'opened', now: 40_000 },
      lost(40_001),
    )
    expect(flapping).toMatchObject({ state: 'retrying', attempt: 2 })
    const stable = run(
      lost(0),
      { type: 'tick', now: 40_000 },
      { type: 'opened', now: 40_000 },
      lost(40_000 + STABLE_AFTER_MS),
    )
    expect(stable).toMatchObject({ state: 'retrying', attempt: 1 })
  })

  it('[L9] asks to sign in at 401, gives up at what will not heal, and comes back when woken', () => {
    expect(run({ type: 'answered', status: 401, why: '' }).state).toBe('signed-out')
    const refused = run({ type: 'answered', status: 404, why: 'no such path' })
    expect(refused).toMatchObject({ state: 'refused', status: 404 })
    expect(step(refused, { type: 'wake' })).toEqual(FIRST_CONNECTION)
  })

  it('[L9] waits while offline: nothing but waking leaves it', () => {
    const offline = run({ type: 'opened', now: 0 }, { type: 'went-offline' })
    expect(step(offline, lost(1))).toBe(offline)
    expect(step(offline, { type: 'tick', now: 1e9 })).toBe(offline)
    expect(step(offline, { type: 'wake' }).state).toBe('connecting')
  })
})
