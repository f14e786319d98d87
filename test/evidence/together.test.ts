import { type Signer } from '#evidence/seal.ts'
import { type HeldEnvelope } from '#evidence/place.ts'
import { walkSeries } from '#evidence/series.ts'
import { besideEach, concerning, walkTogether } from '#evidence/together.ts'
import { verifyEnvelope, type VerifyOptions } from '#evidence/verify.ts'
import { describe, expect, it } from 'vitest'
import {
  approvedRun,
  newSigner,
  pinned,
  planStep,
  sealContent,
  startRun,
  trustFileOf,
} from './fixture.ts'

it('[W11] a hundred records of a key that is only offered push out none that counts for more', async () => {
  const signer = await newSigner()
  const { bytes } = await approvedRun(signer).seal()
  const { standing } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  if (standing === null) throw new Error('the fixture verifies')
  const place = standing.place()
  const by = (source: 'pinned' | 'offered', evidence_id: string) => ({
    place: { ...place, evidence_id },
    sealed_by: { key_id: signer.key_id, source },
  })
  const many = Array.from({ length: 150 }, (_, index) => by('offered', `ev-${index}`))
  const beside = besideEach([...many, by('pinned', 'ev-a'), by('pinned', 'ev-b')])
  expect(beside(150).map(({ evidence_id }) => evidence_id)).toEqual(['ev-b'])
  expect(beside(151).map(({ evidence_id }) => evidence_id)).toEqual(['ev-a'])
})

it('[W11] what has nothing to do with a record makes no other verdict of it', async () => {
  const signer = await newSigner()
  const trust = [pinned(signer)]
  const verified = async (ids: { evidence_id: string; run_id: string }, seal_seq: number) => {
    const run = startRun(signer, { steps: [planStep('build')] }, ids)
    run.step('build')
    const previous = { evidence_id: `before-${ids.evidence_id}`, head: 'a'.repeat(64) }
    const { bytes } = await run.seal({ seal_seq, previous })
    const { standing, verdict } = await verifyEnvelope(bytes, { trust })
    if (standing === null) throw new Error(verdict)
    const place = standing.place()
    return { bytes, place, held: place, verdict }
  }
  const one = await verified({ evidence_id: 'ev-9', run_id: 'run-9' }, 9)
  const others = [
    await verified({ evidence_id: 'ev-5', run_id: 'run-5' }, 5),
    await verified({ evidence_id: 'ev-8', run_id: 'run-8' }, 8),
    await verified({ evidence_id: 'ev-x', run_id: 'run-9' }, 3),
    await verified({ evidence_id: 'ev-y', run_id: 'run-y' }, 9),
  ]
  const by = { key_id: signer.key_id, source: 'pinned' as const }
  const found = await Promise.all(
    others.map(async ({ held }) => {
      const { verdict } = await verifyEnvelope(one.bytes, { trust, previous: [held] })
      const concerns = concerning({ place: one.place, sealed_by: by }, [held]).length > 0
      return [concerns, verdict]
    }),
  )
  expect(found).toEqual([
    [false, one.verdict],
    // The number before it, and another one than it names.
    [true, 'does not verify'],
    [true, 'does not verify'],
    [true, 'does not verify'],
  ])
})

