import type { HubRim } from './hub.ts'
import { pageGone } from './page-lock.ts'
import { fetchTransport } from './transport.ts'

/** What a hub reaches the world by, in a page and in a worker. */
export const browserRim: HubRim = {
  transport: fetchTransport('/events'),
  // Comparable between the pages and the worker: each counts from a start of its own.
  monotonic: () => performance.timeOrigin + performance.now(),
  wall: () => Date.now(),
  random: Math.random,
  isOnline: () => navigator.onLine,
  gone: pageGone,
}

export const nowAsText = (): string => new Date().toISOString()
