import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'

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

const FIRST_VIEW_PX = 1200

/** The same of the box that is the first in `frame`, of which `stillPx` do not scroll. `look` is called when it was scrolled. */
export function useColumnsInSight(
  widthsPx: readonly number[],
  stillPx: number,
): { frame: RefObject<HTMLDivElement | null>; inSight: ColumnsInSight; look: () => void } {
  const frame = useRef<HTMLDivElement>(null)
  const [sight, setSight] = useState<ColumnsInSight | null>(null)
  const look = useCallback(() => {
    const box = frame.current?.firstElementChild
    if (!box) return
    const next = columnsInSight(widthsPx, box.scrollLeft, Math.max(0, box.clientWidth - stillPx))
    setSight((now) => (now?.first === next.first && now.last === next.last ? now : next))
  }, [widthsPx, stillPx])
  useEffect(() => {
    look()
    const observer = new ResizeObserver(look)
    if (frame.current) observer.observe(frame.current)
    return () => observer.disconnect()
  }, [look])
  return { frame, inSight: sight ?? columnsInSight(widthsPx, 0, FIRST_VIEW_PX), look }
}
