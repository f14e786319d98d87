import {
  type ComponentProps,
  type KeyboardEvent,
  memo,
  type ReactNode,
  type Ref,
  useEffect,
  useEffectEvent,
  useImperativeHandle,
  useRef,
  useState,
} from 'react'
import { useRowsInSight } from './rows-in-sight.ts'

/**
 * Rows of one height, of which only those in sight exist, however many there are. `follow` keeps the end in sight while
 * rows are added and calls `onFollow` when the reader scrolls away. `active` is a row that is brought in sight; `showRef`
 * does that from outside. `kept` exists also out of sight, and without it the row that had the focus last [U20]. With
 * `walks` arrows, Home, End and the pages move the focus from row to row, also to one that is still to come and marked
 * `data-pending`; from the list itself to the rows in sight. `head` stands still over the rows. `onRange` hears which
 * rows are in sight, and the one that exists besides. A row is drawn anew only by another `renderRow`. Rows that may move
 * have a `rowKey`: what is pressed or has the focus is then that row wherever it goes, and never what took its place.
 */
export function VirtualList({
  count,
  rowPx,
  renderRow,
  rowKey = String,
  label,
  className = '',
  head,
  headPx = 0,
  follow = false,
  onFollow,
  active,
  showRef,
  kept: given,
  walks = false,
  onRange,
  box: attributes = {},
}: {
  count: number
  rowPx: number
  renderRow: (index: number) => ReactNode
  rowKey?: (index: number) => string
  label: string
  className?: string
  head?: ReactNode
  headPx?: number
  follow?: boolean
  onFollow?: (follow: boolean) => void
  active?: number | undefined
  showRef?: Ref<(row: number) => void>
  kept?: number | undefined
  walks?: boolean
  onRange?: ((from: number, to: number, kept?: number) => void) | undefined
  /** Of the box that scrolls: what it is to a screen reader, and what it listens to. */
  box?: Omit<ComponentProps<'div'>, 'ref' | 'className' | 'children'>
}) {
  const { boxRef, sight, heightPx, onScroll, show, view } = useRowsInSight({ count, rowPx, headPx })
  const { first, last, shiftPx } = sight
  const [focused, setFocused] = useState<number>()
  const kept = given ?? focused
  const goingTo = useRef<number>(undefined)
  useEffect(() => {
    const box = boxRef.current
    if (goingTo.current === undefined || box === null) return
    const row = box.querySelector(`[data-row-index="${goingTo.current}"]`)
    const { activeElement: at, body } = document
    const isElsewhere = at !== null && at !== body && !box.contains(at)
    if (isElsewhere || !row?.querySelector('[data-pending]')) goingTo.current = undefined
    if (isElsewhere) return
    // In sight of the list it is; of the page the browser sees to that.
    const next = row?.querySelector<HTMLElement>('button, a')
    if (next) next.focus()
    // Until a row that is still to come is here, the list has the focus for it.
    else box.focus({ preventScroll: true })
  })
  const walk = (event: KeyboardEvent<HTMLElement>) => {
    if (event.altKey || event.ctrlKey || event.metaKey || count === 0) return
    const [top, rows] = view()
    const at = goingTo.current ?? placeOfRow(event.target)
    // The list itself, where the row that had the focus is gone: what is in sight is gone on with.
    const to =
      at === undefined ? ENTER[event.key]?.(top, count) : STEP[event.key]?.(at, count, rows)
    if (to === undefined) return
    event.preventDefault()
    goingTo.current = Math.max(0, Math.min(count - 1, to))
    show(goingTo.current)
    setFocused(goingTo.current)
  }
  const bring = useEffectEvent((row: number) => show(row))
  useEffect(() => {
    if (follow && count > 0) bring(count - 1)
  }, [follow, count])
  useEffect(() => {
    if (active !== undefined) bring(active)
  }, [active])
  useImperativeHandle(showRef, () => show, [show])
  useEffect(() => onRange?.(first, last, kept), [first, last, kept, onRange])
  const rows = Array.from({ length: Math.max(0, last - first) }, (_, n) => first + n)
  if (kept !== undefined && kept < count && kept < first) rows.unshift(kept)
  if (kept !== undefined && kept < count && kept >= last) rows.push(kept)
  const Box = attributes.role === undefined ? 'section' : 'div'
  return (
    <Box
      // A scrolling region must be reachable by keyboard.
      tabIndex={0}
      aria-label={label}
      {...attributes}
      ref={boxRef}
      className={`overflow-auto ${className}`}
      onFocusCapture={({ target }) => setFocused((before) => placeOfRow(target) ?? before)}
      onKeyDown={(event) => {
        if (walks) walk(event)
        attributes.onKeyDown?.(event)
      }}
      onScroll={(event) => {
        onScroll()
        attributes.onScroll?.(event)
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget
        onFollow?.(scrollHeight - scrollTop - clientHeight < rowPx * 2)
      }}
    >
      {head}
      <div className="relative min-w-full w-max" style={{ height: heightPx }}>
        {rows.map((index) => (
          <Row
            key={rowKey(index)}
            index={index}
            topPx={index * rowPx - shiftPx}
            heightPx={rowPx}
            render={renderRow}
            isLast={index === count - 1}
          />
        ))}
      </div>
    </Box>
  )
}

const STEP: Readonly<Record<string, (at: number, count: number, rows: number) => number>> = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at, _, rows) => at + rows,
  PageUp: (at, _, rows) => at - rows,
  Home: () => 0,
  End: (_, count) => count - 1,
}

const ENTER: Readonly<Record<string, (top: number, count: number) => number>> = {
  ArrowDown: (top) => top,
  ArrowUp: (top) => top,
  PageDown: (top) => top,
  PageUp: (top) => top,
  Home: () => 0,
  End: (_, count) => count - 1,
}

function placeOfRow(target: EventTarget): number | undefined {
  const row = target instanceof Element ? target.closest('[data-row-index]') : null
  return row === null ? undefined : Number(row.getAttribute('data-row-index'))
}

const Row = memo(function Row({
  index,
  topPx,
  heightPx,
  render,
  isLast,
}: {
  index: number
  topPx: number
  heightPx: number
  render: (index: number) => ReactNode
  /** Ends where the box does, whose line it is. */
  isLast: boolean
}) {
  return (
    <div
      role="presentation"
      data-row-index={index}
      className={`absolute inset-x-0 top-0 ${isLast ? '*:border-b-0' : ''}`}
      style={{ height: heightPx, transform: `translateY(${topPx}px)` }}
    >
      {render(index)}
    </div>
  )
})
