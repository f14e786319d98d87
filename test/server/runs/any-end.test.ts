import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { LIMITS } from '#contract/envelope.ts'
import { answering, tableShop } from '#test/server/materialize/tables.ts'
import { OPERATOR, openWorkshop, workshop, type Workshop } from './workshop.ts'

vi.setConfig({ testTimeout: 120_000 })

const GATED = `
  gated:
    steps: [{ id: after, needs: [go], run: exit 0 }]
    gates: [{ id: go, question: Go on? }]
`
const SLEEPS = `
  sleeps:
    steps: [{ id: long, run: sleep 600 }]
`

const actsOf = async ({ storage }: Workshop) =>
  (await storage.journal.list({ cursor: null, limit: 50 })).items.map(({ actor, act, about }) => [
    actor,
    act,
    about,
  ])

async function openGateIn({
  start,
  until,
}: Workshop): Promise<{ run_id: string; gate_id: string }> {
  const run_id = await start('gated')
  const { gates } = await until(run_id, ({ gates }) => gates.length === 1)
  return { run_id, gate_id: gates[0]?.gate_id ?? '' }
}

it.each([
  ['one that leaves no room for ours', 'x'.repeat(LIMITS.textBytes - 20)],
  ['the longest', 'x'.repeat(LIMITS.textBytes)],
  ['the longest of two bytes a character', 'é'.repeat(LIMITS.textBytes / 2)],
])('[R31] a gate that is refused with a comment, %s, ends its run', async (_, comment) => {
  const shop = await workshop(GATED)
  const { run_id, gate_id } = await openGateIn(shop)
  await shop.gates.decide(gate_id, OPERATOR, { decision: 'rejected', comment })
  const { run, envelope } = await shop.sealed(run_id)
  expect(run.ended).toMatchObject({ outcome: 'aborted' })
  expect(run.ended?.reason).toMatch(/^gate go rejected by user:ann: (x+|é+)…$/)
  expect(envelope.gates[0]?.decisions[0]?.decision.comment).toBe(comment)
})

it('[R31] [RE6] a reason that has no canonical form ends nothing, and keeps nothing from being sealed', async () => {
  const shop = await workshop(GATED)
  const { run_id } = await openGateIn(shop)
  for (const reason of ['a\ud800b', '\u2028'.repeat(30_000)])
    await expect(shop.engine.abort(run_id, OPERATOR, reason)).rejects.toMatchObject({
      name: 'ProblemError',
    })
  expect((await shop.runOf(run_id)).ended).toBeNull()
  await shop.engine.abort(run_id, OPERATOR, 'enough')
  const { run } = await shop.sealed(run_id)
  expect(run.ended).toMatchObject({ outcome: 'aborted', reason: 'enough' })
})

it('[R31] an attempt of which too much is to be said ends, in words that fit', async () => {
  const shop = await workshop(
    `
  many:
    steps: [{ id: makes, run: touch a b, artifacts: [a, b] }]
`,
    { limits: { artifactsPerStep: 1 } },
  )
  const { run, envelope } = await shop.run('many')
  expect(run.ended).toMatchObject({ outcome: 'failed' })
  expect(envelope.execution.steps).toMatchObject([{ outcome: 'failed', artifacts: [] }])
  expect(envelope.execution.steps[0]?.reason).toMatch(/more than 1 artifacts/)
})

it('[R31] a record that is not there ends its run, however long its name', async () => {
  const shop = await tableShop(
    `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      ok: { type: text, from: [a], argv: ${answering('{value: i.a}')} }
`,
    { 't.csv': 'id,a\n1,x\n' },
  )
  for (const record_id of ['x'.repeat(65_510), 'x'.repeat(65_532), 'é'.repeat(32_766)]) {
    const { run } = await shop.materialize({ record_ids: [record_id] })
    expect(run.ended).toMatchObject({ outcome: 'failed' })
  }
})

it('[R33] a plan that no record should begin with is refused before it is made', async () => {
  const aliased = Array.from({ length: 4 }, (_, i) => `{ id: s${i}, argv: *a }`)
  const inputs = Array.from({ length: 999 }, () => `'{{inputs.x}}'`)
  const shop = await workshop(`
  vast:
    inputs: { x: {} }
    steps: [{ id: s, argv: &a [/bin/true, ${inputs.join(', ')}] }, ${aliased.join(', ')}]
  asks:
    inputs: { x: {} }
    steps: [{ id: s, run: exit 0 }]
    gates: [{ id: go, question: '${'{{inputs.x}}'.repeat(2000)}' }]
  asks_once:
    inputs: { x: {} }
    steps: [{ id: s, run: exit 0 }]
    gates: [{ id: go, question: 'Go? {{inputs.x}}' }]
`)
  for (const name of ['vast', 'asks', 'asks_once'])
    await expect(shop.start(name, { x: 'x'.repeat(65_536) })).rejects.toMatchObject({
      code: 'too_large',
    })
  expect((await shop.storage.runs.counts()).status).toMatchObject({ running: 0, queued: 0 })
})

