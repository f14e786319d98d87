import { browserRim, nowAsText } from './browser-rim.ts'
import { createHub } from './hub.ts'
import type { OpenLink } from './link.ts'
import { keepRecent } from './recent.ts'

/** A hub of this page's own, where the browser lets pages share nothing. */
export const ownLink: OpenLink = (page, { told, attach, lastEventId }) => {
  const never = new Promise<void>(() => undefined)
  const hub = createHub(
    { ...browserRim, gone: () => never },
    { lastEventId: lastEventId(), recent: keepRecent(nowAsText) },
  )
  queueMicrotask(attach)
  return { say: (message) => hub.said(page, message, told), end: hub.stop }
}
