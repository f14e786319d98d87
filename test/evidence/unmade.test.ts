import { expect, it } from 'vitest'
import { ArtifactPath } from '#contract/envelope.ts'
import { parse } from '#contract/parse.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { bytesOf, newSigner, planStep, startRun } from './fixture.ts'

const signer = await newSigner()
const run = startRun(signer, { steps: [planStep('build')] })
run.step('build')
const { envelope } = await run.seal()
const WELL_FORMED = Buffer.alloc(64, 7).toString('base64')

it.each([
  ['empty', '', 'does not verify'],
  ['of another length', Buffer.alloc(63, 7).toString('base64'), 'does not verify'],
  ['with bits left over', `${WELL_FORMED.slice(0, -3)}x==`, 'does not verify'],
  [
    'with S above the group order',
    Buffer.from([...Buffer.alloc(63, 7), 0x20]).toString('base64'),
    'does not verify',
  ],
  [
    'with R of low order',
    Buffer.from([1, ...Buffer.alloc(63)]).toString('base64'),
    'does not verify',
  ],
  ['well formed', WELL_FORMED, 'not checked'],
])('[V7] a signature by an unknown key: %s', async (_, sig, state) => {
  const [signature] = envelope.integrity.seal.signatures
  const seal = { ...envelope.integrity.seal, signatures: [{ ...signature, sig }] }
  const bytes = bytesOf({ ...envelope, integrity: { ...envelope.integrity, seal } })
  const { claims, verdict } = await verifyEnvelope(bytes, { trust: [] })
  expect(claims.filter(({ claim }) => claim === 'seal')).toMatchObject([{ state }])
  if (state === 'not checked')
    expect(claims.find(({ claim }) => claim === 'seal')?.message).toContain(
      'its signature was not checked, and anyone can have written it',
    )
  expect(verdict).toBe(state === 'not checked' ? 'not proven' : 'does not verify')
})

it.each(['x\u2028/../../../etc/passwd', 'a\u2029//b', 'a\u2028/b/'])(
  '[V4] no line separator hides what a path climbs: %j',
  (path) => {
    expect(parse(ArtifactPath, path).ok).toBe(false)
    expect(parse(ArtifactPath, 'a\u2028/b').ok).toBe(true)
  },
)
