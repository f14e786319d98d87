import { environmentManager, InfiniteQueryObserver, QueryObserver } from '@tanstack/react-query'
import type { Run } from '#contract/run.ts'
import { replay } from '#live/replay.ts'
import { sha256 } from '#evidence/digest.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { fetchEnvelope, gatesQuery, runsQuery, statusQuery } from '#viewer/queries.ts'
import { verdictQuery } from '#viewer/record-queries.ts'
import { createClient } from '#viewer/query-client.ts'
import { createLive, type LiveStore } from '#viewer/store.ts'
import { startEvents } from '#test/viewer/own-stream.ts'
import { fetchRun } from '#viewer/stream/fetch-run.ts'
import { watchForMissed } from '#viewer/stream/missed.ts'
import { keepRecords } from '#viewer/stream/records.ts'
import { createRefresh } from '#viewer/stream/refresh.ts'
import { fetchTransport } from '#viewer/stream/transport.ts'
import type { World } from './recorded-world.ts'

/** All of an open page but its drawing: the store, the stream, the records of every run, the lists and the verdicts. */
export type OpenPage = {
  store: LiveStore
  lists: () => { runs: unknown; gates: unknown; counts: unknown }
  verified: (run_id: string) => Run | null
  close: () => void
}

export function openPage(world: World, random: () => number): OpenPage {
  // Node is no server here.
  environmentManager.setIsServer(() => false)
  const store = createLive()
  const client = createClient()
  const clocks = { monotonic: () => Date.now(), wall: () => Date.now() }
  const records = keepRecords(store, { ask: fetchRun, ...clocks })
  const refresh = createRefresh(client)
  const events = startEvents(store, {
    transport: fetchTransport('http://localhost/events'),
    ...clocks,
    random,
    isOnline: () => true,
    isVisible: () => true,
    beforeDrawing: (draw) => draw(),
    changed: (names) => {
      refresh.changed(names)
      if (names === 'all') records.again()
    },
  })
  const unwatch = watchForMissed(client, store, () => {
    refresh.changed('all')
    records.again()
  })
  const stops: (() => void)[] = world.runs.map(({ run_id }) => records.watch(run_id))
  const runs = new InfiniteQueryObserver(client, runsQuery({ status: '', definition: '', q: '' }))
  const gates = new InfiniteQueryObserver(client, gatesQuery('open'))
  const status = new QueryObserver(client, statusQuery)
  for (const observer of [status]) stops.push(observer.subscribe(() => undefined))
  for (const observer of [runs, gates]) stops.push(observer.subscribe(() => undefined))

  // As the run page does: the envelope that the record names, verified as the one of this run.
  const verdicts = new Map<string, QueryObserver<Run | null>>()
  const verdictOf = (run_id: string, evidence_id: string) =>
    new QueryObserver<Run | null>(client, {
      queryKey: [...verdictQuery(evidence_id, run_id).queryKey],
      queryFn: async ({ signal }) => {
        const bytes = new Uint8Array(await fetchEnvelope(evidence_id, signal))
        return await verifiedRun(world, bytes, { evidence_id, run_id })
      },
      staleTime: Number.POSITIVE_INFINITY,
    })
  stops.push(
    store.subscribe(({ board }) => {
      for (const [run_id, { record }] of board.runs)
        if (record?.sealed && !verdicts.has(run_id)) {
          const observer = verdictOf(run_id, record.sealed.evidence_id)
          verdicts.set(run_id, observer)
          stops.push(observer.subscribe(() => undefined))
        }
    }),
  )

  const itemsOf = (observer: typeof runs | typeof gates) =>
    observer.getCurrentResult().data?.pages.flatMap<unknown>(({ items }) => items)
  return {
    store,
    lists: () => ({
      runs: itemsOf(runs),
      gates: itemsOf(gates),
      counts: status.getCurrentResult().data?.runs,
    }),
    verified: (run_id) => verdicts.get(run_id)?.getCurrentResult().data ?? null,
    close: () => {
      for (const stop of stops) stop()
      unwatch()
      events.stop()
      records.stop()
      refresh.stop()
      client.clear()
    },
  }
}

const verifiedBefore = new Map<string, Run | null>()

// The same bytes and the same question have the same verdict: it is made once for all histories.
async function verifiedRun(
  { trust }: World,
  bytes: Uint8Array,
  asked: { evidence_id: string; run_id: string },
): Promise<Run | null> {
  const question = `${sha256(bytes)} ${JSON.stringify(asked)}`
  const before = verifiedBefore.get(question)
  if (before !== undefined) return before
  const { envelope } = await verifyEnvelope(bytes, { trust: [trust], asked })
  const run = envelope && replay(envelope)
  verifiedBefore.set(question, run)
  return run
}
