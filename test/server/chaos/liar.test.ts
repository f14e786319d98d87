import { expect, it } from 'vitest'
import { keysOf } from '#contract/status.ts'
import { diceOf } from '#server/chaos/dice.ts'
import { FRAME_LIE, type Act } from '#server/chaos/frame-lies.ts'
import { createLiar, type Liar, type LiarOptions } from '#server/chaos/liar.ts'
import { nothingSeen, see } from '#server/chaos/seen.ts'

const event = (seq: number) =>
  `event: run_started\ndata: {"type":"run_started","run_id":"run_${seq}","title":"Größe"}\nid: e-${seq}\n\n`
const SEEDS = Array.from({ length: 12 }, (_, seed) => seed)

/** All that a liar does to some streams and questions, as text. */
function told(liar: Liar, between: () => void = () => undefined): string {
  const all = Array.from({ length: 20 }, () => {
    const stream = liar.stream()
    between()
    const acts = Array.from({ length: 20 }, (_, seq) => stream.passes(event(seq + 1)))
    return [stream.refusal, acts.map((act) => act.map(written)), liar.answer('/api/runs')]
  })
  return JSON.stringify(all)
}

const written = (act: Act) =>
  'bytes' in act ? [act.act, Buffer.from(act.bytes).toString('base64')] : act

const honest = (seq: number) => [{ act: 'send', bytes: Buffer.from(event(seq)) }]

it('[CH10] a seed is the same lies again, whatever else was asked meanwhile', () => {
  for (const seed of SEEDS) {
    const liar = createLiar(seed)
    const asksMore = () => {
      liar.answer('/api/status')
    }
    expect(told(liar, asksMore)).toBe(told(createLiar(seed)))
  }
  expect(new Set(SEEDS.map((seed) => told(createLiar(seed)))).size).toBe(SEEDS.length)
})

it('[CH11] tells at most as many lies as it may, and is then a plain proxy', () => {
  for (const seed of SEEDS) {
    const liar = exhausted(seed, { most: 5 })
    expect(liar.state()).toEqual({ told: 5, lying: false })
    expectHonest(liar)
  }
})

it('[CH11] stops when it is told to', () => {
  for (const seed of SEEDS) {
    const liar = createLiar(seed)
    told(liar)
    liar.stop()
    expect(liar.state().lying).toBe(false)
    expectHonest(liar)
  }
})

it('[CH12] tells every lie that there is, and ends none of them with what would hang a reader for good', () => {
  const seen = nothingSeen()
  for (let seq = 1; seq <= 100; seq++) see(seen, event(seq))
  for (const lie of keysOf(FRAME_LIE))
    for (const seed of SEEDS) {
      const acts = FRAME_LIE[lie]({
        event: event(3),
        seen,
        dice: diceOf(`${seed}`),
        longestMs: 1000,
      })
      const waited = acts.reduce((sum, act) => sum + (act.act === 'wait' ? act.ms : 0), 0)
      const bytes = acts.reduce((sum, act) => sum + ('bytes' in act ? act.bytes.length : 0), 0)
      expect([lie, waited <= 1000, bytes < 2 * 1024 * 1024]).toEqual([lie, true, true])
    }
})

it('remembers a bounded number of names and events', () => {
  const seen = nothingSeen()
  for (let seq = 1; seq <= 1000; seq++) see(seen, event(seq))
  expect([seen.events.length, seen.runs.size, seen.seq]).toEqual([64, 64, 1000])
})

function exhausted(seed: number, options: LiarOptions): Liar {
  const liar = createLiar(seed, options)
  while (liar.state().lying) told(liar)
  return liar
}

function expectHonest(liar: Liar): void {
  const stream = liar.stream()
  expect(stream.refusal).toBeNull()
  expect(liar.answer('/api/runs')).toBeNull()
  for (let seq = 1; seq < 30; seq++) expect(stream.passes(event(seq))).toEqual(honest(seq))
}
