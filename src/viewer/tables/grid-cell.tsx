import type { GridCell, TableRecord } from '#contract/provenance.ts'
import { CELL_STATE, type Tone } from '#contract/status.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { State } from '#viewer/parts/state.tsx'
import { memo } from 'react'
import { valueSaid } from './value-said.ts'

const MAX_CHARS = 120

/** A derived cell: its state by shape, colour and word, and its value. */
export const DerivedCell = memo(function DerivedCell({
  cell,
  isPrivate,
  isNumber,
}: {
  cell: GridCell | undefined
  isPrivate: boolean
  isNumber: boolean
}) {
  if (!cell) return <span className="text-ink-3">—</span>
  return (
    <span className="flex min-w-0 grow items-center gap-1.5">
      <span className={`flex ${cell.state === 'fresh' ? 'opacity-60' : ''}`}>
        <State of={CELL_STATE[cell.state]} wordless />
      </span>
      <span className={`truncate ${isNumber && cell.error === null ? 'ml-auto' : ''}`}>
        {cell.error !== null ? (
          <span className="text-bad" title={plain(cell.error, 1000)}>
            <RunText text={cell.error} max={MAX_CHARS} />
          </span>
        ) : isPrivate && cell.state !== 'missing' ? (
          <span className="text-ink-3">private</span>
        ) : cell.cut ? (
          <span className="text-ink-3">too long to show here</span>
        ) : cell.state === 'missing' ? (
          <span className="text-ink-3">—</span>
        ) : (
          <Value value={cell.value} />
        )}
      </span>
    </span>
  )
})

/** A value of the source. */
export const SourceCell = memo(function SourceCell({
  record,
  field,
  isPrivate,
  isNumber,
}: {
  record: TableRecord
  field: string
  isPrivate: boolean
  isNumber: boolean
}) {
  const value = Object.hasOwn(record.values, field) ? record.values[field] : null
  return (
    <span className={`truncate text-ink-2 ${isNumber ? 'ml-auto' : ''}`}>
      {isPrivate ? (
        <span className="text-ink-3">private</span>
      ) : value === null || value === undefined ? (
        <span className="text-ink-3">—</span>
      ) : (
        <Value value={value} />
      )}
    </span>
  )
})

function Value({ value }: { value: unknown }) {
  return <RunText text={valueSaid(value, MAX_CHARS)} max={MAX_CHARS} />
}

/** What lies under the whole cell. */
export const WASH = {
  idle: '',
  active: 'bg-active-wash',
  waiting: 'bg-waiting-wash',
  good: '',
  bad: 'bg-bad-wash',
  muted: '',
  neutral: '',
} as const satisfies Record<Tone, string>
