import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startProcess } from '#server/runs/start-process.ts'
import { openStepFolder } from '#server/runs/step-folder.ts'
import { stepUser } from '#server/runs/step-user.ts'
import { valuesOf } from '#test/server/materialize/tables.ts'
import { OPERATOR, openWorkshop, workshop } from './workshop.ts'

// For a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('steps as another user: not tested, since only root can start them')

const NOBODY = 65_534

/** A data folder of ours, and a project that `nobody` may write. */
function folderForNobody(): { folder: string; data: string; root: string } {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-user-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o711)
  const [data, root] = [join(folder, 'data'), join(folder, 'project')]
  mkdirSync(data, { mode: 0o700 })
  mkdirSync(root)
  chownSync(root, NOBODY, NOBODY)
  return { folder, data, root }
}

describe.runIf(isRoot)('steps as another user', () => {
  it('[R23] have its ids and its home, and nothing of the server that it could read or end', async () => {
    const { folder, data } = folderForNobody()
    const { run: execute, log } = await workshop(
      `
  looks:
    steps:
      - id: ids
        run: |
          grep -E '^(Uid|Gid|Groups|CapEff|CapPrm)' /proc/self/status
          echo "$HOME"; echo told >/dev/stderr; echo made > made.txt
        artifacts: [made.txt]
      - id: reads
        run: |
          ls ${data} && exit 1
          for file in runseal.db key.pem runner.json; do cat ${data}/$file && exit 1; done
          for parent in $PPID; do kill -9 $parent && exit 1; cat /proc/$parent/environ && exit 1; done
          exit 0
`,
      { folder, stepUser: await stepUser('nobody', data) },
    )
    const { run, envelope } = await execute('looks')
    expect(run.ended?.outcome).toBe('succeeded')
    expect(envelope.opening.runner.isolation).toBe('user')
    // Two pipes: which of them is read first says nothing.
    const lines = log(run.run_id, 'ids').replaceAll('\t', ' ').trim().split('\n')
    expect(lines.toSorted()).toEqual([
      '/nonexistent',
      'CapEff: 0000000000000000',
      'CapPrm: 0000000000000000',
      `Gid: ${NOBODY} ${NOBODY} ${NOBODY} ${NOBODY}`,
      'Groups:  ',
      `Uid: ${NOBODY} ${NOBODY} ${NOBODY} ${NOBODY}`,
      'told',
    ])
    expect(
      envelope.execution.steps.find(({ step_id }) => step_id === 'ids')?.artifacts,
    ).toMatchObject([{ path: 'made.txt', bytes: 5 }])
    expect(log(run.run_id, 'reads').match(/Permission denied|not permitted/g)?.length).toBe(6)
  })

  it('[R23] [MT6] derive as that user, who reads nothing of the server', async () => {
    const { folder, data, root } = folderForNobody()
    writeFileSync(join(root, 't.csv'), 'id,n\n1,x\n')
    const looks = `cat ${data}/runseal.db && exit 1; jq -c "{record_id, value: \\"$(id -u) $(id -g) $HOME\\"}"`
    const shop = await workshop(
      `
  none:
    steps: [{ id: no, run: 'true' }]
tables:
  t:
    source: { kind: csv, path: t.csv }
    key: id
    derive: { who: { from: [n], argv: [sh, -c, '${looks}'] } }
`,
      { folder, stepUser: await stepUser('nobody', data) },
    )
    const { run, envelope } = await shop.materialize()
    expect(await valuesOf(shop, 't', 'who')).toEqual({ 1: `${NOBODY} ${NOBODY} /nonexistent` })
    expect(envelope.opening.runner.isolation).toBe('user')
    expect(shop.log(run.run_id, 't.who')).toContain('Permission denied')
  })

  it('[R23] begin in no folder below the root that they may not enter', async () => {
    const { folder, data, root } = folderForNobody()
    mkdirSync(join(root, 'closed', 'inner'), { recursive: true })
    chmodSync(join(root, 'closed'), 0o700)
    const { run: execute } = await workshop(
      `
  enters:
    steps: [{ id: enter, run: pwd, cwd: closed/inner }]
`,
      { folder, stepUser: await stepUser('nobody', data) },
    )
    expect((await execute('enters')).run.ended?.reason).toBe(
      'step enter failed: its user may not enter the folder closed/inner',
    )
  })

  it('[R23] begin where they were to, whatever is put in its place meanwhile', async () => {
    const { folder, root } = folderForNobody()
    const closed = join(folder, 'closed')
    mkdirSync(join(closed, 'inner'), { recursive: true })
    chmodSync(closed, 0o700)
    mkdirSync(join(root, 'sub'))
    const user = { uid: NOBODY, gid: NOBODY }
    const place = openStepFolder(root, 'sub', user)
    if (typeof place === 'string') throw new Error(place)
    renameSync(join(root, 'sub'), join(root, 'was'))
    symlinkSync(join(closed, 'inner'), join(root, 'sub'))
    const out = openSync(join(folder, 'out'), 'w+')
    const { exit } = startProcess({
      argv: ['/bin/pwd', '-P'],
      cwd: place.path,
      env: {},
      run_as: user,
      stdio: [out, out, out],
    })
    place.close()
    expect(await exit).toEqual({ exit_code: 0, signal: null, error: null })
    expect(readFileSync(join(folder, 'out'), 'utf8')).toBe(`${join(root, 'was')}\n`)
    expect(openStepFolder(root, 'sub', user)).toBe('sub is outside of the root')
  })

  it('[R13] publish no file that is not their own', async () => {
    const { folder, data, root } = folderForNobody()
    writeFileSync(join(root, 'theirs'), 'of root', { mode: 0o600 })
    const { run: execute } = await workshop(
      `
  takes:
    steps: [{ id: take, run: 'ln theirs out || mv theirs out', artifacts: [out] }]
`,
      { folder, stepUser: await stepUser('nobody', data) },
    )
    expect((await execute('takes')).run.ended?.reason).toBe(
      "step take failed: artifact is another user's: out",
    )
  })

  it('[R8] are ended by a timeout', async () => {
    const { folder, data } = folderForNobody()
    const { run: execute } = await workshop(
      `
  hangs:
    steps: [{ id: hang, run: 'trap "" TERM; while :; do sleep 1; done', timeout: 300ms }]
`,
      { folder, stepUser: await stepUser('nobody', data) },
    )
    expect((await execute('hangs')).envelope.execution.steps[0]).toMatchObject({
      outcome: 'timed_out',
      signal: 'SIGKILL',
    })
  })

  it('[R23] are not continued as the server, once the record says that they are not', async () => {
    const { folder, data } = folderForNobody()
    const first = await workshop(
      `
  waits:
    steps: [{ id: after, needs: [ask], run: id -u }]
    gates: [{ id: ask, question: Go on? }]
`,
      { folder, stepUser: await stepUser('nobody', data) },
    )
    const run_id = await first.start('waits')
    const { gates } = await first.until(run_id, ({ gates }) => gates.length === 1)
    await first.close()
    const second = await openWorkshop(folder)
    onTestFinished(() => second.close())
    await second.engine.recover()
    await second.gates.decide(gates[0]?.gate_id ?? '', OPERATOR, { decision: 'approved' })
    expect((await second.sealed(run_id)).run.ended?.reason).toBe(
      'step after failed: the run has its steps run as another user, and this server does not',
    )
  })

  it('[R23] are refused where they could put another data folder in the place of ours', async () => {
    const { data, root, folder } = folderForNobody()
    const inside = join(root, '.runseal')
    mkdirSync(inside, { mode: 0o700 })
    await expect(stepUser('nobody', inside)).rejects.toThrow(
      `may write ${root}; name one elsewhere`,
    )
    chmodSync(data, 0o750)
    await expect(stepUser('nobody', data)).rejects.toThrow("has to be root's alone (mode 0700)")
    chmodSync(data, 0o700)
    chmodSync(folder, 0o777)
    await expect(stepUser('nobody', data)).rejects.toThrow(`may write ${folder};`)
    chmodSync(folder, 0o1777)
    await expect(stepUser('nobody', data)).resolves.toMatchObject({ uid: NOBODY })
  })

  it.each([
    ['root', "that is the server's own user"],
    ['no-such-user', 'this machine has no such user'],
    ['--help', 'is no name of a user'],
    ['65534', 'is no name of a user'],
    ['', 'is no name of a user'],
  ])('[R23] are not those of %j', async (name, why) => {
    const { data } = folderForNobody()
    await expect(stepUser(name, data)).rejects.toThrow(why)
  })

  it('[R23] need a server of root', async (context) => {
    const { error } = spawnSync(process.execPath, ['--version'], { uid: NOBODY, gid: NOBODY })
    if (error) context.skip('this checkout is in a folder that nobody else may enter')
    const { root } = folderForNobody()
    writeFileSync(
      join(root, 'runseal.yaml'),
      'runs:\n  a:\n    steps: [{ id: one, run: exit 0 }]\n',
    )
    const child = spawn(
      process.execPath,
      ['src/cli/main.ts', 'serve', root, '--port', '0', '--run-as', 'games'],
      {
        uid: NOBODY,
        gid: NOBODY,
        env: { PATH: process.env['PATH'], HOME: '/' },
        stdio: ['ignore', 'inherit', 'pipe'],
      },
    )
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(said).toBe(
      'runseal serve: --run-as games: needs a server that runs as root, with the capabilities to change owners, users and groups and to end what others run\n',
    )
    expect(child.exitCode).toBe(1)
  })
})

it('[R9] otherwise have the ids of the server', async () => {
  const { run: execute, log } = await workshop(`
  looks:
    steps: [{ id: ids, run: id -u }]
`)
  const { run, envelope } = await execute('looks')
  expect(log(run.run_id, 'ids')).toBe(`${process.getuid?.()}\n`)
  expect(envelope.opening.runner.isolation).toBe('none')
})
