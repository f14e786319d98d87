/*
 * The joins that `reduce` is made of. Each is commutative, associative and idempotent, and answers its first argument
 * where the second adds nothing: those four make replay, reload and reconnection safe, and are what the tests hold.
 */

/** A JSON value that is known, or null. */
type Known = null | string | number | boolean | object

/**
 * The one that says more; between two that say equally much but not the same, the later in a fixed order. The choice
 * there carries no truth (a timeline contradicts itself); it only has to be the same in every order of arrival.
 */
export function fuller<T extends Known>(a: T, b: T): T {
  if (a === b || b === null) return a
  if (a === null) return b
  const more = said(b) - said(a) || order(b, a)
  return more > 0 ? b : a
}

/** The first where it says anything: it is the stronger. */
export function firstSaid<T extends Known>(a: T, b: T): T {
  return a === null ? b : a
}

/** Which of two that are told of one thing. */
export type Choose = <T extends Known>(a: T, b: T) => T

export function larger(a: number, b: number): number {
  return b > a ? b : a
}

/** Two lists sorted by a unique key become one; elements of equal key are joined. `a` itself if nothing changed. */
export function joinSorted<T>(
  a: T[],
  b: readonly T[],
  keyOf: (element: T) => string | number,
  joinElement: (a: T, b: T) => T,
): T[] {
  // A snapshot or half a record arrives whole: placing its steps one by one would copy the list each time.
  if (b.length > 1) return merge(a, b, keyOf, joinElement)
  const [element] = b
  if (element === undefined) return a
  const at = place(a, keyOf(element), keyOf)
  const present = a[at]
  if (present === undefined || keyOf(present) !== keyOf(element)) return a.toSpliced(at, 0, element)
  const next = joinElement(present, element)
  return next === present ? a : a.with(at, next)
}

function merge<T>(
  a: T[],
  b: readonly T[],
  keyOf: (element: T) => string | number,
  joinElement: (a: T, b: T) => T,
): T[] {
  const sorted = b.toSorted((x, y) => (keyOf(x) < keyOf(y) ? -1 : keyOf(x) > keyOf(y) ? 1 : 0))
  const joined: T[] = []
  let changed = false
  let at = 0
  for (const element of sorted) {
    const key = keyOf(element)
    let present = a[at]
    while (present !== undefined && keyOf(present) < key) {
      joined.push(present)
      at += 1
      present = a[at]
    }
    const isKnown = present !== undefined && keyOf(present) === key
    const next = present !== undefined && isKnown ? joinElement(present, element) : element
    changed ||= next !== present
    if (isKnown) at += 1
    joined.push(next)
  }
  return changed ? joined.concat(a.slice(at)) : a
}

/** Index of the first element whose key is not before `key`, in a list sorted by it. */
export function place<T>(
  list: readonly T[],
  key: string | number,
  keyOf: (element: T) => string | number,
): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const element = list[middle]
    if (element !== undefined && keyOf(element) < key) low = middle + 1
    else high = middle
  }
  return low
}

/** How many leaves of a value are known. */
function said(value: Known): number {
  if (value === null) return 0
  if (typeof value !== 'object') return 1
  return members(value).reduce((sum, [, member]) => sum + said(member), 0)
}

/** A total order of JSON values in which only equal ones compare 0; independent of the order of members. */
export function order(a: Known, b: Known): number {
  if (a === b) return 0
  const kind = rank(a) - rank(b)
  if (kind !== 0) return kind
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const left = members(a)
    const right = members(b)
    for (const [index, [key, value]] of left.entries()) {
      const other = right[index]
      if (other === undefined) return 1
      const difference = order(key, other[0]) || order(value, other[1])
      if (difference !== 0) return difference
    }
    return left.length - right.length
  }
  return a !== null && b !== null && a < b ? -1 : 1
}

// Elements of a list by their index, members of an object by their sorted keys.
function members(value: object): [string | number, Known][] {
  const known: Record<string, Known> = { ...value }
  return Array.isArray(value)
    ? Object.entries(known).map(([, element], index) => [index, element])
    : Object.entries(known).toSorted((a, b) => (a[0] < b[0] ? -1 : 1))
}

function rank(value: Known): number {
  if (value === null) return 0
  if (typeof value === 'object') return Array.isArray(value) ? 4 : 5
  return typeof value === 'boolean' ? 1 : typeof value === 'number' ? 2 : 3
}
