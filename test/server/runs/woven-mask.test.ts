import fc from 'fast-check'
import { expect, it } from 'vitest'
import { WovenMask } from '#server/runs/woven-mask.ts'

type Said = { text: string; from: string }

/** What a log has, and what it has of each pipe; `come` is what comes at one time. */
function woven(secrets: readonly string[], come: readonly (readonly Said[])[]) {
  const mask = new WovenMask<string>(secrets)
  const pieces = come.flatMap((said) =>
    mask.push(said.map(({ text, from }) => ({ bytes: Buffer.from(text), from }))),
  )
  const all = [...pieces, ...mask.close('out'), ...mask.end()]
  const textOf = (only: readonly { bytes: Buffer }[]) =>
    Buffer.concat(only.map(({ bytes }) => bytes)).toString()
  const of = (pipe: string) => textOf(all.filter(({ from }) => from === pipe))
  return { log: textOf(all), out: of('out'), err: of('err') }
}

const out = (text: string): Said => ({ text, from: 'out' })
const err = (text: string): Said => ({ text, from: 'err' })

it.each([
  ['by one pipe', [[out('a hunter2 b')]], 'a *** b'],
  ['in pieces', [[out('a hun')], [out('te')], [out('r2 b')]], 'a *** b'],
  ['by one and then the other', [[out('a hun')], [err('ter2 b')]], 'a *** b'],
  ['by both at once', [[out('a hun'), err('ter2 b')]], 'a *** b'],
  ['by both at once, the second first', [[err('ter2 b'), out('a hun')]], ' ba ***'],
  ['by one, while the other speaks', [[out('a hun')], [err('x y')], [out('ter2 b')]], 'a x y*** b'],
  ['by one, at once with the other', [[out('a hun'), err('x y')], [out('ter2 b')]], 'a x y*** b'],
  ['by both, in both ways', [[out('hun')], [err('ter2hun')], [out('ter2')]], '******'],
  ['twice', [[out('hunter2hunter2')]], '******'],
  ['not at all', [[out('a hun')], [err('gry')], [out(' b')]], 'a gryhun b'],
])('[R10] a secret is masked that is said %s', (_, come, expected) => {
  expect(woven(['hunter2'], come).log).toBe(expected)
})

const unit = fc.constantFrom('a', 'b', 'é')
const said = fc.record({
  text: fc.string({ unit, maxLength: 5 }),
  from: fc.constantFrom('out', 'err'),
})
const come = fc.array(fc.array(said, { maxLength: 3 }), { maxLength: 12 })
const together = (all: readonly (readonly Said[])[], pipe: string) =>
  all
    .flat()
    .filter(({ from }) => from === pipe)
    .map(({ text }) => text)
    .join('')

it('[R10] loses, adds and moves nothing of a pipe that is of no secret', () => {
  fc.assert(
    fc.property(come, (all) => {
      const { out, err } = woven(['c', 'abbaé!'], all)
      expect(out).toBe(together(all, 'out'))
      expect(err).toBe(together(all, 'err'))
    }),
    { numRuns: 2000 },
  )
})

it('[R10] lets no secret into a log, by whichever pipes and in whatever pieces it comes', () => {
  const secrets = fc.array(fc.string({ unit, minLength: 2, maxLength: 5 }), {
    minLength: 1,
    maxLength: 3,
  })
  fc.assert(
    fc.property(secrets, come, (secrets, all) => {
      const { log } = woven(secrets, all)
      for (const secret of secrets) expect(log).not.toContain(secret)
    }),
    { numRuns: 3000 },
  )
})

it('[R10] leaves nothing of a secret that is cut between pipes', () => {
  const secret = 'ééébbab'
  fc.assert(
    fc.property(fc.integer({ min: 1, max: secret.length - 1 }), fc.boolean(), (cut, isAtOnce) => {
      const halves = [out(`xx ${secret.slice(0, cut)}`), err(`${secret.slice(cut)} yy`)]
      for (const all of isAtOnce ? [[halves], [halves.toReversed()]] : [halves.map((one) => [one])])
        expect(woven([secret], all).log.replaceAll(/[xy* ]/g, '')).toBe('')
    }),
  )
})

it('[R10] holds back less than the longest secret of each pipe', () => {
  const mask = new WovenMask<string>(['aaaa', 'ab'])
  let [come, gone] = [0, 0]
  for (let n = 0; n < 2000; n += 1) {
    const text = n % 3 === 0 ? 'a' : 'caac'
    const pieces = mask.push([{ bytes: Buffer.from(text), from: n % 2 === 0 ? 'out' : 'err' }])
    come += text.length
    gone += pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(come - gone).toBeLessThan(16)
  }
})
