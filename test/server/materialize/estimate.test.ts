import { expect, it } from 'vitest'
import { runningOf } from '#server/materialize/table-views.ts'

const at = (ms: number) => new Date(Date.UTC(2026, 10, 12, 9, 30) + ms)
const left = (done: number, total: number, ms: number) => {
  const progress = { run_id: 'run_1', done, total, started_at: at(0).toISOString() }
  const { cells_per_second, left_ms } = runningOf(progress, at(ms)) ?? {}
  return [cells_per_second, left_ms]
}

it('[MT17] nothing is said of what is left before enough was measured, nor of nothing', () => {
  expect(left(2, 100_000, 134)).toEqual([null, null])
  expect(left(9, 100_000, 2000)).toEqual([null, null])
  expect(left(10, 100_000, 1999)).toEqual([null, null])
  expect(left(10, 100_000, 2000)).toEqual([5, 19_998_000])
  // Of few, one that took long is as good as ten.
  expect(left(0, 5, 60_000)).toEqual([null, null])
  expect(left(1, 5, 60_000)).toEqual([0.02, 240_000])
  expect(left(5, 5, 60_000)).toEqual([0.08, null])
})
