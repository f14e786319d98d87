// @vitest-environment node
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Run } from '#contract/run.ts'
import type { TwoTimelines } from '#live/board.ts'
import { join, over } from '#live/reduce.ts'
import { openGates, statusOf, summaryOf } from '#live/select.ts'
import { diceOf } from '#server/chaos/dice.ts'
import { createLiar } from '#server/chaos/liar.ts'
import { presentOf } from '#viewer/operate/present.ts'
import { type FactRow, factRows } from '#viewer/operate/two-timelines.ts'
import { LyingCompanion } from './lying-companion.ts'
import { openPage, type OpenPage } from './page.ts'
import { recordWorld, type World } from './recorded-world.ts'

/*
 * A page before a server that lies: whatever it does, nothing false is ever labelled recorded or verified, and when it
 * stops lying the page is what is on record. RUNSEAL_SEED=N is the one history N again.
 */

const ONE = process.env['RUNSEAL_SEED']
const MANY = Number(process.env['RUNSEAL_HISTORIES'] ?? 200)
const SEEDS = ONE === undefined ? Array.from({ length: MANY }, (_, n) => n + 1) : [Number(ONE)]

/** Longest that a page takes to find out after the last lie. */
const HEALED_WITHIN_MS = 120_000
const STEP_MS = 1000

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
  it.each(SEEDS)(
    '[CH1] [CH2] says nothing false and ends equal to the record, seed %i',
    async (seed) => {
      vi.useFakeTimers({
        toFake: [
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'Date',
          'performance',
        ],
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
        liar.stop()
        for (
          let healed = 0;
          healed < HEALED_WITHIN_MS && differences(page).length > 0;
          healed += 1000
        )
          await passes(1000)
        expect(differences(page), `seed ${seed}: RUNSEAL_SEED=${seed} is the same again`).toEqual(
          [],
        )
      } finally {
        page.close()
      }
    },
  )
})

/** Everything that the page has and the record has not, or the other way round. */
function differences(page: OpenPage): string[] {
  const { board } = page.store.getState()
  const { runs, gates, counts } = page.lists()
  const truth = world.runs.flatMap(({ moments }) => moments.at(-1)?.run ?? [])
  const found = world.runs.flatMap(({ run_id, moments, envelope }) => {
    const final = moments.at(-1)?.run
    const known = board.runs.get(run_id)
    if (final === undefined || !known?.record) return [`${run_id}: no record`]
    const verified = page.verified(run_id)
    const present = presentOf(board, known, verified)
    const meant = verified === null ? final : over(verified, final)
    return [
      ...(same(known.record, final) ? [] : [`${run_id}: the record is another`]),
      ...(envelope === null || verified !== null ? [] : [`${run_id}: not verified`]),
      ...(same(present, meant) ? [] : [`${run_id}: a hint is shown over the record`]),
    ]
  })
  if (!same(runs, truth.map(summaryOf))) found.push('the list of runs is another')
  const open = truth.flatMap(openGates).map(({ gate_id }) => gate_id)
  if (!same(idsOf(gates), open)) found.push('the inbox is another')
  if (!same(counts, countsOf(truth))) found.push('the counts are others')
  return found
}

/** What was looked at already: a run on both timelines that is the same object is the same. */
const checked = new WeakMap<TwoTimelines, Run | 'not verified'>()

function checkNothingFalse(page: OpenPage): void {
  for (const [run_id, run] of page.store.getState().board.runs) {
    const proven = page.verified(run_id)
    if (checked.get(run) === (proven ?? 'not verified')) continue
    checked.set(run, proven ?? 'not verified')
    checkRun(run_id, run, proven)
  }
}

function checkRun(run_id: string, { hint, record }: TwoTimelines, proven: Run | null): void {
  const final = world.runs.find((run) => run.run_id === run_id)?.moments.at(-1)?.run
  if (final === undefined) {
    expect(record, `${run_id} is on no record`).toBeNull()
    return
  }
  // What is on record only grows: whatever the page has of it adds nothing to how it ended.
  if (record) expect(join(final, record) === final, `${run_id} on record`).toBe(true)
  if (proven) expect(proven.ended, `${run_id} verified`).toEqual(final.ended)
  const meant = meantBy(final, proven)
  for (const row of factRows(hint, record, proven, ORDER))
    if (row.told.by !== 'hint') checkRow(run_id, row, meant.get(row.key))
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

function idsOf(gates: unknown): string[] {
  return Array.isArray(gates) ? gates.map((gate: { gate_id: string }) => gate.gate_id) : []
}

function countsOf(runs: readonly Run[]): Record<string, number> {
  const counts: Record<string, number> = {
    queued: 0,
    running: 0,
    needs_input: 0,
    succeeded: 0,
    failed: 0,
    aborted: 0,
  }
  for (const run of runs) counts[statusOf(run)] = (counts[statusOf(run)] ?? 0) + 1
  return counts
}

const same = (a: unknown, b: unknown): boolean =>
  JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

// Members in one order, so that equal is equal text.
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  )
}
