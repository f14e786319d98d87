// @vitest-environment node
import { expect, it, vi } from 'vitest'
import { OF_ANOTHER } from '#evidence/beside.ts'
import { sha256 } from '#evidence/digest.ts'
import type { Trusted } from '#evidence/trust.ts'
import {
  newSigner,
  pinned,
  planGate,
  planStep,
  type Sealed,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { formerOf, judge, type Judged } from '#viewer/offline/judge.ts'
import type { FileAt } from '#viewer/parts/dropped-files.ts'

/* What verifier.html makes of files that came together. */

const signer = await newSigner()
const nobody = await newSigner(99)

const at = (path: string, content: BlobPart): FileAt => ({
  path,
  file: new File([content], path.split('/').at(-1) ?? ''),
})
const envelope = (path: string, { bytes }: Sealed) => at(path, bytes.slice())

/** A run with one log of this text, some places after the one before it. */
async function logged(text: string, nth: number, by = signer): Promise<Sealed> {
  const ids = { evidence_id: `ev-${nth}`, run_id: `run-${nth}` }
  const run = startRun(by, { steps: [planStep('test')] }, ids)
  const digest = sha256(text)
  const [bytes, chunks] = [text.length, [digest]]
  run.step('test', { log: { sha256: digest, bytes, lines: 1, truncated: false, chunks } })
  const previous = nth === 1 ? null : { evidence_id: `ev-before-${nth}`, head: 'a'.repeat(64) }
  return await run.seal({ seal_seq: nth * 9 - 8, previous })
}

const together = async (given: Partial<Parameters<typeof judge>[0]>) =>
  await judge(
    { envelopes: [], trust: [pinned(signer)], refused: [], attached: [], former: [], ...given },
    { onProgress: () => undefined },
  )
const judged = async (given: Parameters<typeof together>[0]) => (await together(given)).judged

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
  // Known by what was found then, or from its file where nothing was.
  for (const former of [[first], found.slice(0, 1).map(formerOf)])
    expect(besideIn((await judged({ envelopes: [second], attached, former }))[0])).toEqual(whole)
  const stray = [...attached, at('2/evil.sh', 'rm')]
  const [beside] = await judged({ envelopes: [second], attached: stray, former: [first] })
  expect(besideIn(beside)).toEqual([...whole, 'attached-unknown: does not verify'])
})

it.each([
  ['a.html', 'b.html'],
  ['run.html', 'run.html'],
])(
  '[A6] [C24] what came in a page is held against others only where the record of that page verifies: %s, %s',
  async (...names) => {
    const pages = names.map((name, number) => ({ name, number }))
    const inPage = (nth: number, name: string, content: BlobPart) => {
      const page = pages[nth] ?? { name: '', number: nth }
      return { ...at(`${page.name}/${name}`, content), page }
    }
    const page = (nth: number, log: string, text: BlobPart): [FileAt, FileAt] => [
      inPage(nth, 'envelope.json', text),
      inPage(nth, `logs/${sha256(log)}`, log),
    ]
    const [one, two] = [await logged('first\n', 1), await logged('second\n', 2)]
    const [first, firstLog] = page(0, 'first\n', one.bytes.slice())
    const text = new TextDecoder().decode(one.bytes)
    const [failing] = page(0, 'first\n', text.replace('succeeded', 'abandoned'))
    const [second, secondLog] = page(1, 'second\n', two.bytes.slice())
    const attached = [firstLog, secondLog]
    const whole = ['attached-whole: proven']
    const [bad, good] = await judged({ envelopes: [failing, second], attached })
    expect(bad).toMatchObject({
      found: { verdict: 'does not verify' },
      attached: [],
      unread: [{ path: firstLog.path }],
    })
    expect(good).toMatchObject({ found: { verdict: 'proven' }, unread: [] })
    expect(besideIn(good)).toEqual(whole)
    // Given before it is the same: that one failed, or is not known yet.
    for (const former of [[], [failing]])
      expect((await judged({ envelopes: [second], attached, former })).map(besideIn)).toEqual([
        whole,
      ])
    // What is on record nowhere is a fault of the page that it came in, and of no other.
    const stray = [...attached, inPage(0, 'logs/x', 'x')]
    expect((await judged({ envelopes: [first, second], attached: stray })).map(besideIn)).toEqual([
      [...whole, 'attached-unknown: does not verify'],
      whole,
    ])
    for (const former of [[first], (await judged({ envelopes: [first] })).map(formerOf)])
      expect(
        (await judged({ envelopes: [second], attached: stray, former })).map(besideIn),
      ).toEqual([whole])
    // Of one that was given before it is compared with nothing, right or changed, and that is told.
    for (const text of ['first\n', 'changed\n']) {
      const log = inPage(0, `logs/${sha256('first\n')}`, text)
      const [after] = await judged({ envelopes: [second], attached: [log], former: [first] })
      expect(after).toMatchObject({
        found: { verdict: 'proven' },
        unread: [{ path: log.path, why: OF_ANOTHER }],
      })
    }
  },
)

