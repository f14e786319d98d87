// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Received } from '#live/board.ts'
import type { Standing } from '#viewer/stream/hold.ts'
import { createHub, type FromHub, type FromPage, type Hub } from '#viewer/stream/hub.ts'
import { keepRecent } from '#viewer/stream/recent.ts'
import type { Ended, Transport } from '#viewer/stream/transport.ts'

/* Many pages on one stream: clock and network are the test's, the rest is real. */

type Opened = Parameters<Transport>[0] & { end: (ended: Ended) => void }

let opened: Opened[]
let hub: Hub
let gone: Map<string, () => void>
let setBackMs: number

beforeEach(() => {
  vi.useFakeTimers()
  opened = []
  setBackMs = 0
  gone = new Map()
  hub = newHub(null)
})
afterEach(() => {
  hub.stop()
  vi.useRealTimers()
})

const SMALL = { events: 4096, chars: 4 * 1024 * 1024 }

function newHub(lastEventId: string | null, recent = keepRecent(() => 'now', SMALL)): Hub {
  return createHub(
    {
      transport: (connection) =>
        new Promise((resolve) => opened.push({ ...connection, end: resolve })),
      monotonic: () => Date.now() + setBackMs,
      wall: () => Date.now(),
      random: () => 0.5,
      isOnline: () => true,
      gone: (page) => new Promise((resolve) => gone.set(page, resolve)),
    },
    { lastEventId, recent },
  )
}

/** A page that takes what it is told, at once or when it is told to draw. */
function page(
  name: string,
  { lastEventId = null, ...of }: { lastEventId?: string | null; draws?: boolean } = {},
) {
  let { draws = true } = of
  const heard: Received[] = []
  let standing: Standing | null = null
  let undrawn = 0
  const say = (message: FromPage): void => hub.said(name, message, told)
  const told = (message: FromHub): void => {
    if (message.tell === 'standing') {
      standing = message.standing
      return
    }
    heard.push(...message.received)
    if (draws) say({ say: 'drawn' })
    else undrawn += 1
  }
  say({ say: 'attach', lastEventId, isVisible: true })
  return {
    say,
    ids: () => heard.map(({ id }) => id),
    kinds: () => heard.map((one) => ('frame' in one && 'kind' in one.frame ? one.frame : one.id)),
    state: () => standing?.connection.state,
    trial: () => standing?.trial,
    heardAt: () => standing?.heardAt,
    undrawn: () => undrawn,
    catchUp: () => {
      draws = true
      say({ say: 'drawn' })
    },
  }
}

const stream = (): Opened => {
  const last = opened.at(-1)
  if (last === undefined) throw new Error('no stream was opened')
  return last
}
const send = (...seqs: number[]): void =>
  stream().onChunk({ events: seqs.map((seq) => event(`e-${seq}`)), comments: [] })
const event = (id: string) => ({
  event: 'run_started',
  id,
  data: JSON.stringify({ type: 'run_started', run_id: id }),
})

