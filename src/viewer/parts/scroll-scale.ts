/*
 * A list may be taller than any element: Chromium draws none above 33,554,432 px, Firefox none above some 17,800,000.
 * Its element is then shorter than the list, and a place of the one is a place of the other by a scale.
 */

/** Heights in px: of the whole list, and of what is in sight of it. */
export type Extent = { totalPx: number; viewPx: number }

/**
 * Where a list stands: `offset` of it is drawn at `scrollTop` of its element. `isFar`: since it last stood still it has
 * been moved farther than a hand rolls, so that the element's place decides.
 */
export type Place = { offset: number; scrollTop: number; isFar: boolean }

export const AT_START: Place = { offset: 0, scrollTop: 0, isFar: false }

export const MAX_ELEMENT_PX = 16_000_000
/** Near both ends a pixel is a pixel: rolled to, an end is reached, and nothing before it is skipped. */
const END_PX = 100_000
/** More than a wheel or a finger moves between two events, less than the smallest move of a scroll bar so long. */
const LEAP_PX = 10_000

export const elementPx = (totalPx: number): number => Math.min(totalPx, MAX_ELEMENT_PX)

/**
 * The place after the element was scrolled. Rolling moves the list as it moves the element; what leaps (the scroll bar,
 * Home, End) goes where the element is. The answer's `scrollTop` is another than the given one where the element came
 * to an end and the list did not, or the other way round: then the element has to be moved there.
 */
export function scrolledTo(place: Place, scrollTop: number, extent: Extent): Place {
  const { maxOffset, maxTop } = limitsOf(extent)
  if (maxOffset <= maxTop) return { offset: scrollTop, scrollTop, isFar: false }
  const by = scrollTop - place.scrollTop
  if (place.isFar || Math.abs(by) > LEAP_PX)
    return { offset: offsetOf(scrollTop, extent), scrollTop, isFar: true }
  const offset = clamped(place.offset + by, maxOffset)
  const isAtEnd = scrollTop <= 0 || scrollTop >= maxTop || offset <= 0 || offset >= maxOffset
  return isAtEnd ? placeOf(offset, extent) : { offset, scrollTop, isFar: false }
}

/** The place at an offset, with the element where the scroll bar says so: also of a list that has come to rest. */
export function placeOf(offset: number, extent: Extent): Place {
  const { maxOffset, maxTop } = limitsOf(extent)
  const wanted = clamped(offset, maxOffset)
  if (maxOffset <= maxTop) return { offset: wanted, scrollTop: wanted, isFar: false }
  const fromEnd = maxOffset - wanted
  const scrollTop =
    wanted <= END_PX
      ? wanted
      : fromEnd <= END_PX
        ? maxTop - fromEnd
        : Math.round(END_PX + (wanted - END_PX) / ratioOf(extent))
  return { offset: wanted, scrollTop, isFar: false }
}

function offsetOf(scrollTop: number, extent: Extent): number {
  const { maxOffset, maxTop } = limitsOf(extent)
  if (scrollTop <= END_PX) return clamped(scrollTop, maxOffset)
  const fromEnd = maxTop - scrollTop
  if (fromEnd <= END_PX) return clamped(maxOffset - fromEnd, maxOffset)
  return END_PX + (scrollTop - END_PX) * ratioOf(extent)
}

/** Pixels of the list to one of its element, between the ends. */
function ratioOf(extent: Extent): number {
  const { maxOffset, maxTop } = limitsOf(extent)
  return (maxOffset - 2 * END_PX) / (maxTop - 2 * END_PX)
}

const limitsOf = (extent: Extent) => ({
  maxOffset: Math.max(0, extent.totalPx - extent.viewPx),
  maxTop: Math.max(0, elementPx(extent.totalPx) - extent.viewPx),
})

const clamped = (offset: number, max: number): number => Math.min(max, Math.max(0, offset))
