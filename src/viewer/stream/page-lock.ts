/*
 * A page holds a lock of its own while it is shown. The browser lets go of it however the page ends, also by a crash:
 * whoever gets it knows that the page is gone.
 */

/** Holds the lock of this page until `release`; `held` resolves when it is, and rejects where the browser refuses locks. */
export function holdPageLock(page: string): { held: Promise<void>; release: () => void } {
  const released = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  navigator.locks
    .request(nameOf(page), () => {
      held.resolve()
      return released.promise
    })
    .catch(held.reject)
  return { held: held.promise, release: released.resolve }
}

/** Resolves when `page` is no more. To be asked once the page has its lock. */
export async function pageGone(page: string): Promise<void> {
  await navigator.locks.request(nameOf(page), () => undefined)
}

const nameOf = (page: string): string => `runseal page ${page}`
