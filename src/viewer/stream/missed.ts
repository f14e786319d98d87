import { formatPosition } from '#contract/frame.ts'
import { statusQuery } from '#viewer/queries.ts'
import type { LiveStore } from '#viewer/store.ts'
import { type QueryClient, QueryObserver } from '@tanstack/react-query'

/** How often a stream that seems well is held against the server's status. */
const HELD_AGAINST_MS = 20_000
/** A frame may come this much later than an answer that is newer than it. */
const ON_ITS_WAY_MS = 1_000

/**
 * A stream that lost its newest frames looks like one on which nothing happens, and an id may lie. So the status is
 * asked from time to time: where its position and the stream's are not the same and no frame comes, `missed` is called,
 * once for each position.
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
  let timer: ReturnType<typeof setTimeout> | undefined
  const unsubscribe = status.subscribe(({ data }) => {
    if (data === undefined || data.stream.position === known) return
    const { position } = data.stream
    const { counts } = store.getState().board
    // Before the first answer nothing was on the screen that could be old.
    const isFirst = known === null
    known = position
    clearTimeout(timer)
    if (isFirst) return
    timer = setTimeout(() => {
      const { board } = store.getState()
      const came = board.counts.frames !== counts.frames
      const heard = board.position && formatPosition(board.position)
      if (!came && heard !== position) missed()
    }, ON_ITS_WAY_MS)
  })
  return () => {
    clearTimeout(timer)
    unsubscribe()
  }
}
