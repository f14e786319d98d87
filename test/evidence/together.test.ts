import { placeOf } from '#evidence/series.ts'
import { besideEach, concerning } from '#evidence/together.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { expect, it } from 'vitest'
import { approvedRun, newSigner, pinned, planStep, startRun } from './fixture.ts'
import { heldOf } from '#evidence/keep.ts'

it('[W11] a hundred records of a key that is only offered push out none that counts for more', async () => {
  const signer = await newSigner()
  const { bytes } = await approvedRun(signer).seal()
  const { envelope, entries } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  if (envelope === null || entries === null) throw new Error('the fixture verifies')
  const place = placeOf(envelope, entries)
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
    const { envelope, entries, verdict } = await verifyEnvelope(bytes, { trust })
    if (envelope === null || entries === null) throw new Error(verdict)
    return { bytes, place: placeOf(envelope, entries), held: heldOf(envelope), verdict }
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
