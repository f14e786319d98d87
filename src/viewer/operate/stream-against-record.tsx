import { ErrorWords } from '#viewer/parts/failure.tsx'
import { newRun } from '#live/reduce.ts'
import { useBlocksInSight } from '#viewer/parts/blocks-in-sight.ts'
import { factsQuery, PAGE_ROWS } from '#viewer/record-queries.ts'
import { useLive } from '#viewer/store.ts'
import { useRun } from '#viewer/stream/use-event-stream.ts'
import { useQueries, useQuery } from '@tanstack/react-query'
import { useDeferredValue, useMemo } from 'react'
import { FactTable } from './fact-table.tsx'
import { orderOf } from './plan-order.ts'
import { Timelines } from './timelines.tsx'

/** What the stream said of a finished run beside what the server has on record, where no envelope may be believed. */
export function StreamAgainstRecord({ run_id }: { run_id: string }) {
  const { run } = useRun(run_id)
  if (!run) return null
  const known = run.record ?? run.hint
  return <Timelines run={run} verified={null} order={orderOf(known.plan)} />
}

/** The same beside a verified envelope. It stays in the worker that verified it, which is told what the stream said. */
export function StreamAgainstEnvelope({
  document,
  head,
  run_id,
}: {
  document: string
  head: string
  run_id: string
}) {
  const silent = useMemo(() => newRun(run_id), [run_id])
  const said = useLive((state) => state.board.runs.get(run_id)?.hint ?? silent)
  const hint = useDeferredValue(said)
  const { blocks, onRange } = useBlocksInSight(PAGE_ROWS)
  // The first block is asked for wherever one reads: the list stands by its counts while others come.
  const first = useQuery(factsQuery(document, head, hint, 0))
  const pages = useQueries({
    queries: blocks.map((block) => factsQuery(document, head, hint, block)),
  })
  const failed = [first, ...pages].find(({ isError }) => isError)
  const known = [...pages, first].flatMap(({ data }) => data ?? [])
  if (failed) return <ErrorWords error={failed.error} className="card p-4" />
  if (!first.data) return <div className="card h-40" />
  const at = (index: number) =>
    known.find(({ from, rows }) => from <= index && index < from + rows.length)
  return (
    <FactTable
      facts={{
        ...first.data,
        at: (index) => {
          const page = at(index)
          return page?.rows[index - page.from]
        },
      }}
      isEnded
      foldsSilence
      // A sealed record is whole: no frame has more of this run.
      isFilled={() => true}
      onRange={onRange}
    />
  )
}
