import { FieldProgress } from '#viewer/parts/field-progress.tsx'
import { ToldWord } from '#viewer/parts/told.tsx'
import { Link } from 'wouter'
import type { Running } from './table-status.ts'

/** How far a field is, with the way to its run. */
export function RunningField({ running }: { running: Running }) {
  return (
    <FieldProgress name={running.field} running={running}>
      <Link href={`/runs/${encodeURIComponent(running.run_id)}`} className="link">
        the run
      </Link>
    </FieldProgress>
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
