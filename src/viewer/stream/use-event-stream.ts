import { fetchRun, statusQuery } from '#viewer/queries.ts'
import { type Live, type LiveStore, live, useLive, withClock } from '#viewer/store.ts'
import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { type EventsRim, startEvents } from './events.ts'
import { keepRecords, type Records } from './records.ts'
import { createRefresh } from './refresh.ts'
import { fetchTransport } from './transport.ts'

const monotonic = () => performance.now()
const wall = () => Date.now()

const records: Records = keepRecords(live, { ask: fetchRun, monotonic, wall })

/**
 * Holds this page's one connection to the stream while the component is mounted, and answers its state. Everything
 * that the stream says is in the live store; what it makes old in the queries is asked again.
 */
export function useEventStream(): Live['connection'] {
  const client = useQueryClient()
  useEffect(() => {
    const refresh = createRefresh(client)
    const events = startEvents(live, {
      transport: fetchTransport('/events'),
      monotonic,
      wall,
      random: Math.random,
      changed: (names) => {
        refresh.changed(names)
        if (names === 'all') records.again()
      },
    } satisfies EventsRim)
    wake = events.wake
    const seen = () => {
      if (document.visibilityState === 'visible') events.wake()
    }
    const forget = listenToClock(client, live)
    addEventListener('online', events.wake)
    addEventListener('offline', events.offline)
    document.addEventListener('visibilitychange', seen)
    return () => {
      removeEventListener('online', events.wake)
      removeEventListener('offline', events.offline)
      document.removeEventListener('visibilitychange', seen)
      forget()
      events.stop()
      refresh.stop()
      wake = () => undefined
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
  wake()
}

let wake: () => void = () => undefined

// Every answer of the status is a sign of life, with the server's clock in it.
function listenToClock(client: QueryClient, store: LiveStore): () => void {
  let answeredAt = 0
  return client.getQueryCache().subscribe(() => {
    const { data: status, dataUpdatedAt } = client.getQueryState(statusQuery.queryKey) ?? {}
    if (!status || dataUpdatedAt === undefined || dataUpdatedAt <= answeredAt) return
    answeredAt = dataUpdatedAt
    store.setState((state) => withClock(state, status.server.now, wall()))
  })
}
