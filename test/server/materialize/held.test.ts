import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import type { Materialize } from '#contract/provenance.ts'
import { deriveField, SERVER_STOPS } from '#server/materialize/derive-field.ts'
import { createJudge } from '#server/materialize/judge-records.ts'
import { valueDigest } from '#server/materialize/private-digest.ts'
import { requestOf } from '#server/materialize/request.ts'
import { createTableLocks } from '#server/materialize/table-locks.ts'
import { OPERATOR, openWorkshop } from '#test/server/runs/workshop.ts'
import { tableShop, valuesOf, type TableShop } from './tables.ts'

/** Answers when the file `go` is there, and says by the file `began` that it waits. */
const WAITS = `[sh, -c, 'touch began; while [ ! -e go ]; do sleep 0.02; done; exec jq -c "{record_id, value: .inputs.n}"']`
const TABLES = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a: { from: [n], batch: 2, argv: ${WAITS} }
      b: { from: [a], argv: [jq, -c, '{record_id, value: .inputs.a}'] }
  other:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      c: { from: [n], argv: [jq, -c, '{record_id, value: .inputs.n}'] }
`
const BESIDE = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a: { from: [n], argv: [jq, -c, '{record_id, value: .inputs.n}'] }
  u:
    source: { kind: csv, path: u.csv }
    key: id
    derive:
      s: { from: [n], argv: ${WAITS} }
      m: { from: [{ table: t, field: n, by: n }], argv: [jq, -c, '{record_id, value: 1}'] }
`
const FILES = { 't.csv': 'id,n\n1,x\n2,y\n3,z\n' }

async function begin(shop: TableShop, asked: Materialize): Promise<string> {
  const { run_id } = await shop.engine.materialize(requestOf(asked), OPERATOR)
  await expect.poll(() => existsSync(join(shop.root, 'began')), { timeout: 30_000 }).toBe(true)
  return run_id
}

/** What was told of a materialize. */
const framesOf = ({ frames }: TableShop, run_id: string) =>
  frames.filter((frame) => 'ts' in frame && 'run_id' in frame && frame.run_id === run_id)

it('[MT9] [MT10] [MT11] [MT17] a table that is held too long is a lock_timeout, and who holds it goes on', async () => {
  const shop = await tableShop(TABLES, FILES)
  const first = await begin(shop, { targets: ['t'] })
  const late = await shop.materialize({ targets: ['t.b'], lock_timeout_ms: 1 })
  expect(late.run.ended?.outcome).toBe('failed')
  expect(late.run.ended?.reason).toContain(`t is written by ${first}`)
  expect(framesOf(shop, late.run.run_id)).toMatchObject([
    { kind: 'materialize.start', targets: ['t.b'] },
    { kind: 'materialize.error', error_type: 'lock_timeout' },
  ])
  expect(late.envelope.closing).toMatchObject({ outcome: 'failed', totals: { materialized: 0 } })
  // Another table is free meanwhile, also while the server looks at what became of that one.
  const beside = await shop.materialize({ targets: ['other'], lock_timeout_ms: 20_000 })
  expect(beside.envelope.closing.totals).toMatchObject({ materialized: 3 })

  const queue = { targets: ['t'], lock_timeout_ms: 600_000 }
  const queued = (await shop.engine.materialize(requestOf(queue), OPERATOR)).run_id
  const waits = (run_id: string) => ({ run_id, table: 't', held_by: first })
  await expect.poll(() => shop.materializer.waits()).toEqual([waits(queued)])
  shop.write('go', '')
  expect((await shop.sealed(first)).envelope.closing.totals).toMatchObject({ materialized: 6 })
  expect((await shop.sealed(queued)).envelope.closing.totals).toMatchObject({
    materialized: 0,
    skipped: 6,
  })
})

