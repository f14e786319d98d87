import { placeOf } from '#evidence/series.ts'
import { besideEach } from '#evidence/together.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { expect, it } from 'vitest'
import { approvedRun, newSigner, pinned } from './fixture.ts'

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
