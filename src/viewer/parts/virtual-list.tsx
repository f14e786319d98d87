import { useVirtualizer } from '@tanstack/react-virtual'
import { type ReactNode, useEffect, useRef } from 'react'

// Chromium draws no element taller than 33,554,432 px.
const MAX_HEIGHT_PX = 16_000_000

/**
 * Rows of one height, of which only those in sight exist. `follow` keeps the end in sight while rows are added and
 * calls `onUnfollow` when the reader scrolls away. `active` is a row that must be in sight.
 */
export function VirtualList({
  count,
  rowPx,
  renderRow,
  label,
  className = '',
  follow = false,
  onFollow,
  active,
  onRange,
}: {
  count: number
  rowPx: number
  renderRow: (index: number) => ReactNode
  label: string
  className?: string
  follow?: boolean
  onFollow?: (follow: boolean) => void
  active?: number | undefined
  onRange?: (from: number, to: number) => void
}) {
  const box = useRef<HTMLDivElement>(null)
  const shown = Math.min(count, Math.floor(MAX_HEIGHT_PX / rowPx))
  // oxlint-disable-next-line react/incompatible-library -- no compiler memoises what it answers
  const rows = useVirtualizer({
    count: shown,
    getScrollElement: () => box.current,
    estimateSize: () => rowPx,
    overscan: 12,
    initialRect: { width: 800, height: 600 },
  })
  const items = rows.getVirtualItems()
  const [first, last] = [items.at(0)?.index ?? 0, items.at(-1)?.index ?? 0]
  useEffect(() => {
    if (follow && shown > 0) rows.scrollToIndex(shown - 1, { align: 'end' })
  }, [follow, shown, rows])
  useEffect(() => {
    if (active !== undefined) rows.scrollToIndex(active)
  }, [active, rows])
  useEffect(() => onRange?.(first, last + 1), [first, last, onRange])
  return (
    <section
      ref={box}
      className={`overflow-auto ${className}`}
      aria-label={label}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
        onFollow?.(scrollHeight - scrollTop - clientHeight < rowPx * 2)
      }
    >
      <div className="relative min-w-full w-max" style={{ height: rows.getTotalSize() }}>
        {items.map(({ index, start }) => (
          <div
            key={index}
            className="absolute inset-x-0 top-0"
            style={{ height: rowPx, transform: `translateY(${start}px)` }}
          >
            {renderRow(index)}
          </div>
        ))}
      </div>
      {shown < count && (
        <p className="px-3 py-1 text-ink-2">
          {(count - shown).toLocaleString('en')} more rows are not drawn here
        </p>
      )}
    </section>
  )
}
