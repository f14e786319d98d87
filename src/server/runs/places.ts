/** Places in a plan, whichever came first to be taken first: a heap. To add and to remove one costs next to nothing. */
export type Places = {
  /** One that is not there. */
  add(place: number): void
  /** No error where it is not there. */
  remove(place: number): void
  /** The `count` lowest, rising; they stay. */
  first(count: number): number[]
}

export function createPlaces(): Places {
  const heap: number[] = []
  /** What is there; one in the heap that is not here was removed. */
  const present = new Set<number>()

  function push(place: number): void {
    let at = heap.push(place) - 1
    for (let up = (at - 1) >> 1; at > 0 && valueAt(up) > place; up = (at - 1) >> 1) {
      heap[at] = valueAt(up)
      at = up
    }
    heap[at] = place
  }

  function pop(): number | null {
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined) return null
    if (heap.length === 0) return top
    let at = 0
    for (;;) {
      const [left, right] = [2 * at + 1, 2 * at + 2]
      const least = valueAt(right) < valueAt(left) ? right : left
      if (valueAt(least) >= last) break
      heap[at] = valueAt(least)
      at = least
    }
    heap[at] = last
    return top
  }

  const valueAt = (at: number): number => heap[at] ?? Infinity

  return {
    add(place) {
      present.add(place)
      push(place)
    },

    remove(place) {
      present.delete(place)
    },

    first(count) {
      const found = new Set<number>()
      while (found.size < count) {
        const place = pop()
        if (place === null) break
        if (present.has(place)) found.add(place)
      }
      for (const place of found) push(place)
      return [...found]
    },
  }
}
