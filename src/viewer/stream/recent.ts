import { formatPosition, parsePosition, type StreamPosition } from '#contract/frame.ts'
import type { Received } from '#live/board.ts'

/** The newest events of the stream, in the order they came. `at` counts them, and is what a page's place is kept as. */
export type Recent = {
  /** What comes follows the event with this id. Means nothing once something came. */
  startAfter: (id: string) => void
  add: (received: Received, chars: number) => void
  /** Place after the newest. */
  end: () => number
  /** The place to go on from after the event with this id. `gap`: what lies between is here no more. */
  after: (id: string) => { at: number; gap: Received | null }
  /** At most so many events from a place on; `gap` where the first of them are here no more. */
  from: (
    at: number,
    most: number,
  ) => { events: Received[]; chars: number; next: number; gap: Received | null }
  /** Forgets all, as if it had been too much. */
  clear: () => void
}

/** Bounded by both: frames are short, but only by their server's good will. */
const MOST = { events: 32_768, chars: 8 * 1024 * 1024 }

export function keepRecent(now: () => string, most = MOST): Recent {
  const kept: { received: Received; chars: number }[] = []
  let first = 0
  let chars = 0
  /** Newest position of what is here no more. */
  let lost: StreamPosition | null = null

  // Told as the server tells its own gaps: with the id of the last frame that is missed.
  const gap = (after: StreamPosition | null): Received => {
    const isSame = after !== null && after.epoch === lost?.epoch
    const from = isSame ? formatPosition({ ...after, seq: after.seq + 1 }) : null
    const last = lost ?? after
    const to = last === null ? '' : formatPosition(last)
    return { id: to, frame: { kind: 'stream.gap', ts: now(), from, to } }
  }

  const isTooMuch = (): boolean =>
    kept.length > most.events || (chars > most.chars && kept.length > 1)

  const forget = (): boolean => {
    const oldest = kept.shift()
    if (oldest === undefined) return false
    chars -= oldest.chars
    first += 1
    lost = parsePosition(oldest.received.id) ?? lost
    return true
  }

  return {
    startAfter: (id) => {
      if (first + kept.length === 0) lost ??= parsePosition(id)
    },
    add: (received, size) => {
      kept.push({ received, chars: size })
      chars += size
      while (isTooMuch()) forget()
    },
    end: () => first + kept.length,
    after: (id) => {
      const at = parsePosition(id)
      const index = kept.findLastIndex(
        ({ received }) => received.id === id || isUpTo(at, received.id),
      )
      if (index !== -1) return { at: first + index + 1, gap: null }
      const isHere = at !== null && at.epoch === lost?.epoch && at.seq >= lost.seq
      return { at: first, gap: isHere ? null : gap(at) }
    },
    from: (at, most) => {
      const start = Math.max(at, first)
      const part = kept.slice(start - first, start - first + most)
      return {
        events: part.map(({ received }) => received),
        chars: part.reduce((sum, { chars }) => sum + chars, 0),
        next: start + part.length,
        gap: at < first ? gap(null) : null,
      }
    },
    clear: () => {
      while (forget());
    },
  }
}

/** `id` is that of the event at `at`, or of one before it. */
function isUpTo(at: StreamPosition | null, id: string): boolean {
  const other = parsePosition(id)
  return at !== null && other?.epoch === at.epoch && other.seq <= at.seq
}
