import { expect, it } from 'vitest'
import { steadyClock } from '#viewer/stream/steady-clock.ts'

it('[U3] goes on in a sleep, and never back when the time of day is set', () => {
  let [counted, wall] = [0, 1_000_000]
  const clock = steadyClock(
    () => counted,
    () => wall,
  )
  const after = (countedMs: number, wallMs: number): number => {
    counted += countedMs
    wall += wallMs
    return clock()
  }
  expect(after(1000, 1001)).toBe(1000)
  // Asleep for a minute.
  expect(after(10, 60_000)).toBe(61_000)
  expect(after(1000, 1000)).toBe(62_000)
  // Set back by an hour.
  expect(after(1000, 1000 - 3_600_000)).toBe(63_000)
  expect(after(1000, 1000)).toBe(64_000)
})
