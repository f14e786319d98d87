import { parsePosition, type StreamPosition } from '#contract/frame.ts'
import type { Received } from '#live/board.ts'
import { type HoldRim, holdStream, type Standing } from './hold.ts'
import type { Recent } from './recent.ts'

/*
 * One stream for all pages of a browser. Each page has a place in the recent events and gets the next batch when it
 * has drawn the one before: a page that is busy, frozen or gone costs nothing, and loses what the ring forgets,
 * which it is told as a gap.
 */

/** What a page says to the hub. */
export type FromPage =
  /** From now on, or from the event after `lastEventId`. Again: from there. */
  | { say: 'attach'; lastEventId: string | null; isVisible: boolean }
  | { say: 'drawn' }
  | { say: 'visible'; isVisible: boolean }
  | { say: 'leave' }
  /** Nothing was heard of the hub: timers of a page that nobody sees may stand still, messages do not. */
  | { say: 'there' }
  /** Try at once: the browser is online again, or the person asks. */
  | { say: 'wake' }
  | { say: 'offline' }
  /** A question to the server was answered, or not. */
  | { say: 'polled'; ok: boolean }
  /** Somebody signed in or out: the stream of before was another's. */
  | { say: 'renewed' }

/** What the hub says to a page. */
export type FromHub =
  /** Every few seconds at least: a page that does not hear it knows that the hub is gone. */
  | { tell: 'standing'; standing: Standing; lastEventId: string | null }
  | { tell: 'received'; received: readonly Received[]; chars: number; heardAt: number | null }

export type HubRim = HoldRim & {
  /** Resolves when the page is no more, also where it went without a word. */
  gone: (page: string) => Promise<void>
}

export type Hub = {
  /** What `page` says; `tell` reaches it. */
  said: (page: string, message: FromPage, tell: (message: FromHub) => void) => void
  stop: () => void
}

/** A page that is hidden for so long with all the others is not looked at. */
const UNWATCHED_AFTER_MS = 10 * 60_000
const STANDING_EVERY_MS = 5000
/** Most events that a page takes in one go, so that it stays quick. */
const MAX_BATCH = 2048

type Page = {
  tell: (message: FromHub) => void
  at: number
  gap: Received | null
  /** What it has heard from the hub before this one: the stream may say it again. */
  heard: StreamPosition | null
  /** A batch is on its way to it. */
  busy: boolean
  isVisible: boolean
}

/**
 * `lastEventId`: what the stream is taken up again after. `recent`: what this page has of the stream already, for pages
 * that are behind it; the hub goes on with it.
 */
export function createHub(
  rim: HubRim,
  { lastEventId, recent }: { lastEventId: string | null; recent: Recent },
): Hub {
  const pages = new Map<string, Page>()
  let hiddenSince: number | null = null
  if (lastEventId !== null) recent.startAfter(lastEventId)

  const holder = holdStream(rim, lastEventId, {
    begins: recent.startAfter,
    received: (received, chars) => {
      for (const one of received) recent.add(one, chars / received.length)
      if (received.length > 0) for (const page of pages.values()) serve(page)
    },
    stood: () => {
      // What was heard in a session is for who was in it.
      if (holder.standing().connection.state === 'signed-out') recent.clear()
      for (const page of pages.values()) tellStanding(page)
    },
  })

  const serve = (page: Page): void => {
    if (page.busy) return
    const { events, chars, next, gap } = recent.from(page.at, MAX_BATCH)
    const missed = page.gap ?? gap
    const unheard = events.filter(({ id }) => !isHeard(id, page.heard))
    page.at = next
    if (unheard.length === 0 && missed === null)
      return page.at < recent.end() ? serve(page) : undefined
    page.gap = null
    page.heard = null
    page.busy = true
    page.tell({
      tell: 'received',
      received: missed === null ? unheard : [missed, ...unheard],
      chars,
      heardAt: holder.standing().heardAt,
    })
  }

  const tellStanding = ({ tell }: Page): void =>
    tell({ tell: 'standing', standing: holder.standing(), lastEventId: holder.lastEventId() })

  const attach = (
    name: string,
    { lastEventId, isVisible }: FromPage & { say: 'attach' },
    tell: (message: FromHub) => void,
  ): void => {
    if (!pages.has(name)) void rim.gone(name).then(() => leave(name))
    const place = lastEventId === null ? { at: recent.end(), gap: null } : recent.after(lastEventId)
    const heard = lastEventId === null ? null : parsePosition(lastEventId)
    const page = { tell, ...place, heard, busy: false, isVisible }
    pages.set(name, page)
    wake()
    tellStanding(page)
    serve(page)
  }

  const wake = (): void => {
    if (isLookedAt()) holder.happened({ type: 'wake', now: rim.monotonic() })
  }

  const leave = (name: string): void => {
    pages.delete(name)
    look()
  }

  // Nobody looks where no page is, and where all have been hidden for long.
  const isLookedAt = (): boolean => {
    const now = rim.monotonic()
    const isSeen = [...pages.values()].some(({ isVisible }) => isVisible)
    hiddenSince = isSeen ? null : (hiddenSince ?? now)
    return pages.size > 0 && (hiddenSince === null || now - hiddenSince <= UNWATCHED_AFTER_MS)
  }

  const look = (): void => {
    if (!isLookedAt()) holder.happened({ type: 'unwatched' })
  }

  const standing = setInterval(() => {
    look()
    for (const page of pages.values()) tellStanding(page)
  }, STANDING_EVERY_MS)

  return {
    said: (name, message, tell) => {
      if (message.say === 'attach') return attach(name, message, tell)
      const page = pages.get(name)
      if (page === undefined) return
      switch (message.say) {
        case 'drawn':
          page.busy = false
          return serve(page)
        case 'visible':
          page.isVisible = message.isVisible
          look()
          return message.isVisible ? wake() : undefined
        case 'leave':
          return leave(name)
        case 'there':
          holder.look()
          return tellStanding(page)
        case 'wake':
          return wake()
        case 'offline':
          return holder.happened({ type: 'went-offline', now: rim.monotonic() })
        case 'polled':
          return holder.happened({ type: 'polled', ok: message.ok })
        case 'renewed':
          recent.clear()
          return holder.happened({ type: 'renewed', now: rim.monotonic() })
      }
    },
    stop: () => {
      clearInterval(standing)
      holder.stop()
    },
  }
}

function isHeard(id: string, heard: StreamPosition | null): boolean {
  const at = heard && parsePosition(id)
  return at?.epoch === heard?.epoch && at !== null && heard !== null && at.seq <= heard.seq
}
