import { counted } from '#evidence/counted.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { duration } from '#viewer/parts/time.tsx'
import { ToldWord } from '#viewer/parts/told.tsx'
import { Link } from 'wouter'
import type { Running } from './table-status.ts'

/** How far a field is, as the server's status says it. What is left is said only where it was measured. */
export function FieldProgress({ running }: { running: Running }) {
  const { field, run_id, done, total, cells_per_second: rate, left_ms } = running
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 text-ink-2">
      <progress
        className="h-1.5 w-28 accent-active"
        max={Math.max(1, total)}
        value={done}
        aria-label={`Deriving ${field}`}
      />
      <span>
        <RunText text={field} max={64} />: {done.toLocaleString('en')} of {counted(total, 'cell')}
        {rate !== null && `, ${Math.round(rate).toLocaleString('en')} a second`}
        {left_ms !== null && `, about ${duration(left_ms, 1)} left`}
      </span>
      <Link href={`/runs/${encodeURIComponent(run_id)}`} className="link">
        the run
      </Link>
      <ToldWord by="recorded" />
    </div>
  )
}

/** The stream said that something is derived, and the status does not say what: a hint, and no more. */
export function HintedProgress() {
  return (
    <p className="flex flex-wrap items-center gap-x-3 text-ink-2">
      Something is being derived. <ToldWord by="hint" />
    </p>
  )
}
