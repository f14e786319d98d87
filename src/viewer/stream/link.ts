import type { FromHub, FromPage } from './hub.ts'

/** The way of one showing of a page to the hub of all pages. */
export type Link = {
  say: (message: FromPage) => void
  /** The page is not shown any more: it has left already. */
  end: () => void
}

/** `attach`: says where the page is; called whenever there is a hub that does not know. `failed`: not in this browser. */
export type OpenLink = (
  page: string,
  on: {
    told: (message: FromHub) => void
    attach: () => void
    lastEventId: () => string | null
    failed: () => void
  },
) => Link
