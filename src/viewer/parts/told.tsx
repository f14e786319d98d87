import { TOLD_BY, type ToldBy } from '#contract/status.ts'
import type { Told } from '#live/told.ts'
import type { ReactNode } from 'react'
import { wordsOf } from '#viewer/api.ts'
import { useDeviceNow, useSilence } from './clock.tsx'
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

/** For what the server answered: on record, and as of when while it does not answer. */
export function AsRecorded({ of = null }: { of?: Answer | null }) {
  return (
    <span className="inline-flex flex-wrap items-baseline gap-x-2 text-xs text-ink-2">
      <ToldWord by="recorded" />
      <AsOf of={of} />
    </span>
  )
}

/**
 * An answer, and why there is no newer one. `dataUpdatedAt`: when the one came that is shown, by this device's clock; 0
 * where none is. `isFetchNextPageError`: the error is of more of a list, and says nothing of what is shown.
 */
export type Answer = { error: Error | null; dataUpdatedAt: number; isFetchNextPageError?: boolean }

/** How old an answer is while there is no newer one, and why; nothing while the server is heard and answers. */
export function AsOf({ of }: { of: Answer | null }) {
  const silentMs = useSilence()
  const { error = null, dataUpdatedAt = 0, isFetchNextPageError = false } = of ?? {}
  if (error !== null && dataUpdatedAt > 0 && !isFetchNextPageError)
    return <NotNewer error={error} since={dataUpdatedAt} />
  return silentMs === null ? null : <>{asOf(silentMs)}</>
}

function NotNewer({ error, since }: { error: Error; since: number }) {
  const now = useDeviceNow()
  const { title } = wordsOf(error)
  return (
    <span className="text-bad">
      {asOf(now - since)}: {title.charAt(0).toLowerCase()}
      {title.slice(1)}
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
