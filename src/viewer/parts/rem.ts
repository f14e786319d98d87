/** How many pixels a rem is for this reader, who may have text of another size. */
export const remPx = (): number =>
  Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16
