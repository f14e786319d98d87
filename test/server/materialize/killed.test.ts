import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

const projectOf = (derive: string) => `
runs:
  none:
    steps: [{ id: no, run: 'true' }]
tables:
  t:
    source: { kind: jsonl, path: t.jsonl }
    key: id
    derive:
${derive}
`
const PROJECT = projectOf(`
      a: { from: [n], batch: 20, concurrency: 2, argv: [jq, -c, '{record_id, value: (.inputs.n * 2), cost: 0.01}'] }
      b: { from: [a], batch: 50, argv: [jq, -c, '{record_id, value: (.inputs.a + 1)}'] }
`)

/** 0 to 1, the same for one seed. */
function randomBy(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32
  }
}

/** A server of its own process over this project, that can be killed and started again. */
async function killable(project: string, source: string) {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-killed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const data = join(folder, 'data')
  writeFileSync(join(folder, 'runseal.yaml'), project)
  writeFileSync(join(folder, 't.jsonl'), source)
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
  const runNow = async (run_id: string) => {
    const read = parseJson(ENDPOINT.run.answer, await ask(`/api/runs/${run_id}`))
    return read.ok ? read.value : null
  }
  return {
    folder,
    data,
    runNow,
    async cellsDone() {
      const read = parseJson(ENDPOINT.status.answer, await ask('/api/status'))
      return read.ok ? read.value.tables.reduce((sum, { cells }) => sum + cells.fresh, 0) : 0
    },
    async begin() {
      const text = await ask('/api/materialize', { method: 'POST', body: '{}' })
      const read = parseJson(ENDPOINT.startRun.answer, text)
      if (!read.ok) throw new Error(`not started: ${text}`)
      return read.value.run_id
    },
    async sealed(run_id: string) {
      const wait = { timeout: TIMEOUT_MS, interval: 100 }
      await expect.poll(async () => (await runNow(run_id))?.seal, wait).toBe('sealed')
      return await runNow(run_id)
    },
    async kill() {
      server.child.kill('SIGKILL')
      await exitOf(server.child)
    },
    async startAgain() {
      server = await serving(folder, ['--data', data])
    },
    end: () => end(server),
  }
}

function sourceOf(records: number): string {
  return Array.from({ length: records }, (_, n) => `${JSON.stringify({ id: `r${n}`, n })}\n`).join(
    '',
  )
}

it(`[MT5] [CR1] killed while it derives, it goes on and computes no finished cell again (seed ${SEED})`, async () => {
  const server = await killable(PROJECT, sourceOf(CELLS / 2))
  const random = randomBy(SEED)
  const before = new Map<string, number>()
  const runs = [await server.begin()]
  const goOn = async () => {
    // A step that was cut off a fourth time has failed [R3]: somebody asks once more.
    if ((await server.runNow(runs.at(-1) ?? ''))?.outcome === 'failed')
      runs.push(await server.begin())
  }
  for (let kill = 1; kill <= KILLS; kill += 1) {
    // Somewhere in the next part of the work, and then a moment more.
    const until = (CELLS * (kill - 1 + random())) / (KILLS + 1)
    while ((await server.cellsDone()) < until) {
      await goOn()
      await sleep(5)
    }
    await sleep(random() * 50)
    await server.kill()
    for (const [cell, version] of await versionsIn(server.data)) {
      expect([cell, version]).toEqual([cell, before.get(cell) ?? version])
      before.set(cell, version)
    }
    await server.startAgain()
  }
  await server.sealed(runs.at(-1) ?? '')
  // One more call, for what a run that failed left.
  runs.push(await server.begin())
  expect(await server.sealed(runs.at(-1) ?? '')).toMatchObject({ outcome: 'succeeded' })
  for (const run_id of runs) expect(await server.runNow(run_id)).toMatchObject({ seal: 'sealed' })
  await server.end()
  const after = await versionsIn(server.data)
  expect(after.size).toBe(CELLS)
  for (const [cell, version] of before) expect([cell, after.get(cell)]).toEqual([cell, version])
  expect(before.size).toBeGreaterThan(0)
})

it('[MT5] [MT6] killed in the middle of a batch, what its process has answered is not computed again', async () => {
  const records = 400
  // Notes each record that it computes, and does not go on behind the half of them.
  const program = `const fs=require('fs');let n=0;const lines=fs.readFileSync(0,'utf8').trim().split('\\n');const next=()=>{if(n===lines.length)return;if(n===${records / 2})return setInterval(()=>{},1000);const {record_id,inputs}=JSON.parse(lines[n++]);fs.appendFileSync('computed.txt',record_id+'\\n');console.log(JSON.stringify({record_id,value:inputs.n*2}));setImmediate(next)};next()`
  const server = await killable(
    projectOf(
      `      a: { from: [n], batch: 10000, argv: ${JSON.stringify([process.execPath, '-e', program])} }`,
    ),
    sourceOf(records),
  )
  const run_id = await server.begin()
  const wait = { timeout: TIMEOUT_MS, interval: 20 }
  await expect.poll(() => server.cellsDone(), wait).toBe(records / 2)
  await server.kill()
  await server.startAgain()
  expect(await server.sealed(run_id)).toMatchObject({ outcome: 'succeeded' })
  await server.sealed(await server.begin())
  expect(await server.cellsDone()).toBe(records)
  const computed = readFileSync(join(server.folder, 'computed.txt'), 'utf8').trim().split('\n')
  expect([computed.length, new Set(computed).size]).toEqual([records, records])
  await server.end()
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
