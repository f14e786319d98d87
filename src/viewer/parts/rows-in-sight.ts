import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'
import {
  AT_START,
  elementPx,
  type Extent,
  type Place,
  placeOf,
  scrolledTo,
} from './scroll-scale.ts'

/** Rows first..last (exclusive) are to be drawn, each at its own offset less `shiftPx` in the element. */
export type RowsInSight = { first: number; last: number; shiftPx: number }

const OVERSCAN = 12
const AT_REST_MS = 150
/** Before the box is measured. */
const FIRST_VIEW_PX = 600

/**
 * Which of `count` rows of one height are in sight of a scrolling box. `headPx` of the box are covered by what stands
 * still over the rows.
 */
export function useRowsInSight({
  count,
  rowPx,
  headPx,
}: {
  count: number
  rowPx: number
  headPx: number
}): {
  boxRef: RefObject<HTMLDivElement | null>
  sight: RowsInSight
  /** Height of the element that holds the rows. */
  heightPx: number
  onScroll: () => void
  /** Brings a row in sight with the least movement. */
  show: (row: number) => void
  /** The first row that is whole in sight, and by how many a page goes on. */
  view: () => readonly [first: number, page: number]
} {
  const boxRef = useRef<HTMLDivElement>(null)
  // There may be more rows by now, and they are drawn at once.
  const [seen, setSeen] = useState<RowsInSight>(() => ({
    first: 0,
    last: Math.ceil(FIRST_VIEW_PX / rowPx) + OVERSCAN,
    shiftPx: 0,
  }))
  const place = useRef(AT_START)
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined)
  const totalPx = count * rowPx

  const move = useCallback(
    (to: (from: Place, extent: Extent) => Place) => {
      const element = boxRef.current
      if (element === null) return
      const extent = { totalPx, viewPx: Math.max(0, element.clientHeight - headPx) }
      place.current = to(scrolledTo(place.current, element.scrollTop, extent), extent)
      const { offset, scrollTop } = place.current
      // The browser rounds what it is given to its own pixels, and tells that as a scroll.
      if (Math.abs(element.scrollTop - scrollTop) >= 1) element.scrollTop = scrollTop
      const next = {
        first: Math.max(0, Math.floor(offset / rowPx) - OVERSCAN),
        last: Math.ceil((offset + extent.viewPx) / rowPx) + OVERSCAN,
        shiftPx: offset - scrollTop,
      }
      setSeen((now) =>
        now.first === next.first && now.last === next.last && now.shiftPx === next.shiftPx
          ? now
          : next,
      )
    },
    [headPx, rowPx, totalPx],
  )

  // More rows, fewer, or another height of the box: what is in sight stays in sight where there is still so much.
  useEffect(() => {
    const stay = () => move(({ offset }, extent) => placeOf(offset, extent))
    stay()
    const observer = new ResizeObserver(stay)
    if (boxRef.current) observer.observe(boxRef.current)
    return () => observer.disconnect()
  }, [move])
  useEffect(() => () => clearTimeout(rest.current), [])

  const onScroll = useCallback(() => {
    move((now) => now)
    clearTimeout(rest.current)
    rest.current = setTimeout(
      () => move(({ offset }, extent) => placeOf(offset, extent)),
      AT_REST_MS,
    )
  }, [move])

  const show = useCallback(
    (row: number) =>
      move((now, extent) => {
        const [top, bottom] = [row * rowPx, (row + 1) * rowPx]
        if (top < now.offset) return placeOf(top, extent)
        return bottom > now.offset + extent.viewPx ? placeOf(bottom - extent.viewPx, extent) : now
      }),
    [move, rowPx],
  )

  const view = useCallback(() => {
    const viewPx = (boxRef.current?.clientHeight ?? 0) - headPx
    const first = Math.ceil(place.current.offset / rowPx)
    return [first, Math.max(1, Math.floor(viewPx / rowPx) - 1)] as const
  }, [headPx, rowPx])

  const sight = { ...seen, last: Math.min(count, seen.last) }
  return { boxRef, sight, heightPx: elementPx(totalPx), onScroll, show, view }
}