describe('the hub', () => {
  it('[U31] opens one stream for all pages, and hands every frame to each', () => {
    const pages = Array.from({ length: 12 }, (_, n) => page(`p${n}`))
    send(1, 2)
    expect(opened).toHaveLength(1)
    for (const { ids, state } of pages) expect([ids(), state()]).toEqual([['e-1', 'e-2'], 'live'])
  })

  it('[U32] goes on for the others when a page leaves, or is gone without a word', () => {
    const [first, second, third] = [page('a'), page('b'), page('c')]
    send(1)
    first.say({ say: 'leave' })
    gone.get('b')?.()
    send(2)
    expect(opened).toHaveLength(1)
    expect([first.ids(), third.ids()]).toEqual([['e-1'], ['e-1', 'e-2']])
    expect(second.ids()).toEqual(['e-1', 'e-2'])
  })

  it('[U32] takes the page that comes back from the last frame that it had', () => {
    const stays = page('a')
    send(1, 2, 3)
    const back = page('b', { lastEventId: 'e-1' })
    send(4)
    expect(back.ids()).toEqual(['e-2', 'e-3', 'e-4'])
    expect(stays.ids()).toEqual(['e-1', 'e-2', 'e-3', 'e-4'])
  })

  it('lets the stream go when the last page leaves, and goes on from there when one comes', () => {
    const only = page('a')
    send(1)
    only.say({ say: 'leave' })
    expect(stream().signal.aborted).toBe(true)
    page('b')
    expect(opened).toHaveLength(2)
    expect(stream().lastEventId).toBe('e-1')
  })

  it('lets the stream go when every page has been hidden for long', () => {
    const [first, second] = [page('a'), page('b')]
    send(1)
    first.say({ say: 'visible', isVisible: false })
    const keepAlive = setInterval(() => send(), 10_000)
    vi.advanceTimersByTime(20 * 60_000)
    expect(stream().signal.aborted).toBe(false)
    second.say({ say: 'visible', isVisible: false })
    vi.advanceTimersByTime(9 * 60_000)
    expect(stream().signal.aborted).toBe(false)
    vi.advanceTimersByTime(2 * 60_000)
    clearInterval(keepAlive)
    expect([opened.length, stream().signal.aborted, first.state()]).toEqual([1, true, 'hidden'])
    // A network that is back is nothing to anybody who does not look.
    second.say({ say: 'wake' })
    expect(opened).toHaveLength(1)
    first.say({ say: 'visible', isVisible: true })
    expect(opened).toHaveLength(2)
  })

  it('[U33] holds nothing back for a page that draws nothing, and tells it what it lost', () => {
    const [quick, stuck] = [page('a'), page('b', { draws: false })]
    for (let seq = 1; seq <= 10_000; seq += 1) send(seq)
    expect(quick.ids()).toHaveLength(10_000)
    expect(stuck.undrawn()).toBe(1)
    stuck.catchUp()
    const [first, gap, next] = stuck.kinds()
    expect(first).toBe('e-1')
    expect(gap).toMatchObject({ kind: 'stream.gap', to: 'e-5904' })
    expect(next).toBe('e-5905')
    expect(stuck.ids().at(-1)).toBe('e-10000')
  })

  it('[U33] is bounded by what frames take, too', () => {
    page('a')
    const stuck = page('b', { draws: false })
    const data = JSON.stringify({ type: 'run_started', run_id: 'r', title: 'x'.repeat(4000) })
    for (let seq = 1; seq <= 4000; seq += 1)
      stream().onChunk({ events: [{ event: 'run_started', id: `e-${seq}`, data }], comments: [] })
    stuck.catchUp()
    expect(stuck.ids().length).toBeLessThan(1200)
    expect(stuck.ids().at(-1)).toBe('e-4000')
  })

  it('[U31] is another stream for another session, for all pages', () => {
    const [first, second] = [page('a'), page('b')]
    send(1)
    const before = stream()
    first.say({ say: 'renewed' })
    expect([opened.length, before.signal.aborted]).toEqual([2, true])
    send(2)
    expect(second.ids()).toEqual(['e-1', 'e-2'])
    // What was heard in the session before is for nobody who comes now.
    expect(page('c', { lastEventId: 'd-9' }).ids()).toEqual(['e-1', 'e-2'])
  })

  it('[U32] goes on where the page had come to that held the stream before', () => {
    hub.stop()
    const recent = keepRecent(() => 'now')
    recent.startAfter('e-1')
    for (const seq of [2, 3])
      recent.add({ id: `e-${seq}`, frame: { type: 'run_started', run_id: 'r' } }, 9)
    hub = newHub('e-3', recent)
    const [level, behind, farBehind] = [
      page('a', { lastEventId: 'e-3' }),
      page('b', { lastEventId: 'e-1' }),
      page('c', { lastEventId: 'd-7' }),
    ]
    const ahead = page('d', { lastEventId: 'e-4' })
    expect(stream().lastEventId).toBe('e-3')
    send(4, 5)
    expect(ahead.ids()).toEqual(['e-5'])
    expect(level.ids()).toEqual(['e-4', 'e-5'])
    expect(behind.ids()).toEqual(['e-2', 'e-3', 'e-4', 'e-5'])
    expect(farBehind.kinds()[0]).toMatchObject({ kind: 'stream.gap', from: null, to: 'e-1' })
  })

  it('[U32] tells how the stream stands to who asks, also where its own timers stand still', () => {
    const only = page('a')
    send(1)
    vi.setSystemTime(Date.now() + 25_000)
    only.say({ say: 'there' })
    expect(only.state()).toBe('silent')
  })

  it('[L10] an attempt without a byte is told as one that was given up', () => {
    const only = page('a')
    vi.advanceTimersByTime(22_000)
    expect(only.trial()).toMatchObject({ status: null, firstByteMs: null, givenUp: true })
  })

  it('[L10] what came while all was stopped was held back by nothing between', () => {
    const only = page('a')
    send(1)
    vi.setSystemTime(Date.now() + 60_000)
    stream().onChunk({ events: [], comments: ['keepalive', 'keepalive', 'keepalive'] })
    only.say({ say: 'there' })
    expect(only.trial()).toMatchObject({ keepalives: 3, held: 0 })
    vi.advanceTimersByTime(31_000)
    stream().onChunk({ events: [], comments: ['keepalive', 'keepalive'] })
    only.say({ say: 'there' })
    expect(only.trial()).toMatchObject({ keepalives: 5, held: 1 })
  })

  it('[U3] its last sign of life is as old as it is, though the clock of the device is set back', () => {
    const only = page('a')
    send(1)
    vi.advanceTimersByTime(10_000)
    setBackMs = 3_600_000
    vi.setSystemTime(Date.now() - setBackMs)
    only.say({ say: 'there' })
    expect(Date.now() - (only.heardAt() ?? 0)).toBe(10_000)
  })

  it('[U32] a page that comes back before the first frame goes on from where the stream began', () => {
    const only = page('a')
    stream().onChunk({ events: [], comments: ['connected', 'after e-7'] })
    only.say({ say: 'leave' })
    const back = page('b', { lastEventId: 'e-7' })
    expect(stream().lastEventId).toBe('e-7')
    send(8, 9)
    expect(back.kinds()).toEqual(['e-8', 'e-9'])
  })

  it('[U32] what the head says of its place is nothing to a stream that is taken up again', () => {
    const only = page('a')
    send(3)
    stream().end({ how: 'lost', status: 200, retryMs: null, why: 'gone' })
    vi.advanceTimersByTime(60_000)
    expect(stream().lastEventId).toBe('e-3')
    stream().onChunk({ events: [], comments: ['connected', 'after e-9'] })
    stream().end({ how: 'lost', status: 200, retryMs: null, why: 'gone' })
    vi.advanceTimersByTime(60_000)
    expect(stream().lastEventId).toBe('e-3')
    expect(only.ids()).toEqual(['e-3'])
  })

  it('[U32] draws no hole for a page that has heard more than the one that holds the stream now', () => {
    hub.stop()
    const recent = keepRecent(() => 'now')
    recent.add({ id: 'e-2', frame: { type: 'run_started', run_id: 'r' } }, 9)
    hub = newHub('e-2', recent)
    const ahead = page('a', { lastEventId: 'e-4' })
    send(3, 4, 5)
    expect(ahead.kinds()).toEqual(['e-5'])
  })

  it('says how it stands every few seconds, so that a page knows when it is gone', () => {
    const told: FromHub[] = []
    hub.said('a', { say: 'attach', lastEventId: null, isVisible: true }, (m) => told.push(m))
    const before = told.length
    vi.advanceTimersByTime(15_000)
    expect(told.length - before).toBeGreaterThanOrEqual(3)
  })
})
