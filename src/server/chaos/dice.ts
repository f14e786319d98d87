/** Chance that repeats itself: the same words throw the same, on every machine. */
export type Dice = {
  /** 0 to `sides` - 1. */
  roll(sides: number): number
  /** True so often of 1. */
  isLucky(chance: number): boolean
  /** One of them; of none, `otherwise`. */
  pick<T>(of: readonly T[], otherwise: T): T
}

export function diceOf(words: string): Dice {
  // FNV-1a makes a state of the words, mulberry32 goes on from it. Nothing here has to be unguessable.
  let state = 0x811c9dc5
  for (const char of words) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193)

  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const roll = (sides: number) => Math.floor(next() * sides)
  return {
    roll,
    isLucky: (chance) => next() < chance,
    pick: (of, otherwise) => of[roll(of.length)] ?? otherwise,
  }
}
