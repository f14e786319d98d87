import { browserRim, nowAsText } from './browser-rim.ts'
import { createHub, type FromHub, type FromPage } from './hub.ts'
import type { OpenLink } from './link.ts'
import { keepRecent } from './recent.ts'

/*
 * Where there is no SharedWorker: the hub is in one of the pages, the one that has the lock. When that page ends, the
 * next one gets the lock, and goes on from what it has heard itself; the others attach to it from what they have.
 */

type Said =
  /** `attached`: how often the page has attached. */
  | { to: 'hub'; page: string; attached: number; message: FromPage }
  /** In answer to that time: what a hub of before still says to the page is said again by this one. */
  | { to: 'page'; page: string; attached: number; message: FromHub }
  /** There is a hub that knows nobody yet. */
  | { to: 'all' }

// Pages of one build understand each other: the name of this file has its digest.
const NAME = `runseal stream ${import.meta.url}`

export const electedLink: OpenLink = (page, { told, attach, lastEventId, failed }) => {
  const channel = new BroadcastChannel(NAME)
  const recent = keepRecent(nowAsText)
  const ended = new AbortController()
  let isHub = false
  let attached = 0

  channel.addEventListener('message', ({ data }: MessageEvent<Said>) => {
    if (data.to === 'all') return attach()
    if (data.to !== 'page' || data.page !== page || data.attached !== attached) return
    if (!isHub) keep(data.message)
    told(data.message)
  })

  // For pages that are behind this one, should it be the next to hold the stream.
  const keep = (message: FromHub): void => {
    if (message.tell === 'received')
      for (const one of message.received) recent.add(one, message.chars / message.received.length)
    else if (message.lastEventId !== null) recent.startAfter(message.lastEventId)
  }

  /** Until this page ends. A channel of its own: one does not hear itself, and this page asks as the others do. */
  const beHub = (): Promise<void> => {
    isHub = true
    const asked = new BroadcastChannel(NAME)
    const hub = createHub(browserRim, { lastEventId: lastEventId(), recent })
    asked.addEventListener('message', ({ data }: MessageEvent<Said>) => {
      if (data.to !== 'hub') return
      const { page, attached } = data
      hub.said(page, data.message, (message) =>
        asked.postMessage({ to: 'page', page, attached, message } satisfies Said),
      )
    })
    asked.postMessage({ to: 'all' } satisfies Said)
    return new Promise((resolve) => {
      const leave = (): void => {
        hub.stop()
        asked.close()
        resolve()
      }
      if (ended.signal.aborted) leave()
      else ended.signal.addEventListener('abort', leave)
    })
  }

  navigator.locks.request(NAME, { signal: ended.signal }, beHub).catch(() => {
    if (!ended.signal.aborted) failed()
  })
  queueMicrotask(attach)
  return {
    say: (message) => {
      if (message.say === 'attach') attached += 1
      channel.postMessage({ to: 'hub', page, attached, message } satisfies Said)
    },
    end: () => {
      ended.abort()
      channel.close()
    },
  }
}
