// @vitest-environment node
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Run } from '#contract/run.ts'
import { join } from '#live/reduce.ts'
import { diceOf } from '#server/chaos/dice.ts'
import { createLiar } from '#server/chaos/liar.ts'
import { type FactRow, factRows } from '#viewer/operate/two-timelines.ts'
import { LyingCompanion } from './lying-companion.ts'
import { openPage, type OpenPage } from './page.ts'
import { recordWorld, type World } from './recorded-world.ts'

/*
 * A page before a server that lies: whatever it does, nothing false is ever labelled recorded or verified.
 * RUNSEAL_SEED=N is the one history N again.
 */

const ONE = process.env['RUNSEAL_SEED']
const MANY = Number(process.env['RUNSEAL_HISTORIES'] ?? 200)
const SEEDS = ONE === undefined ? Array.from({ length: MANY }, (_, n) => n + 1) : [Number(ONE)]

const STEP_MS = 500

let world: World
beforeAll(async () => {
  world = await recordWorld()
  vi.stubGlobal('location', new URL('http://localhost/'))
})
afterAll(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a page before a lying server', () => {
  it.each(SEEDS)('[CH1] says nothing false, seed %i', async (seed) => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
      now: Date.parse('2026-11-12T09:30:00.000Z'),
    })
    const liar = createLiar(seed, { longestMs: 40_000 })
    const dice = diceOf(`history ${seed}`)
    const companion = new LyingCompanion(world, liar, dice)
    vi.stubGlobal('fetch', companion.fetch)
    const page = openPage(world, () => dice.roll(1000) / 1000)
    const passes = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += STEP_MS) {
        vi.advanceTimersByTime(STEP_MS)
        await turn()
        checkNothingFalse(page)
      }
    }
    try {
      await passes(dice.roll(3000))
      while (companion.goOn()) {
        if (dice.isLucky(0.02)) companion.restart()
        await passes(dice.pick([0, 0, 50, 500, 2500, 2500, 20_000], 0))
      }
      await passes(dice.roll(20_000))
    } finally {
      page.close()
    }
  })
})

const checked = new WeakMap<OpenPage, unknown>()

function checkNothingFalse(page: OpenPage): void {
  const { board } = page.store.getState()
  const verified = world.runs.map(({ run_id }) => page.verified(run_id))
  const state = [board, ...verified]
  const before = checked.get(page)
  if (Array.isArray(before) && state.every((one, i) => one === before[i])) return
  checked.set(page, state)
  for (const [run_id, { hint, record }] of board.runs) {
    const recorded = world.runs.find((run) => run.run_id === run_id)
    const final = recorded?.moments.at(-1)?.run
    if (final === undefined) {
      expect(record, `${run_id} is on no record`).toBeNull()
      continue
    }
    // What is on record only grows: whatever the page has of it adds nothing to how it ended.
    if (record) expect(join(final, record), `${run_id} on record`).toBe(final)
    const proven = page.verified(run_id)
    if (proven) expect(proven.ended, `${run_id} verified`).toEqual(final.ended)
    const meant = meantBy(final, proven)
    for (const row of factRows(hint, record, proven, ORDER))
      if (row.told.by !== 'hint') checkRow(run_id, row, meant.get(row.key))
  }
}

const ORDER = ['build', 'release']
const meantBefore = new Map<Run, ReadonlyMap<string, FactRow>>()

/** What each row has to say in the end. The same of a run, whoever has verified it. */
function meantBy(final: Run, proven: Run | null): ReadonlyMap<string, FactRow> {
  const known = meantBefore.get(final)
  if (known && proven === null) return known
  const meant = new Map(factRows(final, final, proven, ORDER).map((row) => [row.key, row]))
  if (proven === null) meantBefore.set(final, meant)
  return meant
}

// Recorded, verified, or contradicted with what stands: it is so.
function checkRow(run_id: string, { key, told }: FactRow, truth: FactRow | undefined): void {
  const fact = `${run_id} ${key} ${told.by}`
  expect([fact, told.value]).toEqual([fact, truth?.told.value])
}
