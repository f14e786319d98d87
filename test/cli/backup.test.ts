import { spawnSync } from 'node:child_process'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, expect, it, onTestFinished, vi } from 'vitest'
import { localActor } from '#cli/local-actor.ts'
import { ENDPOINT } from '#contract/api.ts'
import { LIMITS } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { readEnvelope } from '#evidence/read.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { restoreBackup } from '#server/backup.ts'
import { lookAtOffer } from '#server/look-in.ts'
import { administer } from '#server/main.ts'
import { holdFolder, openSqlite } from '#server/storage/sqlite.ts'
import { end, exitOf, runseal, serving, type Serving } from './command-line.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const PROJECT = `
runs:
  good:
    steps: [{ id: say, run: 'echo hello; echo kept > out', artifacts: [out] }]
  half:
    steps:
      - { id: keep, run: echo kept }
      - { id: fail, needs: [keep], run: '[ -e mended ]' }
  long:
    steps:
      - { id: wait, run: 'echo started; while [ ! -e go ]; do sleep 0.05; done' }
      - { id: last, needs: [wait, ask], run: echo done }
    gates: [{ id: ask, question: 'Go on?' }]
`

let folder: string
let file: string
let sealed: string[]
let long: string
let taken: string

/** A server with three sealed runs and one that is in the middle of a step and at a gate: backed up as it runs. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-backup-test-'))
  file = join(folder, 'backup.tar')
  await writeFile(join(folder, 'runseal.yaml'), PROJECT)
  const server = await serving(folder)
  const as = await operatorOf(server, join(folder, '.runseal'))
  sealed = await Promise.all([as.start('good'), as.start('good'), as.start('good')])
  for (const run_id of sealed) await as.until(run_id, ({ seal }) => seal === 'sealed')
  const half = await as.start('half')
  await as.until(half, ({ seal }) => seal === 'sealed')
  await writeFile(join(folder, 'mended'), '')
  // The log of `keep` has two names now.
  taken = await as.rerun(half)
  await as.until(taken, ({ seal }) => seal === 'sealed')
  long = await as.start('long')
  await as.until(
    long,
    ({ steps, gates }) => steps[0]?.status === 'running' && gates.length > 0 && steps.length > 0,
  )
  const backup = await runseal(['backup', file, '--data', join(folder, '.runseal')])
  expect(backup).toMatchObject({ code: 0, stderr: '' })
  expect(backup.stdout).toBe(`${file} has 6 runs and 5 envelopes, and the sealing key.\n`)
  // What comes after it is not in it, and the server knows nothing of it.
  await as.until(await as.start('good'), ({ seal }) => seal === 'sealed')
  await end(server)
  return () => rm(folder, { recursive: true, force: true })
})

async function operatorOf(server: Serving, data: string) {
  const administration = await administer(data)
  const wanted = { role: 'admin', owner: null, expires_at: null } as const
  const { token } = await administration.people.makeToken(wanted, 'system')
  await administration.close()
  const ask = async (method: string, path: string, body?: object) => {
    const response = await fetch(new URL(path, server.url), {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    return await response.text()
  }
  const runOf = async (run_id: string) => {
    const parsed = parseJson(ENDPOINT.run.answer, await ask('GET', `/api/runs/${run_id}`))
    if (!parsed.ok) throw new Error(parsed.error.message)
    return parsed.value
  }
  return {
    async start(definition: string) {
      const answer = await ask('POST', '/api/runs', { definition, inputs: {} })
      const parsed = parseJson(ENDPOINT.startRun.answer, answer)
      if (!parsed.ok) throw new Error(answer)
      return parsed.value.run_id
    },
    async until(run_id: string, isSo: (run: Awaited<ReturnType<typeof runOf>>) => boolean) {
      for (;;) {
        const run = await runOf(run_id)
        if (isSo(run)) return run
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    async rerun(run_id: string) {
      const answer = await ask('POST', `/api/runs/${run_id}/rerun`, { from: 'failed' })
      const parsed = parseJson(ENDPOINT.rerunRun.answer, answer)
      if (!parsed.ok) throw new Error(answer)
      return parsed.value.run_id
    },
    approve: (gate_id: string) =>
      ask('POST', `/api/gates/${gate_id}/decisions`, { decision: 'approved' }),
  }
}

async function restored(from = file) {
  const place = await mkdtemp(join(tmpdir(), 'runseal-restored-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  const data = join(place, 'deep', 'data')
  return { data, answer: await runseal(['restore', from, '--data', data]) }
}

/** Verdicts of all envelopes by the key that the restored folder has, in their order. */
async function verdictsOf(data: string): Promise<string[]> {
  const administration = await administer(data)
  const trust = [{ file: await lookAtOffer(data), source: 'pinned' as const }]
  await administration.close()
  const names = await readdir(join(data, 'envelopes'))
  const all = await Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(data, 'envelopes', name))
      const { closing } = readEnvelope(bytes, LIMITS)
      const { verdict } = await verifyEnvelope(bytes, { trust })
      return { verdict, seal_seq: closing.seal_seq }
    }),
  )
  return all
    .toSorted((a, b) => a.seal_seq - b.seal_seq)
    .map(({ verdict, seal_seq }) => `${seal_seq} ${verdict}`)
}

it('[B1] is one tar file for its owner alone, and never one that was there', async () => {
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const again = await runseal(['backup', file, '--data', join(folder, '.runseal')])
  expect(again).toMatchObject({ code: 1, stderr: `runseal backup: ${file} is there already\n` })
  const listed = spawnSync('tar', ['-tf', file], { encoding: 'utf8' }).stdout.split('\n')
  expect(listed.slice(0, 2)).toEqual(['backup.json', 'runseal.db'])
  // Behind all that takes time: of one that was killed is seldom a key left.
  expect(listed.at(-2)).toBe('key.pem')
  expect(listed.filter((name) => name.startsWith('envelopes/'))).toHaveLength(5)
  expect(listed.filter((name) => name.startsWith('artifacts/'))).toHaveLength(1)
  expect(listed.join()).not.toMatch(/\.pid|runner\.json|server\.json|lock/)
  expect((await readdir(folder)).toSorted()).not.toContain('.runseal-backup-')
})

it('[B1] is made while a log grows, as far as that went by then', async () => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-grows-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  await writeFile(
    join(place, 'runseal.yaml'),
    `runs: { grows: { steps: [{ id: grow, run: 'while [ ! -e done ]; do echo more; done' }] } }`,
  )
  const server = await serving(place)
  onTestFinished(() => end(server))
  const data = join(place, '.runseal')
  const as = await operatorOf(server, data)
  const run_id = await as.start('grows')
  const log = join('logs', run_id, 'grow.1.log')
  const sizeOf = async (folder: string) => (await stat(join(folder, log)).catch(() => null))?.size
  while (((await sizeOf(data)) ?? 0) < 100_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  const backup = await runseal(['backup', join(place, 'b.tar'), '--data', data])
  expect(backup).toMatchObject({ code: 0, stderr: '' })
  await writeFile(join(place, 'done'), '')
  const { data: again, answer } = await restored(join(place, 'b.tar'))
  expect(answer).toMatchObject({ code: 0, stderr: '' })
  expect(await sizeOf(again)).toBeGreaterThanOrEqual(100_000)
})

it('[B1] is not put over a file that came while it was made', async () => {
  for (let nth = 0; ; nth += 1) {
    const name = join(folder, `meanwhile-${nth}.tar`)
    const making = runseal(['backup', name, '--data', join(folder, '.runseal')])
    const over = new AbortController()
    void making.finally(() => over.abort())
    while (
      !over.signal.aborted &&
      !(await readdir(folder)).some((one) => one.startsWith('.runseal-backup-'))
    )
      await new Promise((resolve) => setTimeout(resolve, 1))
    const isOurs = await writeFile(name, 'precious', { flag: 'wx' }).then(
      () => true,
      () => false,
    )
    const { code, stderr } = await making
    // It was quicker, and is whole.
    if (!isOurs) continue
    expect([code, stderr]).toEqual([1, `runseal backup: ${name} is there already\n`])
    expect(await readFile(name, 'utf8')).toBe('precious')
    return
  }
})

it('[B1] takes away what one that was killed has left, and nothing else', async () => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-left-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  const old = new Date(Date.now() - 3_700_000)
  // As of another container, whose pids are not seen here: only that it goes on changing tells of it.
  const going = '.runseal-backup-999999999-a'
  const kept = ['.runseal-backup-notes', going]
  for (const name of [...kept, '.runseal-backup-999999999-b']) {
    await mkdir(join(place, name))
    await writeFile(join(place, name, 'archive'), 'key')
    if (name !== going) await utimes(join(place, name, 'archive'), old, old)
    await utimes(join(place, name), old, old)
  }
  const { code } = await runseal([
    'backup',
    join(place, 'b.tar'),
    '--data',
    join(folder, '.runseal'),
  ])
  expect(code).toBe(0)
  expect((await readdir(place)).toSorted()).toEqual([...kept, 'b.tar'].toSorted())
})

it('[B1] says what is no data folder, and makes none', async () => {
  const nowhere = join(folder, 'nowhere')
  const { code, stderr } = await runseal(['backup', join(folder, 'b.tar'), '--data', nowhere])
  expect([code, stderr]).toEqual([1, `runseal backup: ${nowhere} is no data folder\n`])
  await expect(stat(nowhere)).rejects.toThrow('ENOENT')
})

it('[B1] says in one line whatever fails', async () => {
  const data = join(folder, '.runseal')
  for (const line of [
    ['backup', join(folder, 'nowhere', 'b.tar'), '--data', data],
    ['restore', file, '--data', join(file, 'below')],
  ]) {
    const { code, stderr } = await runseal(line)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^runseal (backup|restore): .*(ENOENT|ENOTDIR).*\n$/)
  }
})

it('[B2] restores to a folder whose every envelope verifies', async () => {
  const { data, answer } = await restored()
  expect(answer).toMatchObject({ code: 0, stderr: '' })
  expect(answer.stdout).toBe(`${data} has 6 runs and 5 envelopes, each as it was sealed.\n`)
  expect(await verdictsOf(data)).toEqual([1, 2, 3, 4, 5].map((n) => `${n} proven`))
  expect((await stat(data)).mode & 0o777).toBe(0o700)
  expect((await stat(join(data, 'key.pem'))).mode & 0o777).toBe(0o600)
  const log = join('logs', sealed[0] ?? '', 'say.1.log')
  expect(await readFile(join(data, log), 'utf8')).toBe('hello\n')
  expect(await readFile(join(data, 'logs', taken, 'keep.1.log'), 'utf8')).toBe('kept\n')
})

it('[B3] [W9] of running steps restores to a server that starts and finishes', async () => {
  const { data } = await restored()
  await writeFile(join(folder, 'go'), '')
  const server = await serving(folder, ['--data', data])
  onTestFinished(() => end(server))
  const as = await operatorOf(server, data)
  const { gates } = await as.until(long, ({ gates }) => gates.length > 0)
  await as.approve(gates[0]?.gate_id ?? '')
  const { outcome, steps } = await as.until(long, ({ seal }) => seal === 'sealed')
  expect(outcome).toBe('succeeded')
  const waited = steps.find(({ step_id }) => step_id === 'wait')
  expect(waited?.attempts.map(({ finished }) => finished?.outcome)).toEqual([
    'interrupted',
    'succeeded',
  ])
  expect(await verdictsOf(data)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `${n} proven`))
  // Reruns, gates, what was cut off, and a server that was ended by force: an audit finds nothing.
  server.child.kill('SIGKILL')
  await exitOf(server.child)
  const trust = join(data, '..', 'trust.json')
  const administration = await administer(data)
  await writeFile(trust, JSON.stringify(await lookAtOffer(data)))
  await administration.close()
  const audit = await runseal(['audit', '--data', data, '--trust', trust])
  expect(audit).toMatchObject({ code: 0, stderr: '' })
  expect(audit.stdout).toMatch(
    /^6 envelopes: 6 proven\. Key \w+: 6, up to number 6\. Every envelope/,
  )
})

it('[B4] refuses a folder that is not empty, and leaves it', async () => {
  const { code, stderr } = await runseal(['restore', file, '--data', folder])
  expect([code, stderr]).toEqual([
    1,
    `runseal restore: ${folder} is not empty: name a folder that is\n`,
  ])
  const empty = await mkdtemp(join(tmpdir(), 'runseal-empty-'))
  onTestFinished(() => rm(empty, { recursive: true, force: true }))
  expect((await runseal(['restore', file, '--data', empty])).code).toBe(0)
})

it('[B4] restores into an empty folder in whose place no other can be put', async () => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-link-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  await mkdir(join(place, 'disk'), { mode: 0o755 })
  await symlink(join(place, 'disk'), join(place, 'data'))
  const { code, stderr } = await runseal(['restore', file, '--data', join(place, 'data')])
  expect([code, stderr]).toEqual([0, ''])
  expect(await verdictsOf(join(place, 'data'))).toHaveLength(5)
  expect((await stat(join(place, 'disk'))).mode & 0o777).toBe(0o700)
  expect((await readdir(place)).toSorted()).toEqual(['data', 'disk'])
})

const by = { actor: 'system', at: '2026-01-01T00:00:00.000Z' }

/** Restores to `data`, and does `meanwhile` when all is unpacked and nothing in its place. */
async function restoredWhile(data: string, meanwhile: () => Promise<unknown>) {
  let done: Promise<unknown> | null = null
  const open = async (folder: string) => {
    await (done ??= meanwhile())
    return await openSqlite(folder, { server: false })
  }
  return await restoreBackup(open, holdFolder, file, data, by)
}

it('[B4] lets no server and no other restoring into the folder meanwhile', async () => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-held-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  const data = join(place, 'data')
  const said: string[] = []
  await restoredWhile(data, async () => {
    for (const line of [
      ['serve', folder, '--data', data, '--port', '0'],
      ['restore', file, '--data', data],
    ]) {
      const { code, stderr } = await runseal(line)
      said.push(`${code} ${stderr}`)
    }
  })
  expect(said).toEqual([
    `1 runseal serve: another server holds the data folder ${data}, or a restore\n`,
    `1 runseal restore: ${data} is not empty: name a folder that is\n`,
  ])
  expect(await verdictsOf(data)).toEqual([1, 2, 3, 4, 5].map((n) => `${n} proven`))
  expect((await readdir(data)).filter((name) => name.startsWith('.part-'))).toEqual([])
})

it('[B4] is refused where a server holds the folder', async () => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-held-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  const letGo = holdFolder(place)
  const { code, stderr } = await runseal(['restore', file, '--data', place])
  letGo()
  expect([code, stderr]).toEqual([
    1,
    `runseal restore: another server holds the data folder ${place}, or a restore\n`,
  ])
  expect(await readdir(place)).toEqual(['lock'])
  expect((await runseal(['restore', file, '--data', place])).code).toBe(0)
})

it.each(['key.pem', 'runseal.db', 'runseal.db-wal', 'artifacts/x', 'envelopes/x', 'logs/x'])(
  '[B4] replaces and removes no %s that came meanwhile',
  async (name) => {
    const data = await mkdtemp(join(tmpdir(), 'runseal-came-'))
    onTestFinished(() => rm(data, { recursive: true, force: true }))
    const restoring = restoredWhile(data, async () => {
      await mkdir(dirname(join(data, name)), { recursive: true })
      await writeFile(join(data, name), 'precious')
    })
    await expect(restoring).rejects.toThrow(/ is there already$/)
    expect(await readFile(join(data, name), 'utf8')).toBe('precious')
    expect(await readdir(data)).toEqual([name.split('/')[0]])
  },
)

it.each([
  ['cut', async (copy: string) => truncate(copy, (await stat(copy)).size - 4096)],
  ['no archive', (copy: string) => writeFile(copy, 'x'.repeat(5000))],
  [
    'another archive',
    (copy: string) => void spawnSync('tar', ['-cf', copy, 'runseal.yaml'], { cwd: folder }),
  ],
  [
    'changed in an envelope',
    async (copy: string) => {
      const bytes = await readFile(file)
      bytes.write('failed!!!', bytes.lastIndexOf('"outcome":"succeeded"') + 11)
      await writeFile(copy, bytes)
    },
  ],
  [
    'with a file that is none of a backup',
    (copy: string) => void spawnSync('tar', ['-rf', copy, 'runseal.yaml'], { cwd: folder }),
  ],
])('[B4] refuses what is %s, and leaves nothing behind', async (_, spoil) => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-spoilt-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  const copy = join(place, 'backup.tar')
  await writeFile(copy, await readFile(file))
  await spoil(copy)
  await mkdir(join(place, 'in'))
  const { code, stderr } = await runseal(['restore', copy, '--data', join(place, 'in', 'data')])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^runseal restore: .*\n$/)
  expect(await readdir(join(place, 'in'))).toEqual([])
})

it('[B5] has no session and no link', async () => {
  const { data } = await restored()
  const administration = await administer(data)
  expect(await administration.people.sessions(null, null)).toEqual([])
  expect((await administration.people.users()).length).toBeGreaterThan(0)
  await administration.close()
})

it('[B2] names each log and artifact that is not what is on record, and restores the rest', async () => {
  const place = await mkdtemp(join(tmpdir(), 'runseal-spoilt-'))
  onTestFinished(() => rm(place, { recursive: true, force: true }))
  const copy = join(place, 'backup.tar')
  const bytes = await readFile(file)
  bytes.write('HELLO', bytes.indexOf('hello\n'))
  bytes.write('KEPT', bytes.indexOf('kept\n', bytes.indexOf('artifacts/')))
  await writeFile(copy, bytes)
  const { data, answer } = await restored(copy)
  expect(answer.code).toBe(1)
  expect(answer.stderr).toMatch(/^not what is on record: the log of say, attempt 1, of run_\w+$/m)
  expect(answer.stderr).toMatch(/^not what is on record: the artifact out of say of run_\w+$/m)
  expect(await verdictsOf(data)).toHaveLength(5)
})

it('[B6] is in the journal, and so is the restoring', async () => {
  const { data } = await restored()
  const administration = await administer(data)
  const { items } = await administration.journal.list({ cursor: null, limit: 5 })
  await administration.close()
  const said = items.slice(0, 2).map(({ act, actor, detail }) => `${act} ${actor} ${detail}`)
  expect(said).toEqual([
    `restored ${localActor()} backup.tar`,
    `backed_up ${localActor()} backup.tar`,
  ])
})