it('[A6] what lies in the folder of an envelope is of that, and accuses no other', async () => {
  const [one, two] = [await logged('first\n', 1), await logged('second\n', 2)]
  const damaged = new TextDecoder().decode(one.bytes).replace('succeeded', 'abandoned')
  const [first, failing] = [envelope('1/envelope.json', one), at('1/envelope.json', damaged)]
  const second = envelope('2/envelope.json', two)
  const logs = [
    at(`1/logs/${sha256('first\n')}`, 'first\n'),
    at(`2/logs/${sha256('second\n')}`, 'second\n'),
  ]
  const stray = at('1/logs/more/x', 'x')
  const [whole, accused] = ['attached-whole: proven', 'attached-unknown: does not verify']
  expect(
    (await judged({ envelopes: [first, second], attached: [...logs, stray] })).map(besideIn),
  ).toEqual([[whole, accused], [whole]])
  // Nor where that is not there any more.
  for (const former of [[first], [failing]])
    expect(
      (await judged({ envelopes: [second], attached: [...logs, stray], former })).map(besideIn),
    ).toEqual([[whole]])
  const changed = at(`1/logs/${sha256('second\n')}`, 'first\n')
  const [bad, good] = await judged({
    envelopes: [failing, second],
    attached: [...logs, stray, changed],
  })
  expect(besideIn(good)).toEqual([whole])
  expect(good).toMatchObject({ unread: [] })
  const why = 'The record that it came with does not verify'
  expect(bad).toMatchObject({
    unread: [logs[0], stray, changed].map((file) => ({ path: file?.path, why })),
  })
  // Another copy of it has its log there.
  const [again] = await judged({
    envelopes: [envelope('copy.json', one)],
    attached: logs,
    former: [failing, second],
  })
  expect(besideIn(again)).toEqual([whole])
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

const verdictIn = (one: Judged) => ('found' in one ? one.found.verdict : null)
const claimsIn = (one: Judged | undefined) => (one && 'found' in one ? one.found.claims : [])
const codesIn = (one: Judged | undefined) =>
  claimsIn(one).flatMap(({ code, state }) => (state === 'does not verify' ? [code] : []))

it('[W11] of two that stand in one place both are accused, and neither is preferred', async () => {
  const [failed, passed] = [await logged('failed', 1), await logged('passed', 1)]
  const [a, b] = [envelope('a.json', failed), envelope('b.json', passed)]
  for (const envelopes of [
    [a, b],
    [b, a],
  ]) {
    const { judged: found, series } = await together({ envelopes })
    expect(found.map(verdictIn)).toEqual(['does not verify', 'does not verify'])
    expect(found.map(codesIn)).toEqual([['fork'], ['fork']])
    expect(series).toMatchObject([
      { faults: [{ fault: 'forked', evidence_ids: ['ev-1', 'ev-1'] }] },
    ])
  }
  // The same one twice is one.
  const twice = await together({ envelopes: [a, envelope('copy.json', failed)] })
  expect(twice.judged.map(verdictIn)).toEqual(['proven', 'proven'])
  expect(twice.series).toMatchObject([{ count: 1, faults: [] }])
})

it('[W11] a request that is answered twice, and a rerun of another starter, are named over files given together', async () => {
  const [ann, ben] = [
    newPasskey('ann', { user: 'ann' }),
    newPasskey('ben', { user: 'ben', seed: 8 }),
  ]
  const plan = {
    steps: [planStep('build')],
    gates: [planGate('ok', { needs: ['build'], policy: { sign: 'passkey', four_eyes: true } })],
  }
  const nonce = 'ab'.repeat(16)
  const first = startRun(signer, plan, { actor: 'user:ann' })
  first.step('build')
  first.gate('ok', {
    decisions: [{ approver: 'ben', decision: 'rejected', nonce, sign: ben.sign }],
  })
  const one = await first.seal()
  const { evidence_id, run_id, integrity } = one.envelope
  const rerun_of = { run_id, starters: ['user:bob'] }
  const ids = { evidence_id: 'ev-2', run_id: 'run-2', actor: 'user:oda' }
  const next = startRun(signer, plan, { ...ids, rerun_of })
  next.step('build')
  next.gate('ok', { decisions: [{ approver: 'ann', nonce, sign: ann.sign }] })
  const previous = { evidence_id, head: integrity.hash_chain.head }
  const two = await next.seal({ seal_seq: 2, previous })
  const trust = [pinned(signer, { approvers: [ann.approver, ben.approver] })]
  const [a, b] = [envelope('a.json', one), envelope('b.json', two)]
  const { judged: found, series } = await together({ envelopes: [a, b], trust })
  expect(found.map(verdictIn)).toEqual(['does not verify', 'does not verify'])
  expect(codesIn(found[0])).toEqual(['nonce-repeated'])
  expect(codesIn(found[1])).toEqual(['nonce-repeated', 'starter-decided', 'lineage-differs'])
  expect(claimsIn(found[1]).some(({ message }) => /[Yy]ou hold n/.test(message))).toBe(false)
  expect(series.flatMap(({ faults }) => faults.map(({ fault }) => fault))).toEqual([
    'repeated',
    'lineage',
  ])
})

it('[W11] what is not among the files is not missing, nor a source that steps were taken over from', async () => {
  const run = startRun(
    signer,
    { steps: [planStep('test')] },
    {
      evidence_id: 'ev-7',
      run_id: 'run-7',
      rerun_of: { run_id: 'run-6', starters: ['user:ann'] },
    },
  )
  const taken_over = { evidence_id: 'ev-6', seq: 1, entry: 'a'.repeat(64) }
  run.step('test', { taken_over })
  const head = 'b'.repeat(64)
  const late = await run.seal({ seal_seq: 7, previous: { evidence_id: 'ev-6', head } })
  const envelopes = [envelope('7.json', late), envelope('1.json', await logged('one', 1))]
  const { judged: found, series } = await together({ envelopes })
  expect(found.map(verdictIn)).toEqual(['proven', 'proven'])
  expect(series).toMatchObject([{ count: 2, faults: [] }])
  expect(series[0]?.open).toEqual([
    'ev-7 repeats run-6: who started that is the server’s word, since its record is not here; 1 step that it took over could not be compared.',
  ])
})

it('[W11] a key that only a trust file of the folder offers, or none knows, accuses no record by a known one', async () => {
  const honest = envelope('a.json', await logged('one', 1))
  const forged = envelope('b.json', await logged('other', 1, nobody))
  const offered: Trusted = { file: trustFileOf(nobody), source: 'offered' }
  for (const trust of [[pinned(signer)], [pinned(signer), offered]]) {
    const { judged: found, series } = await together({ envelopes: [forged, honest], trust })
    expect(verdictIn(found[1] ?? { path: '', unreadable: '' })).toBe('proven')
    expect(series.flatMap(({ faults }) => faults)).toEqual([])
  }
  const { judged: found } = await together({
    envelopes: [forged, honest],
    trust: [pinned(signer), offered],
  })
  expect(codesIn(found[0])).toEqual(['fork'])
})
