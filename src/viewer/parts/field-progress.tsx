import type { FieldStatus } from '#contract/provenance.ts'
import { counted } from '#evidence/counted.ts'
import type { ReactNode } from 'react'
import { useStandsStill } from './clock.tsx'
import { RunText } from './run-text.tsx'
import { duration } from '#contract/duration.ts'
import { AsRecorded } from './told.tsx'

/** How far a field is, as the server's status says it. What is left is said only where it was measured. */
export function FieldProgress({
  name,
  running: { done, total, cells_per_second: rate, left_ms },
  children,
}: {
  name: string
  running: NonNullable<FieldStatus['running']>
  /** The way to what is not on this page. */
  children?: ReactNode
}) {
  // Of a server that is not heard nobody knows how fast it goes on, or whether.
  const isSilent = useStandsStill()
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-2">
      <progress
        className="h-1.5 w-28 text-active"
        max={Math.max(1, total)}
        value={done}
        aria-label={`Deriving ${name}`}
      />
      <span>
        <RunText text={name} max={140} />: {done.toLocaleString('en')} of {counted(total, 'cell')}
        {rate !== null && !isSilent && `, ${Math.round(rate).toLocaleString('en')} a second`}
        {left_ms !== null && !isSilent && `, about ${duration(left_ms, 1)} left`}
      </span>
      {children}
      <AsRecorded />
    </div>
  )
}
