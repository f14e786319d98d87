import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { appendFile, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type * as z from 'zod/mini'
import { ENDPOINT, RunStartedAnswer } from '#contract/api.ts'
import { Envelope } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { administer } from '#server/main.ts'
import { begin, type Life } from './crash/life.ts'

vi.setConfig({ testTimeout: 120_000 })

const PROJECT = `
runs:
  say:
    steps:
      - { id: say, run: 'echo $$ > pid; echo hello; echo kept > out; while [ -e wait ]; do sleep 0.05; done', artifacts: [out] }
`
const TABLE = `
tables:
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive:
      a: { from: [n], argv: [sh, -c, 'echo began >> began; while [ -e wait ]; do sleep 0.05; done; exec jq -c "{record_id, value: .inputs.n}"'] }
`
const FULL = 'the disk is full (ENOSPC)'

/** A project, a place for data, and the file that makes the disk full while it is there. */
async function place(data?: string, definition = PROJECT) {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-disk-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const project = join(folder, 'project')
  await mkdir(project)
  await writeFile(join(project, 'runseal.yaml'), definition)
  return { project, data: data ?? join(folder, 'data'), full: join(folder, 'full') }
}
type Place = Awaited<ReturnType<typeof place>>

/** A server for which what matches `what` is refused as long as the disk is full. */
async function serve({ project, data, full }: Place, what: string) {
  const administration = await administer(data)
  const wanted = { role: 'admin', owner: null, expires_at: null } as const
  const { token } = await administration.people.makeToken(wanted, 'system')
  await administration.close()
  const life = await begin(project, data, { full: { while: full, what } })
  onTestFinished(() => void life.child.kill('SIGKILL'))

  async function ask<T>(
    row: { method: string; path: string; answer: z.ZodMiniType<T> },
    path: string,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<T | number> {
    const response = await fetch(`${life.url}${path}`, {
      method: row.method,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    const parsed = parseJson(row.answer, await response.text())
    return response.ok && parsed.ok ? parsed.value : response.status
  }
  async function start(): Promise<string> {
    const answer = await ask(ENDPOINT.startRun, '/api/runs', { definition: 'say', inputs: {} })
    if (typeof answer === 'number') throw new Error(`not started: ${answer}`)
    return answer.run_id
  }
  async function derive(): Promise<string> {
    const row = { ...ENDPOINT.materialize, answer: RunStartedAnswer }
    const answer = await ask(row, '/api/materialize', {}, { prefer: 'respond-async' })
    if (typeof answer === 'number') throw new Error(`not started: ${answer}`)
    return answer.run_id
  }
  async function until(run_id: string, isSo: (run: RunAnswer) => boolean): Promise<RunAnswer> {
    for (;;) {
      const run = await ask(ENDPOINT.run, `/api/runs/${run_id}`)
      if (typeof run !== 'number' && isSo(run)) return run
      await sleep(20)
    }
  }
  const seal = (run_id: string) => ask(ENDPOINT.sealRun, `/api/runs/${run_id}/seal`, {})
  return { life, ask, start, derive, until, seal }
}
type RunAnswer = z.infer<typeof ENDPOINT.run.answer>

const isSealed = ({ seal }: RunAnswer) => seal === 'sealed'
const reasonOf = (run: RunAnswer) => run.steps[0]?.attempts[0]?.finished?.reason

async function ended({ child, ended }: Life): Promise<unknown> {
  child.kill('SIGTERM')
  return await ended
}

describe('a disk that is full', () => {
  it.each([
    ['the log', '^write \\w+\\.log$', `the log cannot be written: ${FULL}`],
    ['the index of the log', '^open \\w+\\.idx$', `the log cannot be written: ${FULL}`],
    ['an artifact', '^writeFile part$', `artifact out cannot be kept: ${FULL}`],
    [
      'the place where the process is noted',
      '^write \\w+\\.pid$',
      `its process could not be noted: ${FULL}`,
    ],
    ['the place where the runner is noted', 'runner.json$', `no runner can be started: ${FULL}`],
  ])(
    '[R23] for %s fails the step, which says so; what comes after it succeeds',
    async (_, what, reason) => {
      const there = await place()
      const { life, start, until } = await serve(there, what)
      await writeFile(there.full, '')
      const failed = await until(await start(), isSealed)
      expect(failed.outcome).toBe('failed')
      expect(reasonOf(failed)).toBe(reason)
      await rm(there.full)
      expect((await until(await start(), isSealed)).outcome).toBe('succeeded')
      expect(await ended(life)).toEqual([0, null])
    },
  )

  it('[R23] leaves no process behind that could not be noted', async () => {
    const there = await place()
    const { start, until } = await serve(there, '^write \\w+\\.pid$')
    await writeFile(there.full, '')
    await writeFile(join(there.project, 'wait'), '')
    expect((await until(await start(), isSealed)).outcome).toBe('failed')
    // It may have been ended before it could say who it is.
    const file = join(there.project, 'pid')
    const pid = (existsSync(file) && (await readFile(file, 'utf8')).trim()) || 'none'
    expect(existsSync(`/proc/${pid}/stat`)).toBe(false)
  })

  it.each([['by a person'], ['at the next start']])(
    '[SE4] for the envelope is on record, and mended %s',
    async (how) => {
      const there = await place()
      const first = await serve(there, '^writeFile ev\\.json')
      await writeFile(there.full, '')
      const run_id = await first.start()
      const { seal_failed, outcome } = await first.until(
        run_id,
        ({ seal }) => seal === 'seal_failed',
      )
      expect(outcome).toBe('succeeded')
      expect(seal_failed?.reason).toBe(`the envelope could not be written: ${FULL}`)
      expect(await first.seal(run_id)).toBe(500)
      await rm(there.full)
      if (how === 'by a person') {
        await first.seal(run_id)
        await first.until(run_id, isSealed)
        return
      }
      await ended(first.life)
      const second = await serve(there, '^$')
      await second.until(run_id, isSealed)
    },
  )

  it('[R24] for the store keeps what is on record, and the run goes on when there is room', async () => {
    const there = await place()
    const { life, start, until, ask } = await serve(there, '^store ')
    await writeFile(join(there.project, 'wait'), '')
    const run_id = await start()
    await until(run_id, () => existsSync(join(there.project, 'pid')))
    await writeFile(there.full, '')
    await rm(join(there.project, 'wait'))
    while (!life.said().includes('disk is full')) await sleep(20)
    const run = await ask(ENDPOINT.run, `/api/runs/${run_id}`)
    expect(run).toMatchObject({ status: 'running', outcome: null })
    await expect(start()).rejects.toThrow('not started: 503')
    await rm(there.full)
    expect((await until(run_id, isSealed)).outcome).toBe('succeeded')
    expect((await until(await start(), isSealed)).outcome).toBe('succeeded')
    expect(await ended(life)).toEqual([0, null])
  })

  it('[R7] [R32] for the store keeps no abort from ending what runs; it is on record when there is room', async () => {
    const there = await place()
    const { life, start, until, ask } = await serve(there, '^store ')
    await writeFile(join(there.project, 'wait'), '')
    const run_id = await start()
    const pidFile = join(there.project, 'pid')
    await vi.waitUntil(() => existsSync(pidFile) && readFileSync(pidFile, 'utf8') !== '')
    const pid = Number(readFileSync(pidFile, 'utf8'))
    await writeFile(there.full, '')
    expect(await ask(ENDPOINT.abortRun, `/api/runs/${run_id}/abort`, { reason: 'full' })).toBe(503)
    await vi.waitUntil(() => !existsSync(`/proc/${pid}`), { timeout: 20_000 })
    expect(await ask(ENDPOINT.run, `/api/runs/${run_id}`)).toMatchObject({ outcome: null })
    await rm(there.full)
    const run = await until(run_id, isSealed)
    expect(run).toMatchObject({ outcome: 'aborted', ended: { reason: 'full' } })
    expect(reasonOf(run)).toMatch(/^aborted by token:/)
    expect(await ended(life)).toEqual([0, null])
    const beside = await administer(there.data)
    const { items } = await beside.journal.list({ cursor: null, limit: 50 })
    await beside.close()
    expect(items.filter(({ act }) => act === 'run_aborted')).toMatchObject([{ about: run_id }])
  })

  it('[R24] for the cells of a table keeps what was derived, and records it once when there is room', async () => {
    const there = await place(undefined, `${PROJECT}${TABLE}`)
    await writeFile(join(there.project, 't.csv'), 'id,n\n1,x\n2,y\n')
    const { life, derive, until, ask } = await serve(there, '^store ')
    await writeFile(join(there.project, 'wait'), '')
    const run_id = await derive()
    await until(run_id, () => existsSync(join(there.project, 'began')))
    await writeFile(there.full, '')
    await rm(join(there.project, 'wait'))
    while (!life.said().includes('disk is full')) await sleep(20)
    expect(await ask(ENDPOINT.run, `/api/runs/${run_id}`)).toMatchObject({ outcome: null })
    await rm(there.full)
    expect((await until(run_id, isSealed)).outcome).toBe('succeeded')
    const cells = await ask(ENDPOINT.provenance, '/api/provenance?table=t')
    expect(cells).toMatchObject({ items: [{ value: 'x' }, { value: 'y' }] })
    for (const record_id of ['1', '2']) {
      const path = `/api/provenance/history?table=t&record_id=${record_id}&field=a`
      expect(await ask(ENDPOINT.cellHistory, path)).toMatchObject({ items: { length: 1 } })
    }
    // Its program was started once.
    expect(await readFile(join(there.project, 'began'), 'utf8')).toBe('began\n')
    expect(await ended(life)).toEqual([0, null])
  })

  it.each([
    ['the records that a process is given', '\\.in$'],
    ['the place where its process is noted', '\\.s0\\.pid$'],
  ])('[R23] for %s fails the step and no cell', async (_, what) => {
    const there = await place(undefined, `${PROJECT}${TABLE}`)
    await writeFile(join(there.project, 't.csv'), 'id,n\n1,x\n2,y\n')
    const { derive, until, ask } = await serve(there, what)
    await writeFile(there.full, '')
    const failed = await until(await derive(), isSealed)
    expect(failed.outcome).toBe('failed')
    expect(reasonOf(failed)).toContain(FULL)
    expect(await ask(ENDPOINT.status, '/api/status')).toMatchObject({
      tables: [{ cells: { missing: 2, failed: 0 } }],
    })
    await rm(there.full)
    expect((await until(await derive(), isSealed)).outcome).toBe('succeeded')
  })

  it('[R23] [MT12] for one process leaves what another of the step answers on record and in its entry', async () => {
    const table = TABLE.replace('argv:', 'batch: 1, concurrency: 2, argv:')
    const there = await place(undefined, `${PROJECT}${table}`)
    await writeFile(join(there.project, 't.csv'), 'id,n\n1,x\n2,y\n3,z\n')
    const { derive, until, ask } = await serve(there, '\\.s0\\.log\\.in$')
    await writeFile(there.full, '')
    await writeFile(join(there.project, 'wait'), '')
    const run_id = await derive()
    await until(run_id, () => existsSync(join(there.project, 'began')))
    await rm(join(there.project, 'wait'))
    const { outcome, evidence_id } = await until(run_id, isSealed)
    expect(outcome).toBe('failed')
    expect(await ask(ENDPOINT.provenance, '/api/provenance?table=t&state=fresh')).toMatchObject({
      items: [{ record_id: '1' }],
    })
    const row = { ...ENDPOINT.envelope, answer: Envelope }
    expect(await ask(row, `/api/envelopes/${evidence_id}`)).toMatchObject({
      execution: { steps: [{ cells: [{ record_id: '1', state: 'fresh' }] }] },
    })
  })

  it.each([['^store '], ['server\\.json'], ['key\\.pem']])(
    '[C9] at the start ends it in one line (%s)',
    async (what) => {
      const { project, data, full } = await place()
      await writeFile(full, '')
      const life = await begin(project, data, { full: { while: full, what } })
      expect(life.url).toBeNull()
      expect(await life.ended).toEqual([1, null])
      expect(life.said()).toMatch(/^runseal serve: .*(disk is full|no space left).*\n$/)
    },
  )
})

async function bytesFree(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

describe('a real disk', () => {
  it('[R24] that is full, and then read-only', async (context) => {
    const data = await mkdtemp(join(tmpdir(), 'runseal-mount-'))
    onTestFinished(() => rm(data, { recursive: true, force: true }))
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', data])
    if (mounted.status !== 0) context.skip('this user may not mount a disk of its own')
    onTestFinished(() => void spawnSync('umount', ['-l', data]))

    const there = await place(data)
    const { life, start, until } = await serve(there, '^$')
    await writeFile(join(there.project, 'wait'), '')
    const run_id = await start()
    await until(run_id, () => existsSync(join(there.project, 'pid')))
    const ballast = join(data, 'ballast')
    // What is free is taken by the server too.
    for (let free = await bytesFree(data); free > 0; free = await bytesFree(data))
      await appendFile(ballast, Buffer.alloc(free)).catch(() => {})
    await rm(join(there.project, 'wait'))
    const first = await Promise.race([
      until(run_id, ({ outcome }) => outcome !== null),
      (async () => {
        while (!/full|no space/i.test(life.said())) await sleep(20)
        return null
      })(),
    ])
    // Whether the step or the store noticed first is the disk's affair: it is said, and nobody died of it.
    if (first !== null) expect(reasonOf(first)).toContain('disk is full')
    await rm(ballast)
    await until(run_id, isSealed)
    expect((await until(await start(), isSealed)).outcome).toBe('succeeded')
    expect(await ended(life)).toEqual([0, null])

    expect(spawnSync('mount', ['-o', 'remount,ro', data]).status).toBe(0)
    const again = await begin(there.project, data, {})
    expect(await again.ended).toEqual([1, null])
    expect(again.said()).toMatch(/^runseal serve: .*(read-?only|cannot be written).*\n$/i)
    expect(readdirSync(join(data, 'envelopes'))).toHaveLength(2)
  })
})
