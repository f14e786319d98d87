import type { HubRim } from './hub.ts'
import { pageGone } from './page-lock.ts'
import { steadyClock } from './steady-clock.ts'
import { fetchTransport } from './transport.ts'

/** What a hub reaches the world by, in a page and in a worker. */
export const browserRim: HubRim = {
  transport: fetchTransport('/events'),
  monotonic: steadyClock(() => performance.now(), Date.now),
  wall: () => Date.now(),
  random: Math.random,
  isOnline: () => navigator.onLine,
  gone: pageGone,
}

export const nowAsText = (): string => new Date().toISOString()
