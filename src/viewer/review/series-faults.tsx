import type { SeriesFault } from '#evidence/series.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { useMemo, useState } from 'react'
import { type FaultRow, groupsOf } from './fault-groups.ts'
import { MOST_NAMED } from './unread-records.tsx'

/** What is wrong with records, each fault with its sentence, and many of one kind with one. `server`: where several keys are told apart. */
export function Faults({
  faults,
  server = null,
}: {
  faults: readonly SeriesFault[]
  server?: string | null
}) {
  const groups = useMemo(() => groupsOf(faults), [faults])
  const [shown, setShown] = useState(MOST_NAMED)
  if (groups.length === 0) return null
  return (
    <div className="flex flex-col items-start gap-2">
      {server !== null && (
        <p className="text-ink-2">
          Sealed by the key <Fingerprint hex={server} short />
        </p>
      )}
      <ul className="flex w-full list-disc flex-col gap-1 pl-5">
        {groups.slice(0, shown).map(({ fault, message, rows }, index) => (
          <li key={index}>
            <strong>{FAULT[fault]}.</strong> <RunText text={message} max={600} />
            {rows.length > 0 && <Records rows={rows} of={FAULT[fault]} />}
          </li>
        ))}
      </ul>
      {groups.length > shown && (
        <button type="button" className="button" onClick={() => setShown(shown + MOST_NAMED)}>
          Show {Math.min(MOST_NAMED, groups.length - shown).toLocaleString('en')} more of{' '}
          {groups.length.toLocaleString('en')}
        </button>
      )}
    </div>
  )
}

/** The ids that a sentence over many of them leaves out. */
function Records({ rows, of }: { rows: readonly FaultRow[]; of: string }) {
  const [open, setOpen] = useState(false)
  return (
    <details className="mt-1" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>Which records</summary>
      {open && (
        <div className="mt-1 rounded-md border border-line bg-paper max-sm:-ml-5">
          <VirtualList
            label={`${of}: which records`}
            count={rows.length}
            rowPx={rows.some(({ now }) => now !== null) ? TWO_LINES_PX : ONE_LINE_PX}
            className={rows.length > 8 ? 'h-72' : ''}
            renderRow={(index) => {
              const one = rows[index]
              return (
                one && (
                  <p className="flex h-full items-center gap-x-2 border-b border-line px-2 sm:px-3">
                    <span className="min-w-10 shrink-0 sm:min-w-16 text-ink-3">
                      #{one.seal_seq}
                    </span>
                    <span className="flex min-w-0 flex-col font-mono text-xs">
                      <code className="truncate">{one.evidence_id}</code>
                      {one.now !== null && (
                        <code className="truncate text-ink-2">now {one.now}</code>
                      )}
                    </span>
                  </p>
                )
              )
            }}
          />
        </div>
      )}
    </details>
  )
}

const ONE_LINE_PX = 32
const TWO_LINES_PX = 48

/** What is no fault, and open all the same. */
export function CannotBeTold({ said }: { said: readonly string[] }) {
  if (said.length === 0) return null
  return (
    <div className="flex flex-col gap-1">
      <h3 className="font-medium">What cannot be told</h3>
      <ul className="flex list-disc flex-col gap-1 pl-5">
        {said.slice(0, MOST_NAMED).map((one, index) => (
          <li key={index}>
            <RunText text={one} max={600} />
          </li>
        ))}
        {said.length > MOST_NAMED && (
          <li>and {(said.length - MOST_NAMED).toLocaleString('en')} more</li>
        )}
      </ul>
    </div>
  )
}

const FAULT = {
  missing: 'Missing',
  forked: 'Forked',
  resealed: 'Sealed anew',
  replaced: 'Another in its place',
  mislisted: 'Listed otherwise',
  misplaced: 'Out of place',
  repeated: 'Answered twice',
  lineage: 'Repeated otherwise',
} as const satisfies Record<SeriesFault['fault'], string>
