import { statusQuery } from '#viewer/queries.ts'
import { type Live, type LiveStore, live, useLive, withClock } from '#viewer/store.ts'
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { askRun } from './ask-run.ts'
import { attend } from './attend.ts'
import type { FromPage } from './hub.ts'
import { watchForMissed } from './missed.ts'
import { keepRecords, type Records } from './records.ts'
import { createRefresh } from './refresh.ts'
import { steadyClock } from './steady-clock.ts'

const wall = () => Date.now()
const monotonic = steadyClock(() => performance.now(), wall)

const records: Records = keepRecords(live, { ask: askRun(), monotonic, wall })

/**
 * Holds this page to the one stream of the browser while the component is mounted, and answers its state. Everything
 * that the stream says is in the live store; what it makes old in the queries is asked again.
 */
export function useEventStream(): Live['connection'] {
  const client = useQueryClient()
  useEffect(() => {
    const refresh = createRefresh(client)
    const attending = attend(live, {
      monotonic,
      wall,
      isVisible: () => document.visibilityState === 'visible',
      beforeDrawing,
      changed: (names) => {
        refresh.changed(names)
        if (names === 'all') records.again()
      },
    })
    say = attending.say
    const forget = listenToStatus(client, live)
    const unwatch = watchForMissed(client, live, () => {
      refresh.changed('all')
      records.again()
    })
    return () => {
      forget()
      unwatch()
      attending.stop()
      refresh.stop()
      say = () => undefined
    }
  }, [client])
  return useLive((state) => state.connection)
}

/** A run on both timelines, its record kept as new as the hints; null before anything is known. */
export function useRun(run_id: string) {
  useEffect(() => records.watch(run_id), [run_id])
  const run = useLive((state) => state.board.runs.get(run_id) ?? null)
  const failed = useLive((state) => state.failed.get(run_id) ?? null)
  return { run, failed, again: () => records.again(run_id) }
}

/** Tries the stream at once. */
export function reconnect(): void {
  say({ say: 'wake' })
}

/** Somebody signed in or out: the stream is asked for anew, for all pages. */
export function renewStream(): void {
  say({ say: 'renewed' })
}

let say: (message: FromPage) => void = () => undefined

/** Longest that a batch of frames waits to be drawn: a page that is not drawn takes it all the same. */
const UNDRAWN_MS = 250

let mayDrawAt = 0

// A picture that took long is followed by a pause of twice as long: whoever types or scrolls meanwhile comes first.
function beforeDrawing(draw: () => void): void {
  const now = (): void => {
    cancelAnimationFrame(picture)
    clearTimeout(timer)
    const began = performance.now()
    draw()
    // After what React draws of it, which it does in a microtask of its own.
    queueMicrotask(() => {
      const ended = performance.now()
      mayDrawAt = ended + 2 * (ended - began) - A_PICTURE_MS
    })
  }
  const next = (): void => {
    if (performance.now() >= mayDrawAt) now()
    else picture = requestAnimationFrame(next)
  }
  let picture = requestAnimationFrame(next)
  const timer = setTimeout(now, document.visibilityState === 'visible' ? UNDRAWN_MS : 0)
}

const A_PICTURE_MS = 16

// Every answer of the status is a sign of life, with the server's clock in it; none is a sign too.
function listenToStatus(client: QueryClient, store: LiveStore): () => void {
  let answeredAt = 0
  let failedAt = 0
  return client.getQueryCache().subscribe(() => {
    const state = client.getQueryState(statusQuery.queryKey)
    if (state === undefined) return
    if (state.errorUpdatedAt > failedAt) {
      failedAt = state.errorUpdatedAt
      say({ say: 'polled', ok: false })
    }
    const { data: status, dataUpdatedAt } = state
    if (!status || dataUpdatedAt <= answeredAt) return
    answeredAt = dataUpdatedAt
    say({ say: 'polled', ok: true })
    store.setState((state) => withClock(state, status.server.now, wall()))
  })
}
