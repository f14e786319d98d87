import fc from 'fast-check'
import { expect, it } from 'vitest'
import { holdingOf } from '#evidence/holding.ts'
import { requirementOf } from '#evidence/keep.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, planGate, planStep, startRun } from './fixture.ts'
import { workOf } from './work.ts'

/* What is made of a record in one click: of one that anyone can write, in which two things are many. */

const stranger = await newSigner(9)
const times = <T>(many: number, of: (n: number) => T): T[] =>
  Array.from({ length: many }, (_, n) => of(n))

async function verified(
  many: number,
  inputAt: (n: number) => string,
  elementAt: (n: number) => string,
) {
  const gates = times(many, (n) => planGate(`g${n}`, { question: `Is it ${n}?` }))
  const argv = ['x', ...times(many, elementAt)]
  const inputs = Object.fromEntries(times(many, (n) => [`in${n}`, inputAt(n)]))
  const run = startRun(stranger, { steps: [planStep('a', { argv })], gates }, { inputs })
  run.step('a')
  for (const { step_id } of gates) run.gate(step_id)
  const { envelope } = await verifyEnvelope((await run.seal()).bytes, { trust: [] })
  if (envelope === null) throw new Error('the record does not verify')
  return envelope
}

it.each([
  ['inputs × questions of gates', (n: number) => `none of them ${n}`, (n: number) => `e${n}`],
  ['inputs of one value × elements that have it', () => 'same', () => 'same'],
])('[V26] %s: twice as many are twice the work', async (_, inputAt, elementAt) => {
  const work = async (many: number) => {
    const envelope = await verified(many, inputAt, elementAt)
    return await workOf(async () => requirementOf(envelope, 'this version'))
  }
  expect((await work(600)) / (await work(300))).toBeLessThan(2.05)
})

it('[V22] what is pinned of elements that are inputs is bounded, and what is beyond is no input', async () => {
  const envelope = await verified(
    200,
    () => 'same',
    () => 'same',
  )
  const { plan } = requirementOf(envelope, 'this version')
  expect(plan?.inputs).toHaveLength(10_000)
  expect(plan?.inputs.at(-1)).toEqual({ step_id: 'a', element: 50, input: 'in99' })
})

it('[V22] a text that holds one of many is found as each by itself would be', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '🙂', '\uD83D'), maxLength: 12 })
  fc.assert(
    fc.property(fc.array(text), fc.array(text, { maxLength: 8 }), (texts, parts) => {
      expect(holdingOf(texts, parts)).toEqual(
        texts.map((one) => parts.some((part) => one.includes(part))),
      )
    }),
  )
  const many = times(20_000, (n) => `${n}`.padEnd(60, 'x'))
  expect(holdingOf(['y'.repeat(70)], many)).toBeNull()
})
