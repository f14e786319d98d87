import type { ReactNode } from 'react'

/** What stands where content would: nothing yet, nothing found, or why there is none and what to do. */
export function Notice({
  title,
  children,
  action,
  tone = 'plain',
}: {
  title: string
  children?: ReactNode
  action?: ReactNode
  tone?: 'plain' | 'bad' | 'waiting'
}) {
  return (
    <div
      role={tone === 'bad' ? 'alert' : undefined}
      className={`card flex flex-col items-start gap-2 px-4 py-4 ${NOTICE_LOOK[tone]}`}
    >
      <p className="text-base font-semibold">{title}</p>
      {children !== undefined && (
        <div className="w-full max-w-prose wrap-anywhere text-ink-2">{children}</div>
      )}
      {action}
    </div>
  )
}

const NOTICE_LOOK = { plain: '', bad: 'border-bad', waiting: 'border-waiting' } as const

/** Rows of the height that the content will have: nothing jumps when it comes. */
export function SkeletonRows({ rows, height }: { rows: number; height: string }) {
  return (
    <output className="block" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className={`flex items-center border-b border-line px-4 ${height}`}>
          <span className="skeleton h-3 w-1/3" />
          <span className="skeleton ml-auto h-3 w-16" />
        </div>
      ))}
    </output>
  )
}
