// @vitest-environment node
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Connection } from '#live/connection.ts'
import { createLive } from '#viewer/store.ts'
import { follow, type Following } from '#viewer/stream/follow.ts'
import type { FromPage } from '#viewer/stream/hub.ts'

/* A page on a hub that the test is: when it draws, and whether it is seen, is the test's too. */

let undrawn: (() => void)[]
let said: FromPage['say'][]
let changed: string[]
let lost: number
let isVisible: boolean
let setBackMs: number
let following: Following
let store: ReturnType<typeof createLive>

beforeEach(() => {
  vi.useFakeTimers()
  undrawn = []
  said = []
  changed = []
  lost = 0
  isVisible = true
  setBackMs = 0
  store = createLive()
  following = follow(
    store,
    {
      monotonic: () => Date.now() + setBackMs,
      wall: () => Date.now(),
      isVisible: () => isVisible,
      beforeDrawing: (draw) => undrawn.push(draw),
      changed: (names) => changed.push(names === 'all' ? 'all' : [...names].join()),
      lost: () => (lost += 1),
    },
    ({ say }) => said.push(say),
  )
})
afterEach(() => {
  following.stop()
  vi.useRealTimers()
})

const stands = (connection: Connection, lastEventId: string | null = null) =>
  following.told({
    tell: 'standing',
    standing: { connection, trial: null, heardAt: 5 },
    lastEventId,
  })
const live: Connection = { state: 'live', attempt: 0, since: 0, liveAt: 0, heardAt: 0 }
const retrying: Connection = { state: 'retrying', attempt: 1, at: 0, trying: null, why: 'x' }
const frames = (...seqs: number[]) =>
  following.told({
    tell: 'received',
    received: seqs.map((seq) => ({
      id: `e-${seq}`,
      frame: { type: 'run_started', run_id: `r${seq}` },
    })),
    chars: 0,
    heardAt: 9,
  })

it('[U34] a batch of frames is one change of the store, and the next is asked for when it is drawn', () => {
  let changes = 0
  store.subscribe(() => (changes += 1))
  frames(1, 2, 3)
  expect([changes, said]).toEqual([0, []])
  for (const draw of undrawn.splice(0)) draw()
  expect([changes, said]).toEqual([1, ['drawn']])
  expect(store.getState().board.runs.size).toBe(3)
  expect(changed).toEqual(['run_started'])
})

it('[U32] what it was told it has, though it is not drawn yet', () => {
  stands(live, 'e-7')
  expect(following.lastEventId()).toBe('e-7')
  frames(8, 9)
  expect(following.lastEventId()).toBe('e-9')
})

it('[U32] two batches, of a hub and of the next, are taken in the order they came, whichever is drawn first', () => {
  frames(1, 2, 3)
  frames(4, 5)
  for (const draw of undrawn.splice(0).toReversed()) draw()
  const { counts, gaps, position } = store.getState().board
  expect(counts).toMatchObject({ frames: 5, outOfOrder: 0, repeated: 0 })
  expect([gaps, position?.seq, said]).toEqual([[], 5, ['drawn', 'drawn']])
})

it('[U3] when the clock of the device is set back, what was noted by it is as old as before', () => {
  const now = Date.now()
  stands(live)
  store.setState({ heardAt: now, offsetMs: 50 })
  vi.advanceTimersByTime(10_000)
  setBackMs = 3_600_000
  vi.setSystemTime(Date.now() - setBackMs)
  vi.advanceTimersByTime(1000)
  const { heardAt, offsetMs } = store.getState()
  expect(Date.now() - (heardAt ?? 0)).toBe(11_000)
  expect(Date.now() + offsetMs).toBe(now + 11_000 + 50)
  expect(changed).toEqual(['all'])
})

it('[U3] when the device has slept, everything is asked for', () => {
  stands(live)
  vi.advanceTimersByTime(2000)
  changed.length = 0
  vi.setSystemTime(Date.now() + 10_000)
  vi.advanceTimersByTime(1000)
  expect(changed).toEqual(['all'])
})

it('[U32] asks a hub that says nothing by itself before it takes it for lost', () => {
  stands(live)
  vi.advanceTimersByTime(8000)
  expect(said).toContain('there')
  stands(live)
  vi.advanceTimersByTime(14_000)
  expect(lost).toBe(0)
})

it('asks for everything when the stream is live again, and every few seconds while it is away', () => {
  stands(live)
  stands(live)
  expect(changed).toEqual(['all'])
  stands(retrying)
  vi.advanceTimersByTime(12_500)
  expect(changed.length).toBe(1 + 3)
  isVisible = false
  stands(retrying)
  vi.advanceTimersByTime(10_000)
  expect(changed.length).toBe(1 + 3)
})

it('[U3] that hears nothing of its hub says so, and looks for another', () => {
  stands(live)
  vi.advanceTimersByTime(14_000)
  expect([lost, store.getState().connection.state]).toEqual([0, 'live'])
  vi.advanceTimersByTime(3000)
  expect([lost, store.getState().connection.state]).toEqual([1, 'connecting'])
})
