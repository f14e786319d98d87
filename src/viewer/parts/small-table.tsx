import type { ReactNode } from 'react'

/** A table of a few columns, which scrolls in its own place. Its rows are the caller's. */
export function SmallTable({
  label,
  columns,
  className,
  children,
}: {
  label: string
  /** A column of numbers stands at the right. */
  columns: readonly { name: string; isRight?: boolean }[]
  className: string
  children: ReactNode
}) {
  return (
    <section
      aria-label={label}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
      tabIndex={0}
      className={`overflow-auto ${className}`}
    >
      <table className="w-full text-left">
        <thead className="text-xs text-ink-2">
          <tr className="border-b border-line">
            {columns.map(({ name, isRight = false }) => (
              <th key={name} className={`px-3 py-1.5 font-medium ${isRight ? 'text-right' : ''}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}
