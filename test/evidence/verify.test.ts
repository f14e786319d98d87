import { describe, expect, it } from 'vitest'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, SHAPES } from './fixture.ts'

const signer = await newSigner()
const shapes = Object.entries(SHAPES)

describe('honest envelopes', () => {
  it.each(shapes)('[V1] %s is proven by a pinned key', async (_name, seal) => {
    const { bytes } = await seal(signer)
    const { verdict, claims, sealed_by } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
    expect(claims.filter(({ state }) => state === 'does not verify')).toEqual([])
    expect(verdict).toBe('proven')
    expect(sealed_by).toEqual({ key_id: signer.key_id, source: 'pinned' })
  })
})
