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
