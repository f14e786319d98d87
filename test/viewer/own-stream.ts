import type { LiveStore } from '#viewer/store.ts'
import { follow, type FollowRim } from '#viewer/stream/follow.ts'
import type { HoldRim } from '#viewer/stream/hold.ts'
import { createHub, type FromPage } from '#viewer/stream/hub.ts'
import { keepRecent } from '#viewer/stream/recent.ts'

type EventsRim = HoldRim & Omit<FollowRim, 'lost'>

/** A page with a hub of its own, as where nothing can be shared between pages, over whatever a test gives it as the world. */
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
