import { type RefObject, useCallback, useEffect, useMemo, useRef, useState } from 'react'

/** Columns first..last (exclusive) are drawn; `beforePx` and `afterPx` are what stands in for the rest. */
export type ColumnsInSight = { first: number; last: number; beforePx: number; afterPx: number }

/**
 * Which columns are in sight of a box that is `viewPx` wide and scrolled by `scrollLeft`, with one more on each side, so
 * that a small movement draws nothing anew.
 */
export function columnsInSight(
  widthsPx: readonly number[],
  scrollLeft: number,
  viewPx: number,
): ColumnsInSight {
  let [first, last, beforePx, at] = [0, widthsPx.length, 0, 0]
  for (const [index, width] of widthsPx.entries()) {
    const [left, right] = [at, at + width]
    at = right
    if (right <= scrollLeft) {
      first = index
      beforePx = left
    }
    if (left >= scrollLeft + viewPx) {
      last = Math.min(last, index + 1)
    }
  }
  const drawnPx = widthsPx.slice(first, last).reduce((sum, width) => sum + width, 0)
  return { first, last, beforePx, afterPx: at - beforePx - drawnPx }
}

/**
 * Columns that are too many for a view, each so much wider that those in sight of it fill it: one that ends beyond its
 * rim would hide the end of every number in it.
 */
export function filling(widthsPx: readonly number[], viewPx: number): readonly number[] {
  let fittingPx = 0
  for (const width of widthsPx) {
    if (fittingPx + width > viewPx)
      return fittingPx === 0
        ? widthsPx
        : widthsPx.map((one) => Math.floor((one * viewPx) / fittingPx))
    fittingPx += width
  }
  return widthsPx
}

const FIRST_VIEW_PX = 1200

/**
 * The same of the box that is the first in `frame`, of which `stillPx` do not scroll. `laidPx` is how wide each column
 * is drawn. `look` is called when it was scrolled.
 */
export function useColumnsInSight(
  widthsPx: readonly number[],
  stillPx: number,
): {
  frame: RefObject<HTMLDivElement | null>
  laidPx: readonly number[]
  inSight: ColumnsInSight
  look: () => void
} {
  const frame = useRef<HTMLDivElement>(null)
  const [sight, setSight] = useState<ColumnsInSight | null>(null)
  const [viewPx, setViewPx] = useState(FIRST_VIEW_PX)
  const laidPx = useMemo(() => filling(widthsPx, viewPx), [widthsPx, viewPx])
  const look = useCallback(() => {
    const box = frame.current?.firstElementChild
    if (!box) return
    const seenPx = Math.max(0, box.clientWidth - stillPx)
    setViewPx(seenPx)
    const next = columnsInSight(laidPx, box.scrollLeft, seenPx)
    const isSame = (now: ColumnsInSight | null) =>
      now?.first === next.first &&
      now.last === next.last &&
      now.beforePx === next.beforePx &&
      now.afterPx === next.afterPx
    setSight((now) => (isSame(now) ? now : next))
  }, [laidPx, stillPx])
  useEffect(() => {
    look()
    const observer = new ResizeObserver(look)
    if (frame.current) observer.observe(frame.current)
    return () => observer.disconnect()
  }, [look])
  return { frame, laidPx, inSight: sight ?? columnsInSight(laidPx, 0, FIRST_VIEW_PX), look }
}