it('[R29] stays in its root, whatever the project names while it derives', async () => {
  const place = `jq -c "{record_id, value: \\"$(basename "$PWD")\\"}"`
  const tables = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a: { from: [n], argv: [sh, -c, 'touch ../began; while [ ! -e ../go ]; do sleep 0.02; done; exec ${place}'] }
      b: { from: [a], argv: [sh, -c, 'exec ${place}'] }
`
  const folder = mkdtempSync(join(tmpdir(), 'runseal-root-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const root of ['A', 'B']) mkdirSync(join(folder, 'project', root), { recursive: true })
  const files = { 'A/t.csv': FILES['t.csv'], 'B/t.csv': FILES['t.csv'] }
  const shop = await tableShop(`${tables}root: A\n`, files, { folder })
  const run_id = await begin(shop, {})
  const file = join(shop.root, 'runseal.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace('root: A', 'root: B'))
  shop.engine.definitions()
  shop.write('go', '')
  const { envelope } = await shop.sealed(run_id)
  expect(envelope.opening.plan.root).toBe('A')
  expect(await valuesOf(shop, 't', 'b')).toEqual({ 1: 'A', 2: 'A', 3: 'A' })
})

it('[MT1] [MT10] a circle that is written while a run derives fails the next one, and not that', async () => {
  const shop = await tableShop(TABLES, FILES)
  const first = await begin(shop, { targets: ['t'] })
  const file = join(shop.root, 'runseal.yaml')
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, good.replace('from: [n], batch', 'from: [n, b], batch'))
  const next = await shop.materialize()
  expect(next.run.ended?.outcome).toBe('failed')
  expect(next.run.ended?.reason).toContain('t.a → t.b → t.a')
  expect(framesOf(shop, next.run.run_id)).toMatchObject([
    { kind: 'materialize.start' },
    { kind: 'materialize.error', error_type: 'cycle' },
  ])
  shop.write('go', '')
  expect((await shop.sealed(first)).envelope.closing.totals).toMatchObject({ materialized: 6 })
  expect(await valuesOf(shop, 't', 'b')).toEqual({ 1: 'x', 2: 'y', 3: 'z' })
  writeFileSync(file, good)
  expect((await shop.materialize({ targets: ['t'] })).envelope.closing.totals).toMatchObject({
    materialized: 0,
    skipped: 6,
  })
})

it('[MT5] [MT10] [MT11] an aborted run keeps what it derived, lets go of its tables, and is sealed', async () => {
  // The second batch waits.
  const second = `[sh, -c, 'if [ ! -e first ]; then touch first; else touch began; while [ ! -e go ]; do sleep 0.02; done; fi; exec jq -c "{record_id, value: .inputs.n}"']`
  const shop = await tableShop(TABLES.replace(WAITS, second), FILES)
  const run_id = await begin(shop, { targets: ['t'] })
  const waiting = (await shop.engine.materialize(requestOf({ targets: ['t'] }), OPERATOR)).run_id
  // One that waits for its turn, and one whose process is at work.
  for (const id of [waiting, run_id]) await shop.engine.abort(id, OPERATOR, 'no more')
  for (const id of [waiting, run_id]) {
    const { run, envelope } = await shop.sealed(id)
    expect(run.ended).toMatchObject({ outcome: 'aborted', reason: 'no more' })
    expect(envelope.closing.totals?.materialized ?? 0).toBe(id === run_id ? 2 : 0)
    expect(framesOf(shop, id)).toMatchObject([
      { kind: 'materialize.start' },
      { kind: 'materialize.error', error_type: 'aborted' },
    ])
  }
  expect(await valuesOf(shop, 't', 'a')).toEqual({ 1: 'x', 2: 'y', 3: 'missing' })
  shop.write('go', '')
  const { envelope } = await shop.materialize({ targets: ['t'], lock_timeout_ms: 30_000 })
  expect(envelope.closing.totals).toMatchObject({ materialized: 4, skipped: 2 })
})

it('[MT5] how far a run is counts what there is to derive, and nothing that is fresh', async () => {
  const shop = await tableShop(TABLES, FILES)
  shop.write('go', '')
  await shop.materialize({ targets: ['t.a'], record_ids: ['1'] })
  for (const name of ['go', 'began']) rmSync(join(shop.root, name))
  const run_id = await begin(shop, { targets: ['t.a'], record_ids: ['1', '2'] })
  expect(shop.materializer.progress().get('t.a')).toMatchObject({ run_id, done: 0, total: 1 })
  shop.write('go', '')
  expect((await shop.sealed(run_id)).envelope.closing.totals).toMatchObject({
    materialized: 1,
    skipped: 1,
  })
})

it('[MT9] [R7] an abort with more batches than processes left to begin ends the run, and lets go', async () => {
  const shop = await tableShop(TABLES.replace('batch: 2', 'batch: 1'), FILES)
  const run_id = await begin(shop, { targets: ['t'] })
  await shop.engine.abort(run_id, OPERATOR, 'no more')
  expect((await shop.sealed(run_id)).run.ended).toMatchObject({ outcome: 'aborted' })
  shop.write('go', '')
  const { envelope } = await shop.materialize({ targets: ['t'], lock_timeout_ms: 0 })
  expect(envelope.closing.totals).toMatchObject({ materialized: 6 })
})

it('[MT9] a look of the server refuses nobody: it lets go', async () => {
  const locks = createTableLocks()
  const never = new AbortController().signal
  const look = locks.look(['t', 'other'])
  expect(locks.look(['t'])).toBeNull()
  const first = locks.take(['t'], 'first', 0, never)
  expect(look?.signal.aborted).toBe(true)
  // Its time is over, and nobody but the look has what it wants.
  await sleep(5)
  look?.leave()
  const leave = await first
  expect([leave === null, locks.holderOf('t'), locks.look(['t'])]).toEqual([false, 'first', null])
  expect(await locks.take(['t'], 'second', 0, never)).toBeNull()
  leave?.()
  expect(locks.look(['t'])).not.toBeNull()
})

it('[MT9] [MT17] what a run waits for is looked at until nothing but looks keeps it from that', async () => {
  const locks = createTableLocks()
  const never = new AbortController().signal
  const first = await locks.take(['u'], 'first', 0, never)
  const before = locks.look(['t'])
  const second = locks.take(['t', 'u'], 'second', 60_000, never)
  const gone = new AbortController()
  const third = locks.take(['t', 'v'], 'third', 60_000, gone.signal)
  // Who waits is known, and for whom: the third for the second, which is let in before it.
  expect(locks.waits()).toEqual([
    { holder: 'second', table: 'u', heldBy: 'first' },
    { holder: 'third', table: 't', heldBy: 'second' },
  ])
  const beside = locks.look(['v'])
  expect([before?.signal.aborted, beside?.signal.aborted]).toEqual([false, false])
  before?.leave()
  const after = locks.look(['t'])
  expect(after?.signal.aborted).toBe(false)
  first?.()
  expect([after?.signal.aborted, beside?.signal.aborted]).toEqual([true, false])
  expect(locks.look(['u'])).toBeNull()
  after?.leave()
  const leave = await second
  expect(locks.holderOf('t')).toBe('second')
  leave?.()
  expect(beside?.signal.aborted).toBe(true)
  gone.abort()
  expect([await third, locks.look(['t']) === null]).toEqual([null, false])
})

it('[MT3] [MT9] a table that nobody writes is looked at, also while a run that wants it waits for another', async () => {
  const shop = await tableShop(BESIDE, { ...FILES, 'u.csv': FILES['t.csv'] })
  shop.write('go', '')
  await shop.materialize()
  for (const name of ['go', 'began']) rmSync(join(shop.root, name))
  const first = await begin(shop, { targets: ['u.s'], force: true })
  const waiting = (await shop.engine.materialize(requestOf({ targets: ['u.m'] }), OPERATOR)).run_id
  await expect
    .poll(async () => (await shop.runOf(waiting)).steps.length, { timeout: 30_000 })
    .toBeGreaterThan(0)
  const isStale = async () => (await shop.storage.cells.field('t', 'a')).cells.stale
  shop.write('t.csv', 'id,n\n1,X\n2,y\n3,z\n')
  await shop.materializer.check()
  expect(await isStale()).toBe(1)
  // Who gives up has what it kept from being looked at looked at again, also where nobody asks.
  shop.write('t.csv', 'id,n\n1,X\n2,Y\n3,z\n')
  await shop.engine.abort(waiting, OPERATOR, 'no more')
  await expect.poll(isStale, { timeout: 30_000 }).toBe(2)
  shop.write('go', '')
  await shop.sealed(first)
})

/** Its first process fails each record at a cost, the second waits, and later ones derive. */
const TRIES = `
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a:
        from: [n]
        retries: 2
        argv: [sh, -c, 'if [ ! -e first ]; then touch first; exec jq -c "{record_id, error: .inputs.n, cost: 1.5}"; elif [ ! -e began ]; then touch began; exec sleep 1000; fi; exec jq -c "{record_id, value: .inputs.n, cost: 1}"']
`

it('[MT8] [MT13] an abort within a retry costs what was spent, once', async () => {
  const shop = await tableShop(TRIES, FILES)
  const run_id = await begin(shop, { targets: ['t'] })
  await shop.engine.abort(run_id, OPERATOR, 'no more')
  const { envelope } = await shop.sealed(run_id)
  expect(envelope.closing.totals).toMatchObject({ failures: 3, total_cost: '4.5' })
  expect(await valuesOf(shop, 't', 'a')).toEqual({ 1: 'x', 2: 'y', 3: 'z' })
})

it('[MT8] [MT13] an abort between two tries costs what was spent; a stop there loses none of the tries', async () => {
  const shop = await tableShop(TRIES, FILES)
  await shop.materializer.check()
  const { cells } = shop.storage
  const { tables } = shop.materializer.project()
  const [field] = tables.get('t')?.derived ?? []
  if (field === undefined) throw new Error('no field')
  const { field_id } = await cells.field('t', 'a')
  const digest = valueDigest(new Uint8Array(32))
  const derive = async (reason: unknown) => {
    const cut = new AbortController()
    const { run_id } = await shop.engine.start('none', {}, OPERATOR)
    const made = { field_id, run_id, step_id: 't.a', attempt: 1, actor: 'system' }
    const act = await cells.beginAct({ ...made, sha256: 'd'.repeat(64), body: '{}' })
    let tries = 0
    await deriveField({
      cells,
      judge: createJudge(cells, tables, digest),
      digest,
      field,
      act,
      record_ids: null,
      force: false,
      isPrivate: false,
      run: async () => {
        tries += 1
        if (tries === 2) cut.abort(reason)
        const lines = ['1', '2', '3'].map((record_id) => ({ record_id, error: 'no', cost: 1 }))
        const output = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
        const ended = { exit_code: 0, signal: null, cause: null, reason: null, duration_ms: 1 }
        return { ...ended, output, invalid: [] }
      },
      signal: cut.signal,
      done: () => {},
      now: () => new Date(),
    })
    return await cells.field('t', 'a')
  }
  expect(await derive(SERVER_STOPS)).toMatchObject({ cost: '0', cells: { missing: 3 } })
  expect(await derive(undefined)).toMatchObject({ cost: '6', cells: { failed: 3 }, made: 3 })
})

it('[MT6] [MT8] a stop within a retry takes none of the tries that are left', async () => {
  const shop = await tableShop(TRIES, FILES)
  const run_id = await begin(shop, { targets: ['t'] })
  await shop.close()
  expect(shop.faults).toEqual([])
  const again = await openWorkshop(dirname(shop.data))
  onTestFinished(() => again.close())
  await again.engine.recover()
  const { envelope } = await again.sealed(run_id)
  expect(envelope.closing.totals).toMatchObject({ materialized: 3, failures: 0 })
})

it('[MT4] [MT5] a run that goes on after a restart derives again what changed meanwhile, and all that is made of it', async () => {
  const shop = await tableShop(TABLES, FILES)
  // The first batch answers, the second waits.
  const second = `[sh, -c, 'if [ ! -e first ]; then touch first; else touch began; while [ ! -e go ]; do sleep 0.02; done; fi; exec jq -c "{record_id, value: .inputs.n}"']`
  const file = join(shop.root, 'runseal.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(WAITS, second))
  const run_id = await begin(shop, { targets: ['t'] })
  await expect
    .poll(async () => (await valuesOf(shop, 't', 'a'))['2'], { timeout: 30_000 })
    .toBe('y')
  await shop.close()
  shop.write('t.csv', 'id,n\n1,X\n2,y\n3,z\n')
  shop.write('go', '')
  const again = await openWorkshop(dirname(shop.data))
  onTestFinished(() => again.close())
  await again.engine.recover()
  const { run, envelope } = await again.sealed(run_id)
  expect(run.ended).toMatchObject({ outcome: 'succeeded' })
  expect(envelope.closing.totals).toMatchObject({ failures: 0 })
  for (const field of ['a', 'b'])
    expect(await valuesOf(again, 't', field)).toEqual({ 1: 'X', 2: 'y', 3: 'z' })
})
