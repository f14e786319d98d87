import { type ReactNode, useState } from 'react'

/** Of a long list so many are drawn, and as many more whenever they are asked for. */
export function SoMany<T>({
  all,
  step,
  children,
}: {
  all: readonly T[]
  step: number
  children: (some: readonly T[]) => ReactNode
}) {
  const [shown, setShown] = useState(step)
  const left = all.length - shown
  return (
    <>
      {children(all.slice(0, shown))}
      {left > 0 && (
        <div className="flex flex-wrap items-center gap-3 px-4 py-2">
          <button type="button" className="button" onClick={() => setShown(shown + step)}>
            Show {Math.min(step, left).toLocaleString('en')} more
          </button>
          <span className="text-ink-2">
            {shown.toLocaleString('en')} of {all.length.toLocaleString('en')} are shown.
          </span>
        </div>
      )}
    </>
  )
}
