import { useStore } from 'zustand'
import { createStore } from 'zustand/vanilla'
import { type ComponentType, lazy, type LazyExoticComponent, useEffect } from 'react'
import { ENDPOINT } from '#contract/api.ts'
import { send } from '#viewer/api.ts'

/** The server answers, and what this page is made of is not there any more. Only a page that is loaded anew has its own. */
export class OutdatedPageError extends Error {
  constructor() {
    super('the server answers, but has this part of the page no more: Runseal was probably updated')
    this.name = 'OutdatedPageError'
  }
}

/** A part of the page that is fetched when it is first drawn, and asked for again while the server is away [CH4]. */
export function part<P>(
  load: () => Promise<ComponentType<P>>,
): LazyExoticComponent<ComponentType<P>> {
  return lazy(async () => ({ default: await fetched(load) }))
}

/** What is wanted when the server is away is fetched while it is there. */
export function useFetchedAhead(isThere: boolean, load: () => Promise<unknown>): void {
  useEffect(() => {
    if (isThere) void load().catch(() => null)
  }, [isThere, load])
}

/** Is a part waited for that cannot be had, since its server does not answer? */
export const useIsPartAway = (): boolean => useStore(away) > 0

const away = createStore<number>()(() => 0)

// What React is told once of a part it never asks again.
async function fetched<T>(load: () => Promise<T>): Promise<T> {
  let isAway = false
  const say = (isNow: boolean) => {
    if (isNow !== isAway) away.setState((count) => count + (isNow ? 1 : -1))
    isAway = isNow
  }
  try {
    for (let refused = 0; ;) {
      try {
        return await load()
      } catch {
        const isThere = await isServerThere()
        say(!isThere)
        refused = isThere ? refused + 1 : 0
        if (refused > MOST_REFUSALS) throw new OutdatedPageError()
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
      }
    }
  } finally {
    say(false)
  }
}

const isServerThere = (): Promise<boolean> =>
  send(ENDPOINT.healthz).then(
    () => true,
    () => false,
  )

const AGAIN_MS = 4_000
/** A server that has just come back may be asked between two of its words. */
const MOST_REFUSALS = 2
