import type { Run } from '#contract/run.ts'
import { useRun } from '#viewer/stream/use-event-stream.ts'
import { orderOf } from './plan-order.ts'
import { Timelines } from './timelines.tsx'

/** What the stream said of a finished run beside what is on record, for who comes from the evidence. */
export function StreamAgainstRecord({
  run_id,
  verified,
}: {
  run_id: string
  verified: Run | null
}) {
  const { run } = useRun(run_id)
  if (!run) return null
  const known = verified ?? run.record ?? run.hint
  return <Timelines run={run} verified={verified} order={orderOf(known.plan)} />
}
