import type { LiveStore } from '#viewer/store.ts'
import { follow, type FollowRim } from './follow.ts'
import type { HoldRim } from './hold.ts'
import { createHub, type FromPage } from './hub.ts'
import { keepRecent } from './recent.ts'

export type EventsRim = HoldRim & Omit<FollowRim, 'lost'>

/** A page with a hub of its own: where nothing can be shared between pages, and where a test looks at both. */
export function startEvents(
  store: LiveStore,
  rim: EventsRim,
): { say: (message: FromPage) => void; stop: () => void } {
  const never = new Promise<void>(() => undefined)
  const now = () => new Date(rim.wall()).toISOString()
  const hub = createHub(
    { ...rim, gone: () => never },
    { lastEventId: null, recent: keepRecent(now) },
  )
  const say = (message: FromPage): void => hub.said('this', message, following.told)
  const following = follow(store, { ...rim, lost: () => undefined }, say)
  say({ say: 'attach', lastEventId: null, isVisible: rim.isVisible() })
  return {
    say,
    stop: () => {
      following.stop()
      hub.stop()
    },
  }
}
