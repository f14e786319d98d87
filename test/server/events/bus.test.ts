import fc from 'fast-check'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { expect, it } from 'vitest'
import { parseFrame, type Frame } from '#contract/frame.ts'
import type { Bus, Subscription } from '#server/events/bus.ts'
import { EPOCH, testBus } from './stream-server.ts'

const started = (run_id: string): Frame => ({ type: 'run_started', run_id })
const materialize = (run_id?: string): Frame => ({
  kind: 'materialize.error',
  ts: '2026-11-12T09:30:00.000Z',
  actor: 'system',
  error_type: 'CycleError',
  message: 'a\nb',
  ...(run_id !== undefined && { run_id }),
})

/** A reader whose socket refuses writes when told to. */
function reader(bus: Bus, runId: string | null = null, lastEventId: string | null = null) {
  const events: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => events.push(event) })
  let open = true
  const subscription: Subscription = bus.subscribe(
    {
      runId,
      write(bytes) {
        parser.feed(Buffer.from(bytes).toString())
        return open
      },
    },
    lastEventId,
  )
  return {
    events,
    ids: () => events.map(({ id }) => id),
    gaps: () =>
      events.filter(({ event }) => event === 'stream.gap').map(({ data }) => parsed(data)),
    refuse() {
      open = false
    },
    take() {
      open = true
      subscription.drained()
    },
    end: subscription.end,
  }
}

const idOf = (seq: number) => `${EPOCH}-${seq}`
const publish = (bus: Bus, count: number, run_id = 'r') => {
  for (let i = 0; i < count; i += 1) bus.publish(started(run_id))
}

it('[S1] ids are epoch and a number that rises by one over all runs', () => {
  const bus = testBus()
  const all = reader(bus)
  expect(bus.position()).toBe(idOf(0))
  for (const run of ['a', 'b', 'a']) bus.publish(started(run))
  expect(all.ids()).toEqual([1, 2, 3].map(idOf))
  expect(bus.position()).toBe(idOf(3))
})

it('[S2] a frame is one event line, one data line, one id line and a blank one', () => {
  const bus = testBus()
  const written: string[] = []
  bus.subscribe(
    { runId: null, write: (bytes) => written.push(Buffer.from(bytes).toString()) > 0 },
    null,
  )
  const frame = materialize()
  bus.publish(frame)
  expect(written).toEqual([
    `event: materialize.error\ndata: ${JSON.stringify(frame)}\nid: ${idOf(1)}\n\n`,
  ])
  expect(parseFrame('materialize.error', JSON.stringify(frame))).toEqual({ state: 'frame', frame })
})

it('[S13] what is published in one tick is one write, of the same bytes for all who asked for the same', () => {
  const { bus, endTick } = tickingBus()
  const written: Uint8Array[][] = [[], [], []]
  for (const [i, runId] of [null, null, 'a'].entries())
    bus.subscribe({ runId, write: (bytes) => (written[i] ?? []).push(bytes) > 0 }, null)
  for (const run of ['a', 'b', 'a']) bus.publish(started(run))
  expect(written).toEqual([[], [], []])
  endTick()
  expect(written.map(({ length }) => length)).toEqual([1, 1, 1])
  expect(written[0]?.[0]).toBe(written[1]?.[0])
  const text = (i: number) => Buffer.concat(written[i] ?? []).toString()
  expect(text(0).match(/^id: .*/gm)).toEqual([1, 2, 3].map((seq) => `id: ${idOf(seq)}`))
  expect(text(2).match(/^id: .*/gm)).toEqual([1, 3].map((seq) => `id: ${idOf(seq)}`))
})

it('[S13] a write is never of more frames than a queue has', () => {
  const { bus, endTick } = tickingBus()
  const one = reader(bus)
  publish(bus, 150)
  expect(one.events).toHaveLength(128)
  endTick()
  expect(one.ids()).toEqual(range(1, 150).map(idOf))
})

it('[S13] whoever comes within a tick gets its frames once', () => {
  const { bus, endTick } = tickingBus()
  publish(bus, 2)
  const back = reader(bus, null, idOf(1))
  const fresh = reader(bus)
  publish(bus, 1)
  endTick()
  expect(back.ids()).toEqual([2, 3].map(idOf))
  expect(fresh.ids()).toEqual([3].map(idOf))
})

it('[S14] latency is from publish to write, once a frame; what waits is what refusing readers hold', () => {
  let nowMs = 0
  const { bus, endTick } = tickingBus({ monotonic: () => nowMs })
  const slow = reader(bus)
  publish(bus, 2)
  nowMs = 3
  endTick()
  const { buckets, count, sum } = bus.latency.read()
  expect({ count, sum }).toEqual({ count: 2, sum: 0.006 })
  expect(buckets.filter(({ count }) => count > 0).map(({ upTo }) => upTo)[0]).toBe(0.005)
  expect(buckets.at(-1)?.count).toBe(2)
  expect(bus.waiting()).toEqual({ readers: 0, frames: 0 })
  slow.refuse()
  publish(bus, 1)
  endTick()
  publish(bus, 3)
  endTick()
  expect(bus.waiting()).toEqual({ readers: 1, frames: 3 })
})

it('[S5] ?run_id= narrows to one run, its lifecycle frames with it', () => {
  const bus = testBus()
  const one = reader(bus, 'a')
  bus.publish(started('a'))
  bus.publish(started('b'))
  bus.publish(materialize('a'))
  bus.publish(materialize('b'))
  bus.publish(materialize())
  expect(one.ids()).toEqual([1, 3].map(idOf))
})

