/** How values are distributed, in counts that only grow, as Prometheus reads them. */
export type Histogram = {
  observe: (value: number) => void
  read: () => HistogramReading
}

/** `count` of a bucket is of the values that are at most `upTo`. */
export type HistogramReading = {
  buckets: { upTo: number; count: number }[]
  count: number
  sum: number
}

/** `bounds` rise. */
export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = new Map(bounds.map((bound) => [bound, 0]))
  let count = 0
  let sum = 0
  return {
    observe(value) {
      count += 1
      sum += value
      const bound = bounds.find((bound) => value <= bound)
      if (bound !== undefined) counts.set(bound, (counts.get(bound) ?? 0) + 1)
    },
    read() {
      let below = 0
      const buckets = [...counts].map(([upTo, more]) => ({ upTo, count: (below += more) }))
      return { buckets, count, sum }
    },
  }
}
