import { formatPosition } from '#contract/frame.ts'
import { statusQuery } from '#viewer/queries.ts'
import type { LiveStore } from '#viewer/store.ts'
import { type QueryClient, QueryObserver } from '@tanstack/react-query'

/** How often a stream that seems well is held against the server's status. */
const HELD_AGAINST_MS = 20_000
/** An answer may have been an old one: after so long everything on the screen is asked for again. */
const BELIEVED_MS = 60_000
/** A frame may come this much later than an answer that is newer than it. */
const ON_ITS_WAY_MS = 1_000

/**
 * A stream that lost its newest frames looks like one on which nothing happens, and an id may lie. So the status is
 * asked from time to time: where its position and the stream's are not the same and no frame comes, `missed` is called,
 * once for each position; and once a minute in any case.
 */
export function watchForMissed(
  client: QueryClient,
  store: LiveStore,
  missed: () => void,
): () => void {
  const status = new QueryObserver(client, {
    ...statusQuery,
    refetchInterval: HELD_AGAINST_MS,
  })
  let known: string | null = null
  let askedAt: number | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  const unsubscribe = status.subscribe(({ data, dataUpdatedAt }) => {
    if (data === undefined) return
    askedAt ??= dataUpdatedAt
    if (dataUpdatedAt - askedAt >= BELIEVED_MS) {
      askedAt = dataUpdatedAt
      missed()
    }
    const { position } = data.stream
    if (position === known) return
    // Before the first answer nothing was on the screen that could be old.
    const isFirst = known === null
    known = position
    clearTimeout(timer)
    if (isFirst) return
    const { frames } = store.getState().board.counts
    timer = setTimeout(() => {
      const { board } = store.getState()
      const heard = board.position && formatPosition(board.position)
      if (board.counts.frames === frames && heard !== position) missed()
    }, ON_ITS_WAY_MS)
  })
  return () => {
    clearTimeout(timer)
    unsubscribe()
  }
}
