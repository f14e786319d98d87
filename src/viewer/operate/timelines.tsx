import type { Run } from '#contract/run.ts'
import type { TwoTimelines } from '#live/board.ts'
import { isFilled } from '#live/gaps.ts'
import { useLive } from '#viewer/store.ts'
import { useDeferredValue, useMemo } from 'react'
import { FactTable } from './fact-table.tsx'
import { factList } from './two-timelines.ts'

/** The timelines of a run that this page has whole. */
export function Timelines({
  run,
  verified,
  order,
}: {
  run: TwoTimelines
  verified: Run | null
  order: readonly string[]
}) {
  const position = useLive((state) => state.board.position)
  // The run's state comes first: while much happens, its facts are a picture behind.
  const { hint, record } = useDeferredValue(run)
  const facts = useMemo(
    () => factList(hint, record, verified, order),
    [hint, record, verified, order],
  )
  return (
    <FactTable
      facts={facts}
      isEnded={Boolean(run.record?.ended)}
      isFilled={(gap) => isFilled(gap, run, position)}
    />
  )
}
