import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { parseJson } from '#contract/parse.ts'
import { administer } from '#server/main.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import { end, exitOf, serving } from '#test/cli/command-line.ts'

const KILLS = Number(process.env['RUNSEAL_TABLE_KILLS'] ?? 2)
const CELLS = Number(process.env['RUNSEAL_TABLE_CELLS'] ?? 1000)
const SEED = Number(process.env['RUNSEAL_SEED'] ?? Date.now() % 1_000_000)

const TIMEOUT_MS = 120_000 + KILLS * 30_000 + CELLS * 30
vi.setConfig({ testTimeout: TIMEOUT_MS })

const PROJECT = `
runs:
  none:
    steps: [{ id: no, run: 'true' }]
tables:
  t:
    source: { kind: jsonl, path: t.jsonl }
    key: id
    derive:
      a: { from: [n], batch: 20, concurrency: 2, argv: [jq, -c, '{record_id, value: (.inputs.n * 2), cost: 0.01}'] }
      b: { from: [a], batch: 50, argv: [jq, -c, '{record_id, value: (.inputs.a + 1)}'] }
`

/** 0 to 1, the same for one seed. */
function randomBy(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32
  }
}

it(`[MT5] [CR1] killed while it derives, it goes on and computes no finished cell again (seed ${SEED})`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-killed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const data = join(folder, 'data')
  writeFileSync(join(folder, 'runseal.yaml'), PROJECT)
  writeFileSync(
    join(folder, 't.jsonl'),
    Array.from({ length: CELLS / 2 }, (_, n) => `${JSON.stringify({ id: `r${n}`, n })}\n`).join(''),
  )
  const random = randomBy(SEED)
  let server = await serving(folder, ['--data', data])
  const administration = await administer(data)
  const { token } = await administration.people.makeToken(
    { role: 'operator', owner: null, expires_at: null },
    'system',
  )
  await administration.close()
  const ask = async (path: string, init: RequestInit = {}) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      prefer: 'respond-async',
    }
    return await (await fetch(`${server.url}${path}`, { ...init, headers })).text()
  }
  const cellsDone = async () => {
    const read = parseJson(ENDPOINT.status.answer, await ask('/api/status'))
    return read.ok ? read.value.tables.reduce((sum, { cells }) => sum + cells.fresh, 0) : 0
  }
  const begin = async () => {
    const text = await ask('/api/materialize', { method: 'POST', body: '{}' })
    const read = parseJson(ENDPOINT.startRun.answer, text)
    if (!read.ok) throw new Error(`not started: ${text}`)
    return read.value.run_id
  }
  const runNow = async (run_id: string) => {
    const read = parseJson(ENDPOINT.run.answer, await ask(`/api/runs/${run_id}`))
    return read.ok ? read.value : null
  }
  const before = new Map<string, number>()
  const runs = [await begin()]
  const goOn = async () => {
    // A step that was cut off a fourth time has failed [R3]: somebody asks once more.
    if ((await runNow(runs.at(-1) ?? ''))?.outcome === 'failed') runs.push(await begin())
  }
  for (let kill = 1; kill <= KILLS; kill += 1) {
    // Somewhere in the next part of the work, and then a moment more.
    const until = (CELLS * (kill - 1 + random())) / (KILLS + 1)
    while ((await cellsDone()) < until) {
      await goOn()
      await sleep(5)
    }
    await sleep(random() * 50)
    server.child.kill('SIGKILL')
    await exitOf(server.child)
    for (const [cell, version] of await versionsIn(data)) {
      expect([cell, version]).toEqual([cell, before.get(cell) ?? version])
      before.set(cell, version)
    }
    server = await serving(folder, ['--data', data])
  }
  for (let run = await runNow(runs.at(-1) ?? ''); run?.seal !== 'sealed';) {
    await sleep(100)
    run = await runNow(runs.at(-1) ?? '')
  }
  // One more call, for what a run that failed left.
  runs.push(await begin())
  await expect
    .poll(async () => await runNow(runs.at(-1) ?? ''), { timeout: TIMEOUT_MS, interval: 200 })
    .toMatchObject({ seal: 'sealed', outcome: 'succeeded' })
  for (const run_id of runs) expect(await runNow(run_id)).toMatchObject({ seal: 'sealed' })
  await end(server)
  const after = await versionsIn(data)
  expect(after.size).toBe(CELLS)
  for (const [cell, version] of before) expect([cell, after.get(cell)]).toEqual([cell, version])
  expect(before.size).toBeGreaterThan(0)
})

/** The version that each fresh cell has, with the value that it has to have. */
async function versionsIn(data: string): Promise<Map<string, number>> {
  const storage = await openSqlite(data, { server: false })
  try {
    const found = new Map<string, number>()
    for (const field of ['a', 'b']) {
      const { field_id } = await storage.cells.field('t', field)
      for (const { record_id, state, version } of await storage.cells.cells(field_id, {
        after: null,
        limit: CELLS,
      })) {
        if (state !== 'fresh' || version === null) continue
        const n = Number(record_id.slice(1))
        expect(version.value).toBe(String(field === 'a' ? n * 2 : n * 2 + 1))
        found.set(`${field} ${record_id}`, version.version)
      }
    }
    return found
  } finally {
    await storage.close()
  }
}
