import { expect, it } from 'vitest'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, SHAPES } from './fixture.ts'

/** What each byte is made: one of these in turn, and with MUTANTS set all of them. */
const VALUES = [
  (byte: number) => byte ^ 0x01,
  (byte: number) => byte ^ 0x20,
  (byte: number) => byte ^ 0x80,
  () => 0x30,
  () => 0x22,
]
const MANY = process.env['MUTANTS'] === undefined ? 1 : VALUES.length

// Every byte, not a sample: one that nobody looks at is a place to hide in.
it.each(['one step', 'a rejected gate'] as const)(
  '[V1] %s: no byte can be changed unnoticed',
  { timeout: 600_000 },
  async (shape) => {
    const signer = await newSigner()
    const { bytes } = await SHAPES[shape](signer)
    const options = { trust: [pinned(signer)] }
    expect((await verifyEnvelope(bytes, options)).verdict).toBe('proven')
    const unnoticed: string[] = []
    for (const [position, byte] of bytes.entries()) {
      const values = VALUES.map((of) => of(byte)).filter((value) => value !== byte)
      for (let nth = 0; nth < MANY && nth < values.length; nth += 1) {
        const value = values[(position + nth) % values.length] ?? 0
        const changed = bytes.slice()
        changed[position] = value
        const { verdict, envelope } = await verifyEnvelope(changed, options)
        const isNoticed = verdict === 'does not verify' || verdict === 'not an envelope'
        if (!isNoticed || envelope !== null)
          unnoticed.push(`byte ${position} as ${value}: ${verdict}`)
      }
    }
    expect(unnoticed).toEqual([])
  },
)
