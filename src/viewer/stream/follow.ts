import { formatPosition, frameName, type FrameName, parsePosition } from '#contract/frame.ts'
import { newest, receive } from '#live/board.ts'
import { CONNECTION, FIRST_CONNECTION } from '#live/connection.ts'
import type { LiveStore } from '#viewer/store.ts'
import type { FromHub, FromPage } from './hub.ts'

export type FollowRim = {
  /** As the hub's: it never goes back and goes on in a sleep. */
  monotonic: () => number
  wall: () => number
  isVisible: () => boolean
  /** Calls back when the next picture is drawn, or soon where none is. */
  beforeDrawing: (draw: () => void) => void
  /** Frames of these names came, or everything may have changed ('all': live anew, refused, or time to poll). */
  changed: (names: ReadonlySet<FrameName> | 'all') => void
  /** Nothing is heard of the hub. */
  lost: () => void
}

export type Following = {
  told: (message: FromHub) => void
  /** Id of the newest event that this page knows of. */
  lastEventId: () => string | null
  stop: () => void
}

/** How often the server is asked while its stream is away. */
const POLL_MS = 4000
const LOOK_EVERY_MS = 1000
/** The hub says something every 5 s. One in a page that nobody sees may do so only when it is spoken to. */
const HUB_ASKED_AFTER_MS = 7000
const HUB_LOST_AFTER_MS = 15_000
/** A look that is this much too late: the device slept, or its clock was set forward. */
const AWAY_MS = 5000
/** The device's clock was set back by at least so much. */
const SET_BACK_MS = 1000

/** Keeps `store` as the hub tells it: a batch of frames is one change of it, and one picture. */
export function follow(
  store: LiveStore,
  rim: FollowRim,
  say: (message: FromPage) => void,
): Following {
  let position: string | null = null
  let toldAt = rim.monotonic()
  let polledAt = toldAt
  let looked = { now: toldAt, wall: rim.wall() }
  // A hub waits until the batch before was drawn. One that takes over does not know, and pictures keep no order.
  const undrawn: (FromHub & { tell: 'received' })[] = []

  const take = ({ received, heardAt }: FromHub & { tell: 'received' }): void => {
    const names = new Set<FrameName>()
    let { latest } = store.getState()
    for (const event of received) {
      if (!('frame' in event)) continue
      const name = frameName(event.frame)
      names.add(name)
      latest = name
    }
    store.setState((state) => ({
      board: receive(state.board, received),
      latest,
      heardAt: later(state.heardAt, heardAt),
    }))
    if (names.size > 0) rim.changed(names)
  }

  /** What was noted by the device's clock, when that is another now. */
  const lookAtClock = (now: number): void => {
    const wall = rim.wall()
    const setBy = wall - looked.wall - (now - looked.now)
    const wasAway = now - looked.now > AWAY_MS
    looked = { now, wall }
    if (setBy < -SET_BACK_MS)
      store.setState(({ heardAt, offsetMs }) => ({
        heardAt: heardAt === null ? null : heardAt + setBy,
        offsetMs: offsetMs - setBy,
      }))
    if (wasAway && rim.isVisible()) rim.changed('all')
  }

  const looking = setInterval(() => {
    const now = rim.monotonic()
    lookAtClock(now)
    if (now - toldAt > HUB_ASKED_AFTER_MS) say({ say: 'there' })
    if (now - toldAt > HUB_LOST_AFTER_MS) {
      toldAt = now
      store.setState({ connection: FIRST_CONNECTION })
      rim.lost()
    }
    if (!CONNECTION[store.getState().connection.state].poll || !rim.isVisible()) return
    if (now - polledAt < POLL_MS) return
    polledAt = now
    rim.changed('all')
  }, LOOK_EVERY_MS)

  return {
    told: (message) => {
      toldAt = rim.monotonic()
      if (message.tell === 'received') {
        // Told is had, though it is drawn later: another hub must not tell it again.
        for (const { id } of message.received) position = newer(position, id)
        undrawn.push(message)
        return rim.beforeDrawing(() => {
          const oldest = undrawn.shift()
          if (oldest) take(oldest)
          say({ say: 'drawn' })
        })
      }
      const { connection, trial, heardAt } = message.standing
      const before = store.getState().connection.state
      position ??= message.lastEventId
      store.setState((state) => ({ connection, trial, heardAt: later(state.heardAt, heardAt) }))
      // What was missed meanwhile is asked for; a session that is over is shown as one.
      if (connection.state !== before && ASKS_ALL.has(connection.state)) rim.changed('all')
    },
    lastEventId: () => position,
    stop: () => clearInterval(looking),
  }
}

const ASKS_ALL: ReadonlySet<string> = new Set(['live', 'signed-out', 'refused'])

const later = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b)

function newer(known: string | null, id: string): string | null {
  const at = newest(known === null ? null : parsePosition(known), parsePosition(id))
  return at && formatPosition(at)
}
