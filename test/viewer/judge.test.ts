// @vitest-environment node
import { expect, it, vi } from 'vitest'
import { sha256 } from '#evidence/digest.ts'
import { newSigner, pinned, planStep, type Sealed, startRun } from '#test/evidence/fixture.ts'
import { judge, type Judged } from '#viewer/offline/judge.ts'
import type { FileAt } from '#viewer/parts/dropped-files.ts'

/* What verifier.html makes of files that came together. */

const signer = await newSigner()
const nobody = await newSigner(99)

const at = (path: string, content: BlobPart): FileAt => ({
  path,
  file: new File([content], path.split('/').at(-1) ?? ''),
})
const envelope = (path: string, { bytes }: Sealed) => at(path, bytes.slice())

/** A run with one log of this text. */
async function logged(text: string, nth: number, by = signer): Promise<Sealed> {
  const ids = { evidence_id: `ev-${nth}`, run_id: `run-${nth}` }
  const run = startRun(by, { steps: [planStep('test')] }, ids)
  const digest = sha256(text)
  const [bytes, chunks] = [text.length, [digest]]
  run.step('test', { log: { sha256: digest, bytes, lines: 1, truncated: false, chunks } })
  return await run.seal()
}

const judged = async (given: Partial<Parameters<typeof judge>[0]>) =>
  await judge(
    { envelopes: [], trust: [pinned(signer)], refused: [], attached: [], former: [], ...given },
    { onProgress: () => undefined },
  )

const besideIn = (one: Judged | undefined) =>
  one && 'attached' in one
    ? one.attached.map(({ claim: { code, state } }) => `${code}: ${state}`)
    : []

it('[A6] a changed log is accused beside whatever other envelope, and proven by none', async () => {
  const [said, lie] = ['3 tests FAILED\n', '3 tests passed\n']
  const first = envelope('export/envelope.json', await logged(said, 1))
  const attached = [at(`export/logs/${sha256(said)}`, lie)]
  const refused = 'attached-differs: does not verify'
  expect(besideIn((await judged({ envelopes: [first], attached }))[0])[0]).toBe(refused)
  for (const by of [nobody, signer]) {
    const other = envelope('export/other.json', await logged(lie, 2, by))
    for (const envelopes of [
      [first, other],
      [other, first],
    ])
      for (const one of await judged({ envelopes, attached }))
        expect(besideIn(one)[0]).toBe(refused)
    // Nor where the other one took its place.
    const [after] = await judged({ envelopes: [other], attached, former: [first] })
    expect(besideIn(after)[0]).toBe(refused)
  }
})

it('[A6] what belongs to another envelope is no fault of this one, also of one that was given before', async () => {
  const long = 'a longer log than the other\n'
  const [one, two] = [await logged(long, 1), await logged('second\n', 2)]
  const [first, second] = [envelope('1/envelope.json', one), envelope('2/envelope.json', two)]
  const attached = [
    at(`1/logs/${sha256(long)}`, long),
    at(`2/logs/${sha256('second\n')}`, 'second\n'),
  ]
  const whole = ['attached-whole: proven']
  const found = await judged({ envelopes: [first, second], attached })
  expect(found.map(besideIn)).toEqual([whole, whole])
  const [before] = found
  if (!before || !('recorded' in before) || !before.recorded) throw new Error('nothing on record')
  // Known by what was found then, or from its file where nothing was.
  for (const former of [[first], [before.recorded]])
    expect(besideIn((await judged({ envelopes: [second], attached, former }))[0])).toEqual(whole)
  const stray = [...attached, at('2/evil.sh', 'rm')]
  const [beside] = await judged({ envelopes: [second], attached: stray, former: [first] })
  expect(besideIn(beside)).toEqual([...whole, 'attached-unknown: does not verify'])
})

it('[A6] each file is read once, beside however many envelopes', async () => {
  const envelopes = await Promise.all(
    [1, 2, 3].map(async (nth) => envelope(`${nth}.json`, await logged(`log ${nth}\n`, nth))),
  )
  const attached = [1, 2, 3].map((nth) => at(`${nth}.log`, `log ${nth}\n`))
  const reads = attached.map(({ file }) => vi.spyOn(file, 'arrayBuffer'))
  const found = await judged({ envelopes, attached })
  expect(found.map(besideIn)).toEqual([1, 2, 3].map(() => ['attached-whole: proven']))
  expect(reads.map(({ mock }) => mock.calls.length)).toEqual([1, 1, 1])
})
