import Database from 'better-sqlite3'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import * as z from 'zod/mini'
import { OPERATOR, openWorkshop, workshop } from './workshop.ts'

const PROJECT = `
runs:
  tour:
    steps:
      - { id: quick, run: echo done }
      - { id: long, needs: [quick], run: '(setsid sh left </dev/null >/dev/null 2>&1 &); echo $$ >> pids; sleep 3600 & echo $! >> pids; sleep 3600' }
      - { id: last, needs: [ask, long], run: exit 0 }
    gates:
      - { id: ask, question: Go on? }
`

const Pid = z.object({ pid: z.number() })

// A process that ended stays in the table until somebody asks how.
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

function isStopped(pid: number): boolean {
  return isRunning(pid) && / T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

async function eventually<T>(read: () => T | null): Promise<T> {
  for (;;) {
    const found = read()
    if (found !== null) return found
    await sleep(20)
  }
}

function pidsOf(root: string, least = 2): number[] | null {
  if (!existsSync(join(root, 'pids'))) return null
  const pids = readFileSync(join(root, 'pids'), 'utf8').trim().split('\n').map(Number)
  return pids.length < least ? null : pids
}

/** A real server over a new folder; its first run begins by itself. */
async function serverIn(folder: string) {
  const options = {
    project: join(folder, 'project'),
    data: join(folder, 'data'),
    host: '127.0.0.1',
    port: 0,
  }
  const server = spawn(
    process.execPath,
    [
      '--input-type=module-typescript',
      '-e',
      `const { start } = await import('#server/main.ts'); await start({ ...${JSON.stringify(options)}, log: console.error })`,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  onTestFinished(() => void server.kill('SIGKILL'))
  return server
}

describe('a server that is killed', () => {
  it.each([['alone'], ['together with its runner']])(
    '[R20] %s leaves nothing running, and its run goes on after the next start',
    async (how) => {
      const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      const root = join(folder, 'project')
      mkdirSync(root)
      writeFileSync(join(root, 'runseal.yaml'), PROJECT)
      writeFileSync(join(root, 'left'), 'echo $$ >> pids; exec sleep 3600')
      const server = await serverIn(folder)
      const pids = await eventually(() => pidsOf(root, 3))
      const runner = Pid.parse(
        JSON.parse(readFileSync(join(folder, 'data', 'runner.json'), 'utf8')),
      )
      const exit = once(server, 'exit')
      server.kill('SIGKILL')
      if (how !== 'alone') process.kill(runner.pid, 'SIGKILL')
      await exit

      const second = await openWorkshop(folder)
      onTestFinished(() => second.close())
      const [run_id = ''] = await second.storage.runs.unfinished()
      await second.engine.recover()
      for (const pid of pids) expect(isRunning(pid)).toBe(false)
      const going = await second.until(
        run_id,
        ({ steps }) => steps.find(({ step_id }) => step_id === 'long')?.attempts.length === 2,
      )
      expect(going.gates).toMatchObject([{ step_id: 'ask', resolved: null }])
      await second.engine.abort(run_id, OPERATOR, 'seen')
      const { envelope } = await second.sealed(run_id)
      expect(
        envelope.execution.steps.map(({ step_id, outcome }) => `${step_id} ${outcome}`),
      ).toEqual(['quick succeeded', 'long interrupted', 'long aborted'])
    },
  )
})

describe('a record that is damaged', () => {
  it.each([
    ['a fact', `drop trigger fact_is_kept; update fact set link = null where run_id = '$'`],
    ['the row of the run', `update run set status = 'lost' where run_id = '$'`],
  ])('[R26] (%s) is told, and keeps nobody else from going on', async (_, damage) => {
    const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const runs = `
  asks:
    steps: [{ id: one, needs: [ask], run: exit 0 }]
    gates: [{ id: ask, question: Go on? }]
`
    const first = await workshop(runs, { folder })
    const ids = [await first.start('asks'), await first.start('asks'), await first.start('asks')]
    for (const id of ids) await first.until(id, ({ gates }) => gates.length > 0)
    await first.close()
    const beside = new Database(join(folder, 'data', 'runseal.db'))
    beside.exec(damage.replace('$', ids[1] ?? ''))
    beside.close()

    const second = await openWorkshop(folder)
    onTestFinished(() => second.close())
    await second.engine.recover()
    for (const id of [ids[0], ids[2]]) {
      await second.engine.abort(id ?? '', OPERATOR, 'seen')
      expect((await second.runOf(id ?? '')).ended?.outcome).toBe('aborted')
    }
    if (damage.includes('link')) expect(second.faults.map(String).join()).toContain(ids[1])
  })
})

describe('a server that is stopped', () => {
  it('[R21] records what runs as interrupted, and goes on after the next start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const runs = `
  heals:
    steps: [{ id: one, run: 'test -e seen || { touch seen; sleep 3600; }' }]
`
    const first = await workshop(runs, { folder })
    const run_id = await first.start('heals')
    await eventually(() => (existsSync(join(first.root, 'seen')) ? true : null))
    await first.close()
    await expect(first.engine.start('heals', {}, OPERATOR)).rejects.toMatchObject({
      code: 'draining',
    })
    expect(existsSync(join(folder, 'data', 'runner.json'))).toBe(false)

    const second = await openWorkshop(folder)
    onTestFinished(() => second.close())
    expect((await second.runOf(run_id)).ended).toBeNull()
    await second.engine.recover()
    const { run, envelope } = await second.sealed(run_id)
    expect(run.ended?.outcome).toBe('succeeded')
    expect(envelope.execution.steps).toMatchObject([
      { attempt: 1, outcome: 'interrupted', reason: 'the server stopped' },
      { attempt: 2, outcome: 'succeeded' },
    ])
  })
})

describe('a rerun from the failed steps', () => {
  it('[R14] [R20] still knows after a restart what it takes over behind a gate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const first = await workshop(
      `
  ships:
    steps:
      - { id: make, run: echo made >> made }
      - { id: ship, needs: [ask], run: echo shipped >> shipped }
      - { id: tell, needs: [ship], run: test -e healed }
    gates:
      - { id: ask, needs: [make], question: Ship? }
`,
      { folder },
    )
    const approve = async (house: typeof first, run_id: string) => {
      const { gates } = await house.until(run_id, ({ gates }) => gates.length === 1)
      await house.gates.decide(gates[0]?.gate_id ?? '', OPERATOR, { decision: 'approved' })
    }
    const run_id = await first.start('ships')
    await approve(first, run_id)
    expect((await first.sealed(run_id)).run.ended?.outcome).toBe('failed')
    const again = await first.engine.rerun(run_id, 'failed', OPERATOR)
    await first.until(again.run_id, ({ gates }) => gates.length === 1)
    await first.close()

    const second = await openWorkshop(folder)
    onTestFinished(() => second.close())
    writeFileSync(join(second.root, 'healed'), '')
    await second.engine.recover()
    await approve(second, again.run_id)
    const { run, envelope } = await second.sealed(again.run_id)
    expect(run.ended?.outcome).toBe('succeeded')
    expect(
      envelope.execution.steps.map(({ step_id, taken_over }) => [step_id, taken_over?.seq]),
    ).toEqual([
      ['make', 1],
      ['ship', 3],
      ['tell', undefined],
    ])
    expect(readFileSync(join(second.root, 'shipped'), 'utf8')).toBe('shipped\n')
  })
})

describe('a runner that dies', () => {
  it('[R22] has its attempts recorded as interrupted, and is replaced', async () => {
    const { start, sealed, root, data } = await workshop(`
  heals:
    steps: [{ id: one, run: 'test -e pids || { echo $$ > pids; echo x >> pids; sleep 3600; }' }]
`)
    const run_id = await start('heals')
    const pids = await eventually(() => pidsOf(root))
    const { pid } = Pid.parse(JSON.parse(readFileSync(join(data, 'runner.json'), 'utf8')))
    process.kill(pid, 'SIGKILL')
    const { envelope } = await sealed(run_id)
    expect(envelope.execution.steps).toMatchObject([
      { attempt: 1, outcome: 'interrupted' },
      { attempt: 2, outcome: 'succeeded' },
    ])
    expect(isRunning(pids[0] ?? 0)).toBe(false)
  })

  it('[R22] is ended when it was only stopped, says so meanwhile, and is replaced', async () => {
    const { start, until, sealed, root, data, faults, engine } = await workshop(`
  heals:
    steps: [{ id: one, run: 'test -e pids || { echo $$ > pids; echo x >> pids; sleep 3600; }' }]
`)
    const run_id = await start('heals')
    const pids = await eventually(() => pidsOf(root))
    const { pid } = Pid.parse(JSON.parse(readFileSync(join(data, 'runner.json'), 'utf8')))
    process.kill(pid, 'SIGSTOP')
    // Without a turn of the event loop, which might end it.
    while (!isStopped(pid));
    expect(() => engine.check()).toThrow('does not answer')
    await until(run_id, ({ steps }) => steps[0]?.attempts.length === 2)
    expect(faults.splice(0).map(String)).toEqual(['Error: the runner does not answer and is ended'])
    const { envelope } = await sealed(run_id)
    expect(envelope.execution.steps).toMatchObject([
      { attempt: 1, outcome: 'interrupted' },
      { attempt: 2, outcome: 'succeeded' },
    ])
    expect(() => engine.check()).not.toThrow()
    for (const one of [pid, ...pids]) expect(isRunning(one)).toBe(false)
  })

  it('[R21] [R22] keeps no server from its stop, and does not stay behind', async () => {
    const shop = await workshop(`
  stops:
    steps: [{ id: one, run: 'echo $$ > pids; echo x >> pids; kill -STOP $PPID; sleep 3600' }]
`)
    const { root, data } = shop
    const run_id = await shop.start('stops')
    const pids = await eventually(() => pidsOf(root))
    const { pid } = Pid.parse(JSON.parse(readFileSync(join(data, 'runner.json'), 'utf8')))
    await eventually(() => isStopped(pid) || !isRunning(pid) || null)
    await shop.close()
    for (const one of [pid, ...pids]) expect(isRunning(one)).toBe(false)
    const { steps } = await shop.runOf(run_id)
    expect(steps[0]?.attempts[0]?.finished?.outcome).toBe('interrupted')
  })

  it('[R22] leaves nothing that only its pipes tell of', async () => {
    const { run: execute, root } = await workshop(`
  flees:
    steps: [{ id: one, run: "test -e pids || { env -i setsid -f sh -c 'echo $$ > pids; echo x >> pids; kill -9 '$PPID'; exec sleep 3600'; sleep 3600; }" }]
`)
    const { envelope } = await execute('flees')
    expect(envelope.execution.steps).toMatchObject([
      { attempt: 1, outcome: 'interrupted' },
      { attempt: 2, outcome: 'succeeded' },
    ])
    expect(isRunning(pidsOf(root)?.[0] ?? 0)).toBe(false)
  })

  it('[R22] with the same step over and over fails that step in the end', async () => {
    const { run: execute, root } = await workshop(`
  deadly:
    steps: [{ id: kills, run: echo $$ >> pids; kill -9 $PPID; sleep 3600 }]
`)
    const { run, envelope } = await execute('deadly')
    expect(run.ended).toMatchObject({
      outcome: 'failed',
      reason: 'step kills was interrupted 4 times',
    })
    expect(envelope.execution.steps).toHaveLength(4)
    for (const pid of pidsOf(root) ?? [0]) expect(isRunning(pid)).toBe(false)
  })
})
