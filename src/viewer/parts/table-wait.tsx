import type { TableWait } from '#contract/provenance.ts'
import { RUN_STATUS } from '#contract/status.ts'
import type { ReactNode } from 'react'
import { Link } from 'wouter'
import { Glyph } from './glyph.tsx'
import { RunText } from './run-text.tsx'
import { ToldWord } from './told.tsx'

/** That a run has begun and cannot derive yet. On its own page it is the run. */
export function RunWaits({ wait, who }: { wait: TableWait; who: 'it' | 'the run' }) {
  const { run_id, table, held_by } = wait
  return (
    <p className="flex flex-wrap items-center gap-x-2 text-ink-2">
      <span className="text-waiting">
        <Glyph tone={RUN_STATUS.needs_input.tone} family="outcome" />
      </span>
      <span>
        {who === 'it' ? 'It' : <RunLink run_id={run_id}>A run</RunLink>} waits for the table{' '}
        <Link href={`/tables/${encodeURIComponent(table)}`} className="link">
          <RunText text={table} max={64} />
        </Link>{' '}
        until <RunLink run_id={held_by}>another run</RunLink> is done with it.
      </span>
      <ToldWord by="recorded" />
    </p>
  )
}

function RunLink({ run_id, children }: { run_id: string; children: ReactNode }) {
  return (
    <Link href={`/runs/${encodeURIComponent(run_id)}`} className="link" title={run_id}>
      {children}
    </Link>
  )
}
