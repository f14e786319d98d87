import { browserRim, nowAsText } from './browser-rim.ts'
import { createHub, type FromHub, type FromPage, type Hub } from './hub.ts'
import { keepRecent } from './recent.ts'

/* The hub of all pages of a browser. It lives as long as one of them does. */

export type ToWorker = { page: string; message: FromPage }

let hub: Hub | null = null

addEventListener('connect', (event) => {
  if (!(event instanceof MessageEvent)) return
  for (const port of event.ports) {
    const tell = (message: FromHub): void => port.postMessage(message)
    port.addEventListener('message', ({ data: { page, message } }: MessageEvent<ToWorker>) => {
      // A page that comes back from the browser's cache knows where the stream was left.
      if (message.say === 'attach')
        hub ??= createHub(browserRim, {
          lastEventId: message.lastEventId,
          recent: keepRecent(nowAsText),
        })
      hub?.said(page, message, tell)
    })
    port.start()
  }
})
