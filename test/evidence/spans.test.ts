import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '#contract/envelope.ts'
import { readPlainly } from '#evidence/read.ts'
import { spansOf } from '#evidence/spans.ts'
import { optionsFor, readAttack, readAttackTable } from './attacks.ts'
import { expectOneReading, verifyBothWays } from './both-ways.ts'
import { newSigner, pinned, planGate, planStep, SHAPES, startRun } from './fixture.ts'
import { SEED } from './seed.ts'

/* Two ways to read one file, and one thing to be found. */

const signer = await newSigner()
const honest = await Promise.all(Object.values(SHAPES).map((seal) => seal(signer)))

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const isQuick = (bytes: Uint8Array): boolean => spansOf(bytes, LIMITS) !== null

describe('one pass over the bytes and the plain way', () => {
  const table = readAttackTable()
  it.each(table.attacks.map((attack) => [attack.file, attack] as const))(
    '[V23] find the same in %s',
    async (_file, attack) => {
      await verifyBothWays(readAttack(attack), optionsFor(attack, table))
    },
  )

  it('[V23] the quick one is certain of every honest file, whatever it says', async () => {
    for (const { bytes } of honest) expect(isQuick(bytes)).toBe(true)
    const any = fc.string({ unit: 'binary', maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(any, any, any, any, fc.dictionary(key, any), async (a, b, c, d, inputs) => {
        const run = startRun(
          signer,
          {
            steps: [planStep('build', { argv: ['/bin/sh', '-c', a, b], env: { A: b, B: null } })],
            gates: [planGate('ship', { question: c })],
          },
          { title: d, inputs },
        )
        run.step('build', {
          argv: ['/bin/sh', '-c', a, b],
          outcome: 'failed',
          exit_code: 1,
          reason: c,
        })
        run.gate('ship', { decisions: [{ approver: 'user:ann', comment: d }] })
        const { bytes } = await run.seal()
        expect(isQuick(bytes)).toBe(true)
        await verifyBothWays(bytes, { trust: [pinned(signer)] })
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  it('[V23] agree on a record that is longer than what is parsed at a time', async () => {
    const steps = Array.from({ length: 40 }, (_, index) =>
      planStep(`step-${index}`, { argv: ['/bin/echo', String(index).repeat(10_000)] }),
    )
    const run = startRun(signer, { steps, gates: [planGate('ship', { needs: ['step-39'] })] })
    // Not in the order of the plan, in which they are parsed fastest.
    for (const { step_id, argv } of steps.toReversed()) run.step(step_id, { argv })
    run.gate('ship', { decisions: [{ approver: 'user:ann' }] })
    const { bytes } = await run.seal()
    expect(isQuick(bytes)).toBe(true)
    await expectOneReading(bytes)
    const { verdict } = await verifyBothWays(bytes, { trust: [pinned(signer)] })
    expect(verdict).toBe('proven')
  })

  it('[V23] agree on every byte that is another one, is gone or is there twice', async () => {
    const run = startRun(
      signer,
      { steps: [planStep('build', { artifacts: ['a.tgz'] })], gates: [planGate('ship')] },
      { title: 'Übung “1”\n\u{1f600}', inputs: { a: 'é', b: '"' } },
    )
    run.step('build')
    run.gate('ship', { decisions: [{ approver: 'user:ann' }] })
    const { bytes } = await run.seal()
    await expectOneReading(bytes)
    expect(isQuick(bytes)).toBe(true)
    let passed = 0
    for (let at = 0; at < bytes.length; at += 1) {
      const put = ODD[(at * 7) % ODD.length] ?? 0
      const rest = bytes.subarray(at + 1)
      const middle = [[put], [], [bytes[at] ?? 0, put]][at % 3] ?? []
      passed += agree(Uint8Array.from([...bytes.subarray(0, at), ...middle, ...rest])) ? 1 : 0
    }
    // Digits of digests and letters of texts, say: enough for the comparison to mean something.
    expect(passed).toBeGreaterThan(bytes.length / 20)
  })

  it.each<[string, string | RegExp, string]>([
    ['too few links', /"links":\[(\{[^}]*\}),[^\]]*\]/g, '"links":[$1]'],
    ['a key out of order', '"inputs":{"a":"1","b":"2"}', '"inputs":{"b":"2","a":"1"}'],
    ['a key twice', '"inputs":{"a":"1","b":"2"}', '"inputs":{"a":"1","a":"2"}'],
    ['a key that no key is', '"inputs":{"a":"1"', '"inputs":{"__proto__":"1"'],
    ['a list that is too short', '"argv":["/bin/sh","-c","echo build"]', '"argv":[]'],
    ['a list that is too long', '"signatures":[{', '"signatures":[{"keyid":"00","sig":""},{'],
    ['a path that is too long', '"path":"a.tgz"', `"path":"${'a'.repeat(1025)}"`],
    ['a text that is too long', '"title":"Release"', `"title":"${'é'.repeat(40_000)}"`],
    ['a number that is too small', '"quorum":1', '"quorum":0'],
    ['a number that is too large', '"exit_code":0', '"exit_code":256'],
    ['a word of no set', '"outcome":"approved"', '"outcome":"approve"'],
    ['a member too many', '"attempt":1', '"asked":1,"attempt":1'],
    ['a member too few', '"attempt":1,', ''],
    ['an object that is a list', '"rerun_of":null', '"rerun_of":[]'],
    ['an escape where none belongs', '"title":"Release"', '"title":"Rel\\u0065ase"'],
    ['half a pair', '"title":"Release"', '"title":"Rel\\ud800ease"'],
  ])('[V23] agree on %s, and are not taken in', async (_name, from, to) => {
    const run = startRun(
      signer,
      { steps: [planStep('build', { artifacts: ['a.tgz'] })], gates: [planGate('ship')] },
      { inputs: { a: '1', b: '2' } },
    )
    run.step('build')
    run.gate('ship', { decisions: [{ approver: 'user:ann' }] })
    const text = decoder.decode((await run.seal()).bytes)
    const changed = new TextEncoder().encode(text.replaceAll(from, to))
    expect(text).toMatch(from)
    expect(isQuick(changed)).toBe(false)
    expect(() => readPlainly(changed, LIMITS)).toThrow()
    await expectOneReading(changed)
  })

  it.each([
    ['a smaller depth', { depth: 4 }],
    ['shorter texts', { textBytes: 8 }],
    ['fewer bytes', { bytes: 100 }],
    ['fewer entries', { entries: 1 }],
    ['no artifact', { artifactsPerStep: 0 }],
  ])('[V23] keep to %s', async (_name, limit) => {
    for (const { bytes } of honest) await expectOneReading(bytes, { ...LIMITS, ...limit })
  })
})

const key = fc.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/).filter((name) => name !== '__proto__')

const ODD = [
  ...new TextEncoder().encode('"\\{}[],:0019afAZ-.e +tn'),
  0,
  0x0a,
  0x1f,
  0x7f,
  0x80,
  0xc3,
  0xed,
]

/** Was it read? Where the quick way was certain, the plain one says the same. */
function agree(bytes: Uint8Array): boolean {
  if (spansOf(bytes, LIMITS) === null) return false
  expect(() => readPlainly(bytes, { ...LIMITS, entries: 0 })).toThrow(/more than 0 entries/)
  return true
}
