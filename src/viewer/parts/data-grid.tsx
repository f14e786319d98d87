import {
  type KeyboardEvent,
  type ReactNode,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
} from 'react'
import { useColumnsInSight } from './columns-in-sight.ts'
import { VirtualList } from './virtual-list.tsx'

export type GridColumn = {
  key: string
  widthPx: number
  head: ReactNode
  cell: (row: number) => ReactNode
  /** Class of what lies under a cell. */
  wash?: (row: number) => string
  /** Enter, or a click; null where there is nothing to open. */
  open: ((row: number) => void) | null
}

/**
 * A grid of any number of rows and columns, of which only those in sight exist, in the pattern of the ARIA guide: one
 * cell of it can be reached by Tab, arrows move that place, Enter opens, Space chooses the row. Row 0 is the head. The
 * first `still` columns stand still at the left. Fetches nothing: a row that is not there yet is the caller's to draw.
 */
export function DataGrid({
  label,
  rows,
  columns: given,
  still,
  rowPx,
  headPx,
  className = '',
  onRange,
  onChoose,
  isChosen,
  isOpen,
  isLeft,
  openColumn,
  isThere,
}: {
  label: string
  rows: number
  columns: readonly GridColumn[]
  still: number
  rowPx: number
  headPx: number
  className?: string
  onRange: (from: number, to: number) => void
  onChoose: (row: number) => void
  isChosen: (row: number) => boolean
  isOpen: (row: number, column: string) => boolean
  /** The cell that was closed last: marked, so that the focus can go there. */
  isLeft: (row: number, column: string) => boolean
  /** Of the open cell: brought in sight when it opens, since what opens beside the grid makes it narrower. */
  openColumn: string | undefined
  /** A row that is not there yet is drawn as one stroke: thousands of them may pass by in a second. */
  isThere: (row: number) => boolean
}) {
  const [at, setAt] = useState({ row: HEAD, column: 0 })
  const show = useRef<(row: number) => void>(null)
  const isMoved = useRef(false)
  const free = useMemo(() => given.slice(still).map(({ widthPx }) => widthPx), [given, still])
  const stillPx = given.slice(0, still).reduce((sum, { widthPx }) => sum + widthPx, 0)
  const { frame, laidPx, inSight, look } = useColumnsInSight(free, stillPx)
  const widthPx = stillPx + laidPx.reduce((sum, width) => sum + width, 0)
  const columns = useMemo(
    () =>
      given.map((column, nth) => ({
        ...column,
        widthPx: laidPx[nth - still] ?? column.widthPx,
      })),
    [given, laidPx, still],
  )

  // The rows that a filter leaves may be fewer than where the reader was.
  const place = {
    row: Math.min(at.row, rows - 1),
    column: Math.min(at.column, columns.length - 1),
  }
  const bringColumn = useEffectEvent((box: Element, index: number) => {
    if (index < still) return
    const left = columns.slice(still, index).reduce((sum, { widthPx: px }) => sum + px, 0)
    const right = left + (columns[index]?.widthPx ?? 0)
    const viewPx = box.clientWidth - stillPx
    if (left < box.scrollLeft) box.scrollTo({ left })
    else if (right > box.scrollLeft + viewPx) box.scrollTo({ left: right - viewPx })
  })
  const openAt = columns.findIndex(({ key }) => key === openColumn)
  useEffect(() => {
    const box = frame.current?.firstElementChild
    if (box) bringColumn(box, openAt)
  }, [frame, openAt])
  useEffect(() => {
    const box = frame.current?.firstElementChild
    if (!isMoved.current || !box) return
    isMoved.current = false
    if (place.row >= 0) show.current?.(place.row)
    bringColumn(box, place.column)
    box.querySelector<HTMLElement>('[data-place]')?.focus({ preventScroll: true })
  })

  const go = (row: number, column: number) => {
    isMoved.current = true
    setAt({
      row: Math.max(HEAD, Math.min(rows - 1, row)),
      column: Math.max(0, Math.min(columns.length - 1, column)),
    })
  }
  const pressed = (event: KeyboardEvent<HTMLElement>) => {
    if (event.altKey || event.metaKey || event.shiftKey) return
    const page = Math.max(1, Math.floor((event.currentTarget.clientHeight - headPx) / rowPx) - 1)
    const moves: Readonly<Record<string, readonly [number, number]>> = event.ctrlKey
      ? { Home: [HEAD, 0], End: [rows - 1, columns.length - 1] }
      : {
          ArrowUp: [place.row - 1, place.column],
          ArrowDown: [place.row + 1, place.column],
          ArrowLeft: [place.row, place.column - 1],
          ArrowRight: [place.row, place.column + 1],
          PageUp: [place.row - page, place.column],
          PageDown: [place.row + page, place.column],
          Home: [place.row, 0],
          End: [place.row, columns.length - 1],
        }
    const [row, column] = moves[event.key] ?? []
    if (row !== undefined && column !== undefined) go(row, column)
    else if (event.key === ' ' && place.row >= 0) onChoose(place.row)
    else return
    event.preventDefault()
  }

  const cellOf = (row: number, column: GridColumn, index: number): ReactNode => {
    const isPlace = place.row === row && place.column === index
    const open = column.open
    return (
      // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- its role depends on where it stands
      <div
        key={column.key}
        role={row === HEAD ? 'columnheader' : 'gridcell'}
        aria-colindex={index + 1}
        aria-current={row !== HEAD && isOpen(row, column.key) ? 'true' : undefined}
        tabIndex={isPlace ? 0 : -1}
        data-place={isPlace ? '' : undefined}
        data-left={row !== HEAD && isLeft(row, column.key) ? '' : undefined}
        onFocus={() => {
          if (!isPlace) setAt({ row, column: index })
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.target !== event.currentTarget) return
          if (open) open(row)
          else event.currentTarget.querySelector<HTMLElement>('button, a, input')?.click()
        }}
        onClick={row === HEAD || !open ? undefined : () => open(row)}
        className={`${CELL} ${index < still ? 'sticky z-10 bg-raised group-hover:bg-hover group-aria-selected:bg-active-wash' : 'grow'} ${row !== HEAD && open ? 'cursor-pointer' : ''} ${row === HEAD ? '' : (column.wash?.(row) ?? '')}`}
        style={{
          width: column.widthPx,
          ...(index < still
            ? { left: columns.slice(0, index).reduce((sum, { widthPx: px }) => sum + px, 0) }
            : {}),
        }}
      >
        {row === HEAD ? column.head : column.cell(row)}
      </div>
    )
  }
  const cellsOf = (row: number): ReactNode => (
    <>
      {columns.slice(0, still).map((column, index) => cellOf(row, column, index))}
      <span role="presentation" style={{ width: inSight.beforePx }} className="shrink-0" />
      {columns
        .slice(still + inSight.first, still + inSight.last)
        .map((column, index) => cellOf(row, column, still + inSight.first + index))}
      <span role="presentation" style={{ width: inSight.afterPx }} className="shrink-0" />
    </>
  )
  return (
    <div ref={frame} className={className}>
      <VirtualList
        label={label}
        count={rows}
        rowPx={rowPx}
        headPx={headPx}
        className="h-full"
        showRef={show}
        kept={place.row >= 0 ? place.row : undefined}
        onRange={onRange}
        box={{
          role: 'grid',
          tabIndex: -1,
          'aria-rowcount': rows + 1,
          'aria-colcount': columns.length,
          'aria-multiselectable': true,
          onScroll: look,
          onKeyDown: pressed,
        }}
        head={
          <div
            // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a tr cannot be left out of the middle of a table
            role="row"
            aria-rowindex={1}
            className="sticky top-0 z-20 flex w-full border-b border-line bg-raised text-xs text-ink-2"
            style={{ height: headPx, minWidth: widthPx }}
          >
            {cellsOf(HEAD)}
          </div>
        }
        renderRow={(row) => (
          <div
            // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a tr cannot be left out of the middle of a table
            role="row"
            aria-rowindex={row + 2}
            aria-selected={isChosen(row)}
            className="group flex h-full w-full border-b border-line hover:bg-hover aria-selected:bg-active-wash"
            style={{ minWidth: widthPx }}
          >
            {isThere(row) || row === place.row ? (
              cellsOf(row)
            ) : (
              // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a td stands in a tr
              <div role="gridcell" className="flex items-center px-14">
                <span className="sr-only">Loading</span>
                <span className="skeleton h-3 w-24" />
              </div>
            )}
          </div>
        )}
      />
    </div>
  )
}

const HEAD = -1
const CELL =
  'flex h-full shrink-0 items-center overflow-hidden px-2 focus-visible:outline-2 focus-visible:-outline-offset-2 focus-visible:outline-seal aria-[current=true]:outline-2 aria-[current=true]:-outline-offset-2 aria-[current=true]:outline-ink'
