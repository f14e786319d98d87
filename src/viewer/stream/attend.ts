import type { LiveStore } from '#viewer/store.ts'
import { electedLink } from './elected.ts'
import { follow, type FollowRim } from './follow.ts'
import type { FromPage } from './hub.ts'
import type { Link, OpenLink } from './link.ts'
import { ownLink } from './own.ts'
import { holdPageLock } from './page-lock.ts'
import { sharedLink } from './shared.ts'

/**
 * Keeps `store` told by the one stream of this browser while the page is shown: attached when it is shown, also again
 * from the browser's cache, and detached when it is hidden for good, whatever becomes of it.
 */
export function attend(
  store: LiveStore,
  rim: Omit<FollowRim, 'lost'>,
): { say: (message: FromPage) => void; stop: () => void } {
  /** The first is taken, until it fails. */
  let links = linksOfThisBrowser()
  let showing: Showing | null = null

  const say = (message: FromPage): void => showing?.link?.say(message)

  const show = (): void => {
    if (showing !== null) return
    const page = pageName()
    const [open = ownLink, ...others] = links
    // The hub takes a page without its lock for gone.
    const { held, release } =
      open === ownLink ? { held: Promise.resolve(), release: () => undefined } : holdPageLock(page)
    const now: Showing = { link: null, release }
    showing = now
    // A browser may have what it then refuses: with its storage blocked, or within another's frame.
    const failed = (): void => {
      if (showing !== now) return
      links = others
      again()
    }
    void held
      .then(() => {
        if (showing === now) now.link = open(page, speaking(now, failed))
      })
      .catch(failed)
  }

  const speaking = (now: Showing, failed: () => void): Parameters<OpenLink>[1] => ({
    told: (message) => {
      if (showing === now) following.told(message)
    },
    attach: () => {
      const lastEventId = following.lastEventId()
      now.link?.say({ say: 'attach', lastEventId, isVisible: rim.isVisible() })
    },
    lastEventId: () => following.lastEventId(),
    failed,
  })

  const hide = (): void => {
    say({ say: 'leave' })
    showing?.link?.end()
    showing?.release()
    showing = null
  }

  const again = (): void => {
    hide()
    show()
  }

  const following = follow(
    store,
    {
      ...rim,
      lost: again,
    },
    say,
  )

  const seen = (): void => say({ say: 'visible', isVisible: rim.isVisible() })
  const online = (): void => say({ say: 'wake' })
  const offline = (): void => say({ say: 'offline' })
  addEventListener('pagehide', hide)
  addEventListener('pageshow', show)
  addEventListener('online', online)
  addEventListener('offline', offline)
  document.addEventListener('visibilitychange', seen)
  show()
  return {
    say,
    stop: () => {
      removeEventListener('pagehide', hide)
      removeEventListener('pageshow', show)
      removeEventListener('online', online)
      removeEventListener('offline', offline)
      document.removeEventListener('visibilitychange', seen)
      following.stop()
      hide()
    },
  }
}

type Showing = { link: Link | null; release: () => void }

// Locks are for secure contexts only; without them nobody could tell who is still there.
function linksOfThisBrowser(): readonly OpenLink[] {
  if (!('locks' in navigator)) return [ownLink]
  return 'SharedWorker' in window ? [sharedLink, electedLink, ownLink] : [electedLink, ownLink]
}

const pageName = (): string => {
  const random = crypto.getRandomValues(new Uint32Array(4))
  return [...random].map((part) => part.toString(16)).join('-')
}
