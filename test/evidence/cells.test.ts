import { expect, it } from 'vitest'
import { partsOf } from '#evidence/attached.ts'
import { canonicalize, utf8 } from '#evidence/canonical.ts'
import { checkCells } from '#evidence/cells.ts'
import { sha256 } from '#evidence/digest.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import type { Cell, Closing, StepEntry } from '#contract/envelope.ts'
import { CELL, newSigner, pinned, planStep, sealContent, startRun } from './fixture.ts'

const signer = await newSigner()
const PART = { sha256: sha256('lines'), bytes: 5, count: 1 }

async function judge(
  step: Partial<StepEntry>,
  kind = 'materialize',
  closing: Partial<Closing> = {},
) {
  const run = startRun(signer, { steps: [planStep('derive', { kind })] }, { kind: 'materialize' })
  run.step('derive', step)
  const { bytes } = await run.seal(closing)
  const { verdict, claims, envelope } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  const codes = claims.filter(({ state }) => state === 'does not verify').map(({ code }) => code)
  return { verdict, codes, claims, envelope }
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

const TOTALS = { materialized: 2, skipped: 0, failures: 1, total_cost: '0' }
it.each<[string, Partial<typeof TOTALS>, boolean]>([
  ['as many as the part has', {}, true],
  ['that cost something', { total_cost: '7.25' }, true],
  ['with others passed over', { skipped: 9 }, true],
  ['more than the part has', { materialized: 1_000_000 }, false],
  ['fewer than the part has', { failures: 0 }, false],
  ['that cost less than nothing', { total_cost: '-7' }, false],
])('[V10] totals of cells in a part: %s', async (_, said, fits) => {
  const totals = { ...TOTALS, ...said }
  const { codes } = await judge({ cells_part: { ...PART, count: 3 } }, 'materialize', { totals })
  expect(codes).toEqual(fits ? [] : ['totals-differ'])
})

it.each([
  ['fewer fresh than are listed', { materialized: 0, failures: 3, total_cost: '0.1' }, false],
  ['a cost below the listed one', { materialized: 2, failures: 1, total_cost: '0.09' }, false],
  ['listed and apart', { materialized: 2, failures: 1, total_cost: '0.1' }, true],
])('[V10] totals of cells in a part and of listed ones: %s', async (_, said, fits) => {
  const steps = [planStep('one', { kind: 'materialize' }), planStep('two', { kind: 'materialize' })]
  const run = startRun(signer, { steps }, { kind: 'materialize' })
  run.step('one', { cells: [CELL] })
  run.step('two', { cells_part: { ...PART, count: 2 } })
  const { bytes } = await run.seal({ totals: { skipped: 0, ...said } })
  const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  const codes = claims.filter(({ state }) => state === 'does not verify').map(({ code }) => code)
  expect(codes).toEqual(fits ? [] : ['totals-differ'])
})

it('[V10] totals are there where cells are in a part', async () => {
  const run = startRun(signer, { steps: [planStep('one', { kind: 'materialize' })] })
  run.step('one', { cells_part: PART })
  const content = run.content()
  delete content.closing.totals
  const { bytes } = await sealContent(content, signer)
  const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  expect(claims.map(({ code }) => code)).toContain('totals-differ')
})

it('[A1] cells in a part of their own are looked for beside the envelope', async () => {
  const { envelope } = await judge({ cells_part: PART })
  expect(envelope && partsOf(envelope)).toContainEqual(
    expect.objectContaining({ sha256: PART.sha256, bytes: PART.bytes, path: 'cells.jsonl' }),
  )
})

const FAILED: Cell = { ...CELL, record_id: 'r2', state: 'failed', value_sha256: null, error: 'no' }
const linesOf = (cells: readonly Cell[]) => cells.map((cell) => `${canonicalize(cell)}\n`).join('')

async function count(
  text: string | Uint8Array<ArrayBuffer>,
  said: { count?: number; totals?: object } = {},
) {
  const bytes = typeof text === 'string' ? utf8(text) : text
  const part = { sha256: sha256(bytes), bytes: bytes.length, count: said.count ?? 2 }
  const { envelope, claims } = await judge({ cells_part: part })
  if (envelope === null) throw new Error('does not verify')
  const totals = { materialized: 1, skipped: 7, failures: 1, total_cost: '0.2', ...said.totals }
  const { execution, closing } = envelope
  const beside = { execution, closing: { ...closing, totals } }
  return {
    claims,
    away: await checkCells(beside, () => null),
    here: await checkCells(beside, (sha256) => (sha256 === part.sha256 ? bytes : null)),
  }
}

it('[A4] cells in a part are counted where it is at hand, and not checked where it is not', async () => {
  const { claims, away, here } = await count(linesOf([CELL, FAILED]))
  expect(here).toMatchObject({ code: 'cells-agree', state: 'proven', where: '/closing/totals' })
  expect(away).toMatchObject({ code: 'cells-unchecked', state: 'not checked' })
  expect(claims).toContainEqual(expect.objectContaining({ code: 'cells-unchecked' }))
  const listed = await judge({ cells: [CELL] })
  expect(listed.claims.filter(({ claim }) => claim === 'cells')).toEqual([])
})

it('[A4] a part that many steps name is read once, and counted for each', async () => {
  const text = linesOf([CELL, FAILED])
  const cells_part = { sha256: sha256(text), bytes: text.length, count: 2 }
  const names = Array.from({ length: 50 }, (_, n) => `derive-${n}`)
  const steps = names.map((name) => planStep(name, { kind: 'materialize' }))
  const run = startRun(signer, { steps }, { kind: 'materialize' })
  for (const name of names) run.step(name, { cells_part })
  const totals = { materialized: 50, skipped: 0, failures: 50, total_cost: '10' }
  const { bytes } = await run.seal({ totals })
  const { envelope } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
  if (envelope === null) throw new Error('does not verify')
  let pages = 0
  const counted = await checkCells(
    envelope,
    () => utf8(text),
    () => (pages += 1),
  )
  expect(pages).toBe(1)
  expect(counted).toMatchObject({ code: 'cells-agree', expected: canonicalize(totals) })
  expect(counted?.message).toContain('100 cells in 1 part counted, as often as 50 steps name them')
  const last = envelope.execution.steps.at(-1)
  if (last === undefined) throw new Error('no steps')
  const other = { ...last, cells_part: { ...cells_part, count: 3 } }
  const { closing, execution } = envelope
  const changed = { closing, execution: { steps: [...execution.steps.slice(0, -1), other] } }
  expect(await checkCells(changed, () => utf8(text))).toMatchObject({
    code: 'cells-differ',
    step_id: 'derive-49',
    where: '/execution/steps/49/cells_part',
  })
})

const NOT_UTF8 = Uint8Array.from(Buffer.from(linesOf([{ ...CELL, record_id: '\xff' }]), 'latin1'))
it.each<[string, string | Uint8Array<ArrayBuffer>, { count?: number; totals?: object }, string]>([
  ['one more than is said', linesOf([CELL, FAILED]), { count: 1 }, 'its part has 2'],
  ['one fewer', linesOf([CELL, FAILED]), { count: 3 }, 'its part has 2'],
  ['another outcome', linesOf([CELL, FAILED]), { totals: { materialized: 2 } }, 'not those'],
  ['another cost', linesOf([CELL, FAILED]), { totals: { total_cost: '0.20' } }, 'not those'],
  ['one twice', linesOf([CELL, CELL]), {}, 'Line 2 of the cells of step derive is there twice'],
  ['both value and error', linesOf([{ ...CELL, error: 'no' }]), { count: 1 }, 'value and an error'],
  ['another form', linesOf([CELL]).replace(':', ': '), { count: 1 }, 'is no cell'],
  ['a byte order mark', `\ufeff${linesOf([CELL])}`, { count: 1 }, 'is no cell'],
  [
    'a byte that is no UTF-8',
    NOT_UTF8,
    { count: 1, totals: { failures: 0, total_cost: '0.1' } },
    'is no cell',
  ],
  ['half a line', linesOf([CELL, FAILED]).slice(0, -1), {}, 'Line 2'],
  ['an empty line', `${linesOf([CELL, FAILED])}\n`, { count: 3 }, 'Line 3'],
  ['nothing', '', {}, 'its part has 0'],
])('[A4] cells in a part with %s do not verify', async (_, text, said, words) => {
  const { here } = await count(text, said)
  expect(here).toMatchObject({ code: 'cells-differ', state: 'does not verify' })
  expect(here?.message).toContain(words)
})