it('[R32] [P15] an abort is on record, and in the journal, before anything is ended by it', async () => {
  const shop = await workshop(SLEEPS)
  const run_id = await shop.start('sleeps')
  await shop.until(run_id, ({ steps }) => steps.length === 1)
  const told: string[] = []
  shop.recorder.subscribe(({ type }) => void told.push(type))
  await shop.engine.abort(run_id, OPERATOR, 'enough')
  expect(told.slice(0, 3)).toEqual(['abort_asked', 'step_finished', 'run_aborted'])
  const { envelope } = await shop.sealed(run_id)
  expect(envelope.execution.steps).toMatchObject([
    { outcome: 'aborted', reason: 'aborted by user:ann' },
  ])
  expect(await actsOf(shop)).toEqual([
    ['user:ann', 'run_aborted', run_id],
    ['user:ann', 'run_started', run_id],
  ])
})

it('[R32] [P15] [H27] who asks for an abort that is under way is judged, and in the journal', async () => {
  const shop = await workshop(SLEEPS)
  const run_id = await shop.start('sleeps')
  await shop.until(run_id, ({ steps }) => steps.length === 1)
  const eve = { ...OPERATOR, actor: 'user:eve' }
  const gone = { ...OPERATOR, authority: { token_id: 'gone', role: 'admin' } } as const
  const asked = [OPERATOR, eve, gone].map((asker) => shop.engine.abort(run_id, asker, 'enough'))
  expect(await Promise.allSettled(asked)).toMatchObject([
    { status: 'fulfilled' },
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'outdated' } },
  ])
  const { envelope } = await shop.sealed(run_id)
  expect(envelope.execution.steps).toMatchObject([{ reason: 'aborted by user:ann' }])
  expect(await actsOf(shop)).toEqual([
    ['user:eve', 'run_aborted', run_id],
    ['user:ann', 'run_aborted', run_id],
    ['user:ann', 'run_started', run_id],
  ])
})

it('[R32] [P15] whoever ends what runs of a run that has failed is known', async () => {
  const shop = await workshop(
    `
  fails:
    steps: [{ id: a, run: exit 1 }, { id: b, run: sleep 600 }]
`,
    { concurrency: 2 },
  )
  const run_id = await shop.start('fails')
  await shop.until(
    run_id,
    ({ steps }) => steps.length === 2 && steps.some(({ attempts }) => attempts[0]?.finished),
  )
  await expect(shop.engine.abort(run_id, OPERATOR, 'enough')).rejects.toMatchObject({
    code: 'run_ended',
  })
  const { envelope } = await shop.sealed(run_id)
  expect(envelope.closing.outcome).toBe('failed')
  expect(envelope.execution.steps.find(({ step_id }) => step_id === 'b')).toMatchObject({
    outcome: 'aborted',
    reason: 'aborted by user:ann',
  })
  expect((await actsOf(shop))[0]).toEqual(['user:ann', 'run_aborted', run_id])
})

it('[R32] a server that died while it aborted a run goes on with it, in the name of who asked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const shop = await workshop(SLEEPS, { folder })
  const run_id = await shop.start('sleeps')
  await shop.until(run_id, ({ steps }) => steps.length === 1)
  // As a server leaves it that dies when the wish is on record.
  const stopped = shop.close()
  await shop.recorder.record(run_id, ({ run, latest }) => [
    {
      type: 'abort_asked',
      run_id: run.run_id,
      timestamp: latest,
      actor: 'user:ann',
      reason: 'why',
    },
  ])
  await stopped
  const again = await openWorkshop(folder)
  onTestFinished(() => again.close())
  await again.engine.recover()
  const { run } = await again.sealed(run_id)
  expect(run.ended).toMatchObject({ outcome: 'aborted', reason: 'why' })
  const facts = await again.storage.runs.facts(run_id)
  expect(facts.find(({ fact }) => fact.type === 'run_aborted')?.fact).toMatchObject({
    actor: 'user:ann',
  })
})