it('[S6] a reader that comes back gets what it missed, once and in order', () => {
  const bus = testBus()
  publish(bus, 5)
  const back = reader(bus, null, idOf(2))
  publish(bus, 1)
  expect(back.ids()).toEqual([3, 4, 5, 6].map(idOf))
  expect(reader(bus, null, idOf(6)).events).toEqual([])
  expect(reader(bus).events).toEqual([])
})

it('[S7] what the ring no longer has is told as one gap before what it has', () => {
  const bus = testBus({ ringFrames: 3 })
  publish(bus, 10)
  const back = reader(bus, null, idOf(4))
  expect(back.ids()).toEqual([7, 8, 9, 10].map(idOf))
  expect(back.gaps()).toMatchObject([{ from: idOf(5), to: idOf(7) }])
  expect(reader(bus, null, idOf(7)).gaps()).toEqual([])
})

it.each([['other-7'], ['e1-99'], ['nonsense'], ['']])(
  '[S7] from an id that is not of this stream (%j) everything that the ring has follows a gap',
  (lastEventId) => {
    const bus = testBus()
    publish(bus, 2)
    const back = reader(bus, null, lastEventId)
    expect(back.ids()).toEqual([0, 1, 2].map(idOf))
    expect(back.gaps()).toMatchObject([{ from: null, to: idOf(0) }])
  },
)

it('[S8] a reader that refuses writes loses the oldest, and is told before the next frame', () => {
  const bus = testBus()
  const slow = reader(bus)
  slow.refuse()
  // The write that is answered with false was taken all the same.
  publish(bus, 1 + 64 + 6)
  expect(slow.ids()).toEqual([idOf(1)])
  expect(bus.counts()).toMatchObject({ dropped: 6, gaps: 0 })
  slow.take()
  expect(slow.ids()).toEqual([1, 7, ...range(8, 71)].map(idOf))
  expect(slow.gaps()).toMatchObject([{ from: idOf(2), to: idOf(7) }])
  expect(slow.events[1]).toMatchObject({ event: 'stream.gap', id: idOf(7) })
})

it('[S8] the queue counts frames that the reader asked for, and only while it refuses', () => {
  const bus = testBus()
  const slow = reader(bus, 'mine')
  publish(bus, 200, 'mine')
  slow.refuse()
  publish(bus, 1, 'mine')
  publish(bus, 500, 'other')
  publish(bus, 64, 'mine')
  slow.take()
  expect(slow.gaps()).toEqual([])
  expect(slow.events).toHaveLength(200 + 1 + 64)
})

it('[S8] what a resumed reader missed is not dropped for being more than a queue', () => {
  const bus = testBus({ ringFrames: 500 })
  publish(bus, 400)
  const slow = reader(bus, null, idOf(0))
  expect(slow.events).toHaveLength(400)
})

it('[S9] what a reader missed is written a little at a time, while it takes it', () => {
  const bus = testBus()
  for (let i = 0; i < 100; i += 1)
    bus.publish({ type: 'run_failed', run_id: 'r', reason: 'x'.repeat(4000), status: 'failed' })
  const sizes: number[] = []
  const write = (bytes: Uint8Array) => sizes.push(bytes.length) < 2
  const { drained } = bus.subscribe({ runId: null, write }, idOf(0))
  expect(sizes).toHaveLength(2)
  drained()
  expect(sizes).toHaveLength(3)
  for (const size of sizes) expect(size).toBeLessThan(3 * 16 * 1024)
})

it('[S9] one slow reader holds back nobody else', () => {
  const bus = testBus()
  const slow = reader(bus)
  const quick = reader(bus)
  slow.refuse()
  publish(bus, 1000)
  expect(quick.events).toHaveLength(1000)
})

it('[S8] every id is delivered or within a told gap, exactly once and in order', () => {
  const act = fc.constantFrom('publish', 'publish', 'publish', 'tick', 'refuse', 'take')
  fc.assert(
    fc.property(fc.array(act, { maxLength: 200 }), fc.nat(30), (acts, before) => {
      const { bus, endTick } = tickingBus({ ringFrames: 8, queueFrames: 3 })
      publish(bus, before)
      const one = reader(bus, null, idOf(0))
      for (const act of acts) {
        if (act === 'publish') bus.publish(started('r'))
        else if (act === 'tick') endTick()
        else one[act]()
      }
      endTick()
      one.take()
      let next = 1
      for (const { event, id, data } of one.events) {
        if (event !== 'stream.gap') expect(id).toBe(idOf(next))
        else expect(JSON.parse(data)).toMatchObject({ from: idOf(next), to: id })
        next = Number(id?.split('-')[1]) + 1
      }
      expect(idOf(next - 1)).toBe(bus.position())
    }),
  )
})

it('[S9] a reader that ended is forgotten', () => {
  const bus = testBus()
  const gone = reader(bus)
  gone.end()
  publish(bus, 1)
  expect(gone.events).toEqual([])
  expect(bus.counts()).toEqual({ subscribers: 0, frames: 1, dropped: 0, gaps: 0 })
})

/** A bus whose ticks end when the test says so. */
function tickingBus(options: Parameters<typeof testBus>[0] = {}) {
  const waiting: (() => void)[] = []
  return {
    bus: testBus({ soon: (act) => void waiting.push(act), ...options }),
    endTick: () => waiting.splice(0).forEach((act) => act()),
  }
}

function parsed(data: string): unknown {
  return JSON.parse(data)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}
