import { expect, it } from 'vitest'
import { partsOf } from '#evidence/attached.ts'
import { sha256 } from '#evidence/digest.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import type { Cell, StepEntry } from '#contract/envelope.ts'
import { newSigner, pinned, planStep, startRun } from './fixture.ts'

const signer = await newSigner()
const CELL: Cell = {
  table: 'people',
  record_id: 'r1',
  field: 'age',
  state: 'fresh',
  value_sha256: sha256('40'),
  derivation_sha256: sha256('derivation'),
  inputs_sha256: sha256('inputs'),
  cost: '0.1',
  error: null,
}
const PART = { sha256: sha256('lines'), bytes: 5, count: 1 }

async function judge(step: Partial<StepEntry>, kind = 'materialize') {
  const run = startRun(signer, { steps: [planStep('derive', { kind })] }, { kind: 'materialize' })
  run.step('derive', step)
  const { bytes } = await run.seal()
  const { verdict, claims, envelope } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  const codes = claims.filter(({ state }) => state === 'does not verify').map(({ code }) => code)
  return { verdict, codes, envelope }
}

it.each<[string, Partial<StepEntry>, string, readonly string[]]>([
  ['as they are', { cells: [CELL] }, 'materialize', []],
  ['none', { cells: [] }, 'materialize', []],
  ['in a part', { cells_part: PART }, 'materialize', []],
  ['of another kind of step', { cells: [CELL] }, 'test', ['result-broken']],
  ['listed and in a part', { cells: [CELL], cells_part: PART }, 'materialize', ['result-broken']],
  ['twice', { cells: [CELL, CELL] }, 'materialize', ['repeated']],
  [
    'fresh without a value',
    { cells: [{ ...CELL, value_sha256: null }] },
    'materialize',
    ['result-broken'],
  ],
  [
    'failed with a value',
    { cells: [{ ...CELL, state: 'failed' }] },
    'materialize',
    ['result-broken'],
  ],
])('[V10] cells %s', async (_, step, kind, codes) => {
  expect(await judge(step, kind)).toMatchObject({ codes })
})

it('[A1] cells in a part of their own are looked for beside the envelope', async () => {
  const { envelope } = await judge({ cells_part: PART })
  expect(envelope && partsOf(envelope)).toContainEqual(
    expect.objectContaining({ sha256: PART.sha256, bytes: PART.bytes, path: 'cells.jsonl' }),
  )
})