it('[V24] [W9] [W11] what does not verify proves nothing of another, and accuses it all the same', async () => {
  const signer = await newSigner()
  const trust = [pinned(signer)]
  const sealed = async (run: ReturnType<typeof startRun>, seal_seq: number, before: Place = null) =>
    await sealContent(
      run.content({
        seal_seq,
        previous: before && { evidence_id: before.evidence_id, head: before.head },
      }),
      signer,
    )
  type Place = { evidence_id: string; head: string } | null
  const read = async (bytes: Uint8Array, previous: HeldEnvelope[] = []) => {
    const { standing, ...found } = await verifyEnvelope(bytes, { trust, previous })
    if (standing === null) throw new Error('it has a place')
    return { ...found, place: standing.place(), differing: standing.differing }
  }
  const first = async (exit_code: number) => {
    const ids = { evidence_id: 'ev-1', run_id: 'run-1', actor: 'user:bea' }
    const run = startRun(signer, { steps: [planStep('build')] }, ids)
    run.step('build', { exit_code })
    return await read((await sealed(run, 1)).bytes)
  }
  for (const [exit_code, verdict, code, says] of [
    [0, 'proven', 'lineage-agrees', /which was started by whom the record that you hold says/],
    [3, 'does not verify', 'lineage-unchecked', /the record of it that you hold does not verify/],
  ] as const) {
    const one = await first(exit_code)
    expect(one.verdict).toBe(verdict)
    const rerun = async (starter: string) => {
      const rerun_of = { run_id: 'run-1', starters: [starter] }
      const ids = { evidence_id: 'ev-2', run_id: 'run-2', rerun_of }
      const run = startRun(signer, { steps: [planStep('build')] }, ids)
      run.step('build')
      return await read((await sealed(run, 2, one.place)).bytes, [one.place])
    }
    const lineage = ({ claims }: Awaited<ReturnType<typeof rerun>>) =>
      claims.find(({ claim }) => claim === 'lineage')
    const again = await rerun('user:bea')
    expect(lineage(again)?.code).toBe(code)
    expect(lineage(again)?.message).toMatch(says)
    expect(lineage(await rerun('user:cid'))).toMatchObject({ code: 'lineage-differs' })
    const by = { key_id: signer.key_id, source: 'pinned' as const }
    const files = [one, again].map(({ place }) => ({ place, sealed_by: by }))
    expect((await walkTogether(files, async () => null)).map(({ open }) => open)).toEqual([
      exit_code === 0 ? [] : [expect.stringMatching(/since its record does not verify\.$/)],
    ])
  }
})

describe('[W6] [W11] files of one id, in each order', async () => {
  const signer = await newSigner()
  const [former, nobody] = [await newSigner(9), await newSigner(5)]
  const sealed = async (by: Signer, seal_seq: number, before: Uint8Array | null, title = '') => {
    const ids = { evidence_id: `ev-${seal_seq}`, run_id: `run-${seal_seq}`, title }
    const run = startRun(by, { steps: [planStep('build')] }, ids)
    run.step('build')
    const previous = before && (await readIn(before, [])).place
    return (
      await run.seal({
        seal_seq,
        previous: previous && { evidence_id: previous.evidence_id, head: previous.head },
      })
    ).bytes
  }
  const one = await sealed(signer, 1, null)
  const two = await sealed(former, 2, one)
  const forged = await sealed(nobody, 2, one, 'a forged one')
  const three = await sealed(signer, 3, two)
  const offered = { file: trustFileOf(former), source: 'offered' } as const

  it.each([
    ['a former key has sealed one of them', [], [one, two, forged, three], []],
    ['the former key is offered', [offered], [one, two, forged, three], []],
    ['the true one is not among them', [], [one, forged, three], ['replaced']],
    [
      'of two that nobody has sealed',
      [],
      [one, forged, await sealed(nobody, 2, one, 'x'), three],
      ['replaced'],
    ],
    [
      'an offered key has sealed another one',
      [offered],
      [one, await sealed(former, 2, one, 'another'), forged, three],
      ['replaced'],
    ],
  ])('%s', async (_, beside, files, faults) => {
    const trust = [pinned(signer), ...beside]
    const all = await Promise.all(
      files.map(async (bytes) => ({ bytes, alone: await readIn(bytes, trust) })),
    )
    const verdicts = new Map<Uint8Array, string>()
    for (const inOrder of ordersOf(all)) {
      const found = inOrder.map(({ alone }) => alone)
      const series = await walkTogether(found, () => Promise.resolve([]))
      const told = series.flatMap((each) => each.faults)
      expect(told.map(({ fault }) => fault)).toEqual(faults)
      // A key that is only offered is one that is at hand.
      for (const { message } of told)
        expect(message).toMatch(
          /^ev-2 is another one than ev-3 was sealed after, and no key that you know has /,
        )
      const held = besideEach(found)
      for (const [index, { bytes }] of inOrder.entries()) {
        const { verdict } = await verifyEnvelope(bytes, { trust, previous: held(index) })
        expect(verdict).toBe(verdicts.get(bytes) ?? verdict)
        verdicts.set(bytes, verdict)
      }
    }
    expect([verdicts.get(one), verdicts.get(three)]).toEqual(['proven', 'proven'])
  })
})

