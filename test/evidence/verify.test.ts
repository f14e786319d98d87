import { execFileSync } from 'node:child_process'
import { describe, expect, it, vi } from 'vitest'
import { type Trusted } from '#evidence/trust.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { approvedRun, newSigner, pinned, SHAPES } from './fixture.ts'

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

describe('bytes from wherever', () => {
  const room = { maxByteLength: 1_000_000 }
  it.each<[string, (length: number) => Uint8Array]>([
    ['shared with another thread', (length) => new Uint8Array(new SharedArrayBuffer(length))],
    ['shared, and growing', (length) => new Uint8Array(new SharedArrayBuffer(length, room))],
    ['in a buffer that can be resized', (length) => new Uint8Array(new ArrayBuffer(length, room))],
    ['in the middle of a buffer', (length) => new Uint8Array(length + 20).subarray(7, 7 + length)],
    ['as Node has them', (length) => Buffer.alloc(length)],
  ])('[V1] %s are read as what they are, and left as they were', async (_, made) => {
    const { bytes } = await approvedRun(signer).seal()
    const copy = made(bytes.length)
    copy.set(bytes)
    const digest = crypto.subtle.digest.bind(crypto.subtle)
    // As browsers do.
    vi.spyOn(crypto.subtle, 'digest').mockImplementation((name, data) => {
      const buffer = ArrayBuffer.isView(data) ? data.buffer : data
      if (!(buffer instanceof ArrayBuffer) || buffer.resizable) throw new TypeError('not allowed')
      return digest(name, data)
    })
    const { verdict } = await verifyEnvelope(copy, { trust: [pinned(signer)] })
    vi.restoreAllMocks()
    expect(verdict).toBe('proven')
    expect(Buffer.compare(copy, bytes)).toBe(0)
  })

  it('[V1] in a buffer that is immutable, as engines are about to have them, are read as what they are', () => {
    const program = `
      import { readFileSync } from 'node:fs'
      import { verifyEnvelope } from '#evidence/verify.ts'
      const { buffer } = new Uint8Array(readFileSync('test/evidence/attacks/honest.envelope'))
      const bytes = new Uint8Array(buffer.transferToImmutable())
      console.log(bytes.buffer.immutable, (await verifyEnvelope(bytes, { trust: [] })).verdict)`
    const flags = ['--js-immutable-arraybuffer', '--input-type=module', '--eval', program]
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8' })).toBe('true not proven\n')
  })

  it('[V1] that were handed over, or cut off, are no envelope', async () => {
    const gone = new Uint8Array(100)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const buffer = new ArrayBuffer(100, room)
    const cut = new Uint8Array(buffer, 50)
    buffer.resize(10)
    for (const bytes of [gone, cut, new Uint8Array()])
      expect((await verifyEnvelope(bytes, { trust: [] })).verdict).toBe('not an envelope')
  })
})

it.each<[string, (trusted: Trusted) => boolean]>([
  ['nothing', (trusted) => Reflect.set(trusted, 'file', null)],
  ['no approvers', ({ file }) => Reflect.deleteProperty(file, 'approvers')],
  ['a member more', ({ file }) => Reflect.set(file, 'more', 1)],
])('[V17] a trust file of %s is refused, whoever hands it over', async (_, change) => {
  const trusted = pinned(signer)
  change(trusted)
  const { bytes } = await approvedRun(signer).seal()
  const { verdict, claims } = await verifyEnvelope(bytes, { trust: [trusted] })
  expect(verdict).toBe('not proven')
  expect(claims[0]?.code).toBe('trust-file-refused')
  expect(claims.map(({ code }) => code)).not.toContain('nothing-required')
})
