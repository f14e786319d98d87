import { expect, it } from 'vitest'
import { type Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { type Product, PRODUCTS } from './products.ts'
import { workOf } from './work.ts'

it.each(Object.entries(PRODUCTS))('[V26] %s: twice as many are twice the work', async (_, make) => {
  const [some, more] = [await verified(make, 150), await verified(make, 300)]
  // What is done for each pair would be four times as much.
  expect(more / some).toBeLessThan(2.05)
})

async function verified(make: (many: number) => Promise<Product>, many: number): Promise<number> {
  const { bytes, trust, previous = [] } = await make(many)
  const pinned = trust.map((file): Trusted => ({ file, source: 'pinned' }))
  return workOf(() => verifyEnvelope(bytes, { previous, trust: pinned }))
}