async function readIn(bytes: Uint8Array, trust: VerifyOptions['trust']) {
  const { standing, sealed_by } = await verifyEnvelope(bytes, { trust })
  if (standing === null) throw new Error('does not verify')
  return { place: standing.place(), sealed_by }
}

const ordersOf = <T>(all: readonly T[]): T[][] =>
  all.length < 2
    ? [[...all]]
    : all.flatMap((first, index) =>
        ordersOf(all.toSpliced(index, 1)).map((rest) => [first, ...rest]),
      )

it('[W6] [W11] two records in one place are told of, also where they do not keep what the reader requires', async () => {
  const signer = await newSigner()
  const gates = [
    {
      step_id: 'ship',
      quorum: 2,
      four_eyes: false,
      sign: 'session',
      question: null,
      roles: null,
    } as const,
  ]
  const files = await Promise.all(
    ['one', 'two'].map(async (title) => await approvedRun(signer, { title }).seal()),
  )
  const name = files[0]?.envelope.opening.definition.name ?? ''
  const trust = [pinned(signer, { required: [{ name, sha256: null, gates }] })]
  const all = await Promise.all(files.map(async ({ bytes }) => await readIn(bytes, trust)))
  const [series] = await walkTogether(all, async () => null)
  expect(series?.faults.map(({ fault }) => fault)).toEqual(['forked', 'repeated'])
  const [first] = files
  const found = await verifyEnvelope(first?.bytes ?? new Uint8Array(), {
    trust,
    previous: besideEach(all)(0),
  })
  expect(found.envelope).toBe(null)
  expect(found.claims.map(({ code }) => code)).toContain('fork')
})

it('[W6] [W1] requiring more hides no removal below a record whose key is not at hand', async () => {
  const [signer, former] = [await newSigner(), await newSigner(9)]
  const seal = async (by: Signer, seal_seq: number, before: HeldEnvelope | null, name: string) => {
    const ids = { evidence_id: `ev-${seal_seq}`, run_id: `run-${seal_seq}` }
    const definition = { name, sha256: 'a'.repeat(64) }
    const run = startRun(by, { steps: [planStep('build')] }, { ...ids, definition })
    run.step('build')
    const previous = before && { evidence_id: before.evidence_id, head: before.head }
    return (await run.seal({ seal_seq, previous })).bytes
  }
  const placeOf = async (bytes: Uint8Array) => (await readIn(bytes, [])).place
  const one = await seal(former, 1, null, 'theirs')
  const two = await seal(former, 2, await placeOf(one), 'release')
  const three = await seal(signer, 3, await placeOf(two), 'ours')
  const required = [{ name: 'release', sha256: 'b'.repeat(64), gates: [] }]
  const faults = async (trust: VerifyOptions['trust']) => {
    const { place } = await readIn(three, trust)
    const unplaced = [{ evidence_id: 'ev-2', says: (await readIn(two, trust)).place }]
    return walkSeries([place], { unplaced }).flatMap(({ faults }) => faults)
  }
  const missing = [{ fault: 'missing', evidence_id: 'ev-1' }]
  expect(await faults([pinned(signer)])).toMatchObject(missing)
  expect(await faults([pinned(signer, { required })])).toMatchObject(missing)
})
