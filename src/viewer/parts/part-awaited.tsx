import type { ReactNode } from 'react'
import { useIsPartAway } from './part.ts'

/** In the place of a part of the page that is fetched: says so where that cannot be had [CH4]. */
export function PartAwaited({ children }: { children: ReactNode }) {
  if (!useIsPartAway()) return children
  return (
    <output className="block max-w-prose pt-3 text-ink-2">
      This part of the page is not here yet: there is no network, or its server does not answer. It
      is asked for again every few seconds.
    </output>
  )
}
