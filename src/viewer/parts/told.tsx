import { TOLD_BY, type ToldBy } from '#contract/status.ts'
import type { Told } from '#live/told.ts'
import type { ReactNode } from 'react'
import { useSilence } from './clock.tsx'
import { asOf } from './time.tsx'

/**
 * A fact with where it is from: the one component that draws it, so that nothing unverified can look verified. A
 * contradiction keeps both values on the screen.
 */
export function ToldValue<T>({
  told,
  renderValue,
}: {
  told: Told<T> | null
  renderValue: (value: T) => ReactNode
}) {
  if (told === null) return <span className="text-ink-3">not said</span>
  return (
    <span className="inline-flex flex-wrap items-baseline gap-x-2 gap-y-1">
      <span>{renderValue(told.value)}</span>
      {told.by === 'contradicted' && (
        <span className="text-bad">
          {told.insteadBy === 'hint' ? 'the stream said ' : 'the server said '}
          <s>{renderValue(told.instead)}</s>
        </span>
      )}
      <ToldWord by={told.by} />
    </span>
  )
}

/** The word alone, for a row whose values stand in columns. */
export function ToldWord({ by }: { by: ToldBy }) {
  return (
    <span
      data-told={by}
      title={TOLD_BY[by].means}
      className={`inline-flex items-center gap-1 rounded-sm px-1.5 text-xs font-medium whitespace-nowrap ${LOOK[by]}`}
    >
      {TOLD_BY[by].label}
    </span>
  )
}

/** For a list of what the server answered: on record, and as of when while the server is not heard. */
export function AsRecorded() {
  const silentMs = useSilence()
  return (
    <span className="inline-flex items-baseline gap-2 text-xs text-ink-2">
      <ToldWord by="recorded" />
      {silentMs !== null && asOf(silentMs)}
    </span>
  )
}

const LOOK = {
  hint: 'border border-dashed border-line-strong text-ink-2',
  recorded: 'border border-line-strong text-ink',
  verified: 'border border-seal bg-seal-wash text-seal',
  read: 'border border-dashed border-line-strong text-ink-2',
  contradicted: 'border border-bad bg-bad-wash text-bad',
} as const satisfies Record<ToldBy, string>
