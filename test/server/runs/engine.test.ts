import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Run } from '#contract/run.ts'
import { OPERATOR, workshop } from './workshop.ts'

const stepsOf = ({ steps }: Run) =>
  Object.fromEntries(
    steps.map(({ step_id, attempts }) => [
      step_id,
      attempts.map(({ finished }) => finished?.outcome),
    ]),
  )

// A process that ended stays in the table until somebody asks how.
function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false
  return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

describe('a run', () => {
  it('[R1] runs steps in the order of their needs, each attempt an entry, and is sealed', async () => {
    const { run: execute, log } = await workshop(`
  whole:
    title: All of it
    inputs:
      version: { default: 1.2.3 }
    steps:
      - id: one
        argv: [/bin/echo, '{{inputs.version}}', -n]
      - id: two
        needs: [one]
        run: echo "from $INPUT_VERSION"; echo oops >/dev/stderr
`)
    const { run, envelope } = await execute('whole')
    expect(run.ended).toMatchObject({ outcome: 'succeeded' })
    expect(envelope.opening).toMatchObject({ title: 'All of it', inputs: { version: '1.2.3' } })
    expect(envelope.execution.steps).toMatchObject([
      { step_id: 'one', attempt: 1, exit_code: 0, argv: ['/bin/echo', '1.2.3', '-n'] },
      { step_id: 'two', attempt: 1, exit_code: 0 },
    ])
    expect(log(run.run_id, 'one')).toBe('1.2.3 -n\n')
    expect(log(run.run_id, 'two').split('\n').toSorted()).toEqual(['', 'from 1.2.3', 'oops'])
  })

  it('[R2] fails with its step, and what needs it never runs', async () => {
    const { run: execute } = await workshop(`
  broken:
    steps:
      - id: bad
        run: exit 3
      - id: after
        needs: [bad]
        run: exit 0
`)
    const { run } = await execute('broken')
    expect(run.ended).toMatchObject({
      outcome: 'failed',
      reason: 'step bad failed: exit code 3',
    })
    expect(stepsOf(run)).toEqual({ bad: ['failed'] })
  })

  it('[R3] gives a failed step another attempt, and keeps every one', async () => {
    const { run: execute, log } = await workshop(`
  heals:
    steps:
      - id: flaky
        retries: 2
        run: 'test -e seen && echo well || { touch seen; echo ill; exit 1; }'
`)
    const { run } = await execute('heals')
    expect(run.ended).toMatchObject({ outcome: 'succeeded' })
    expect(stepsOf(run)).toEqual({ flaky: ['failed', 'succeeded'] })
    expect([log(run.run_id, 'flaky', 1), log(run.run_id, 'flaky', 2)]).toEqual(['ill\n', 'well\n'])
  })

  it('[R2] lets what runs beside a failed step finish', async () => {
    const { run: execute } = await workshop(
      `
  beside:
    steps:
      - id: bad
        run: while ! test -e begun; do sleep 0.02; done; exit 1
      - id: good
        run: touch begun; sleep 0.3
      - id: later
        needs: [good]
        run: exit 0
`,
      { concurrency: 2 },
    )
    const { run } = await execute('beside')
    expect(stepsOf(run)).toEqual({ bad: ['failed'], good: ['succeeded'] })
    expect(run.ended?.reason).toBe('step bad failed: exit code 1')
  })

  it('[R4] runs independent steps side by side, at most as many as there is room for', async () => {
    // Each waits for the other to have begun: one after the other they would never end.
    const meeting = (own: string, other: string) =>
      `touch ${own}; while ! test -e ${other}; do sleep 0.02; done`
    const { run: execute } = await workshop(
      `
  pair:
    steps:
      - { id: a, run: '${meeting('a', 'b')}' }
      - { id: b, run: '${meeting('b', 'a')}' }
  single:
    steps:
      - { id: a, run: 'mkdir lock && sleep 0.1 && rmdir lock' }
      - { id: b, run: 'mkdir lock && sleep 0.1 && rmdir lock' }
`,
      { concurrency: 2 },
    )
    expect((await execute('pair')).run.ended?.outcome).toBe('succeeded')
    const { run: alone } = await workshop(
      `
  single:
    steps:
      - { id: a, run: 'mkdir lock && sleep 0.1 && rmdir lock' }
      - { id: b, run: 'mkdir lock && sleep 0.1 && rmdir lock' }
`,
      { concurrency: 1 },
    )
    expect((await alone('single')).run.ended?.outcome).toBe('succeeded')
  })

  it('[R5] says truthfully how a process ended', async () => {
    const { run: execute } = await workshop(`
  killed:
    steps: [{ id: own, run: 'kill -9 $$' }]
  absent:
    steps: [{ id: gone, argv: [no-such-program, x] }]
  nowhere:
    steps: [{ id: lost, cwd: nowhere, run: exit 0 }]
`)
    const killed = await execute('killed')
    expect(killed.envelope.execution.steps[0]).toMatchObject({
      exit_code: null,
      signal: 'SIGKILL',
      outcome: 'failed',
    })
    expect(killed.run.ended?.reason).toBe('step own failed: ended by SIGKILL')
    const absent = await execute('absent')
    expect(absent.envelope.execution.steps[0]).toMatchObject({
      exit_code: null,
      signal: null,
      outcome: 'failed',
      reason: 'no such program: no-such-program',
    })
    expect((await execute('nowhere')).run.ended?.reason).toBe(
      'step lost failed: no such folder: nowhere',
    )
  })

  it('[R5] gives a reason that fits, however long a program is named', async () => {
    const { run: execute } = await workshop(`
  long:
    steps: [{ id: long, argv: [${'x'.repeat(65_000)}] }]
`)
    expect((await execute('long')).run.ended?.reason).toHaveLength(
      1024 + 'step long failed: '.length,
    )
  })

  it('[R17] ends a run whose record is full, while it can still be sealed', async () => {
    const steps = Array.from({ length: 20 }, (_, i) => `{ id: s${i}, run: exit 0 }`)
    const { run: execute } = await workshop(
      `
  many:
    steps: [${steps.join(', ')}]
`,
      { limits: { entries: 8 }, concurrency: 2 },
    )
    const { run } = await execute('many')
    expect(run.ended?.outcome).toBe('aborted')
    expect(run.ended?.reason).toMatch(/^the record of .* is full/)
  })

  it('[R6] waits at a gate, and goes on when it is approved', async () => {
    const { start, until, gates, sealed } = await workshop(`
  asks:
    inputs: { version: {} }
    steps:
      - id: make
        run: echo made > made.txt
        artifacts: [made.txt]
      - id: ship
        needs: [ok]
        run: exit 0
    gates:
      - id: ok
        needs: [make]
        question: Release {{inputs.version}}?
        show: [make/made.txt]
`)
    const run_id = await start('asks', { version: '$(reboot)' })
    const waiting = await until(run_id, ({ gates }) => gates.length === 1)
    const [gate] = waiting.gates
    expect(gate).toMatchObject({ question: 'Release $(reboot)?', resolved: null })
    expect(gate?.shown?.artifacts).toMatchObject([{ path: 'made.txt', opened: true, bytes: 5 }])
    await gates.decide(gate?.gate_id ?? '', OPERATOR, { decision: 'approved' })
    const { run } = await sealed(run_id)
    expect(run.ended?.outcome).toBe('succeeded')
    expect(stepsOf(run)).toEqual({ make: ['succeeded'], ship: ['succeeded'] })
  })

  it.each([
    ['what was approved', 'succeeded'],
    ['another file meanwhile', 'failed'],
  ])('[R9] a step behind a gate can tell that what it reads is %s', async (what, outcome) => {
    const { start, until, gates, sealed, root } = await workshop(`
  asks:
    steps:
      - id: make
        run: 'echo made > "a b" && echo made > made.txt && echo more > more.txt'
        artifacts: [made.txt, a b, more.txt]
      - id: ship
        needs: [ok]
        run: 'printf %s "$RUNSEAL_APPROVED" | sha256sum --check --strict && test "$(printf %s "$RUNSEAL_APPROVED" | wc -l)" = 2'
      - id: after
        needs: [ship]
        run: 'test -z "\${RUNSEAL_APPROVED+x}"'
    gates:
      - { id: ok, needs: [make], question: Go on?, show: [make/made.txt, make/a b] }
`)
    const run_id = await start('asks')
    const waiting = await until(run_id, ({ gates }) => gates.length === 1)
    if (outcome === 'failed') writeFileSync(join(root, 'made.txt'), what)
    await gates.decide(waiting.gates[0]?.gate_id ?? '', OPERATOR, { decision: 'approved' })
    const { run } = await sealed(run_id)
    expect(run.ended?.outcome).toBe(outcome)
    expect(stepsOf(run)['ship']).toEqual([outcome])
  })

  it('[R6] ends as aborted when a gate is rejected, and what ran beside it is ended', async () => {
    const { start, until, gates, sealed } = await workshop(`
  asks:
    steps:
      - { id: long, run: sleep 3600 }
    gates:
      - { id: ok, question: Go on? }
`)
    const run_id = await start('asks')
    const { gates: opened } = await until(
      run_id,
      ({ gates, steps }) => gates.length === 1 && steps.length === 1,
    )
    await gates.decide(opened[0]?.gate_id ?? '', OPERATOR, { decision: 'rejected', comment: 'no' })
    const { run } = await sealed(run_id)
    expect(run.ended).toMatchObject({
      outcome: 'aborted',
      reason: 'gate ok rejected by user:ann: no',
    })
    expect(stepsOf(run)).toEqual({ long: ['aborted'] })
  })

  it('[R7] is aborted: its groups are ended, its gates closed', async () => {
    const { start, until, engine, sealed } = await workshop(`
  hour:
    steps:
      - { id: hour, run: sleep 3600 & sleep 3600 }
    gates:
      - { id: never, question: Never? }
`)
    const run_id = await start('hour')
    await until(run_id, ({ steps, gates }) => steps.length === 1 && gates.length === 1)
    await engine.abort(run_id, OPERATOR, 'enough')
    const { run } = await sealed(run_id)
    expect(run.ended).toMatchObject({ outcome: 'aborted', reason: 'enough' })
    expect(stepsOf(run)).toEqual({ hour: ['aborted'] })
    expect(run.gates[0]?.resolved?.outcome).toBe('aborted')
    await expect(engine.abort(run_id, OPERATOR, 'again')).rejects.toMatchObject({
      code: 'run_ended',
    })
  })

  it('[R7] is aborted while it only waits', async () => {
    const { start, until, engine, sealed } = await workshop(`
  waits:
    steps: [{ id: after, needs: [ok], run: exit 0 }]
    gates: [{ id: ok, question: Go on? }]
`)
    const run_id = await start('waits')
    await until(run_id, ({ gates }) => gates.length === 1)
    await engine.abort(run_id, OPERATOR, 'enough')
    expect((await sealed(run_id)).run.ended?.outcome).toBe('aborted')
  })

  it('[R8] times out, also where everybody ignores SIGTERM', async () => {
    const { run: execute, log } = await workshop(`
  slow:
    steps:
      - id: deaf
        timeout: 200ms
        run: |
          trap '' TERM
          sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done' &
          echo $!
          while :; do sleep 0.1; done
`)
    const { run, envelope } = await execute('slow')
    expect(envelope.execution.steps[0]).toMatchObject({
      outcome: 'timed_out',
      signal: 'SIGKILL',
      reason: 'timed out after 200 ms',
    })
    expect(run.ended?.reason).toBe('step deaf timed out after 200 ms')
    for (const pid of log(run.run_id, 'deaf').match(/^\d+$/gm) ?? [])
      expect(isRunning(Number(pid))).toBe(false)
  })

  it('[R8] ends with its process, whoever else holds its pipes', async () => {
    const { run: execute, log } = await workshop(`
  leaves:
    steps:
      - id: behind
        run: |
          sleep 3600 & echo $!
          setsid sleep 2 & echo left
`)
    const { run } = await execute('leaves')
    expect(run.ended?.outcome).toBe('succeeded')
    const [pid] = log(run.run_id, 'behind').split('\n')
    expect(isRunning(Number(pid))).toBe(false)
  })

  it('[R9] gives a step its own environment and nothing else', async () => {
    const { run: execute, log } = await workshop(
      `
  env:
    inputs: { name: {} }
    steps:
      - id: env
        argv: [env, '-0']
        env:
          OWN: one
          TAKEN: { from: GIVEN }
      - id: descriptors
        run: ls /proc/self/fd
`,
      {
        environment: {
          PATH: process.env['PATH'] ?? '',
          HOME: '/home/x',
          RUNSEAL_DATA: '/secret',
          AWS_KEY: 'secret',
          GIVEN: 'two',
        },
      },
    )
    const { run } = await execute('env', { name: '--help $(id)\n`id`' })
    expect(log(run.run_id, 'env').split('\0').filter(Boolean).toSorted()).toEqual([
      'HOME=/home/x',
      'INPUT_NAME=--help $(id)\n`id`',
      'OWN=one',
      `PATH=${process.env['PATH']}`,
      `RUNSEAL_STEP=${run.run_id}/env.1`,
      'TAKEN=two',
    ])
    // 3 is the folder that ls itself reads.
    expect(log(run.run_id, 'descriptors').trim().split('\n')).toEqual(['0', '1', '2', '3'])
  })

  it('[R10] masks secrets, however they are written, and never records them', async () => {
    const {
      run: execute,
      log,
      data,
    } = await workshop(
      `
  hides:
    steps:
      - id: tells
        env:
          TOKEN: { from: THE_TOKEN, secret: true }
          PLAIN: { value: written-here, secret: true }
        run: |
          printf 'a hunter'; sleep 0.1; printf '2xyz b\\n'
          echo "$PLAIN" >&2
`,
      { environment: { PATH: process.env['PATH'] ?? '', THE_TOKEN: 'hunter2xyz' } },
    )
    const { run, envelope } = await execute('hides')
    expect(log(run.run_id, 'tells')).toBe('a *** b\n***\n')
    expect(envelope.opening.plan.steps[0]?.env).toEqual({ TOKEN: null, PLAIN: null })
    for (const file of ['runseal.db', 'runseal.db-wal'])
      expect(readFileSync(join(data, file)).includes('hunter2xyz')).toBe(false)
  })

  it('[R11] keeps a bounded log of a flood and says so', async () => {
    const { run: execute, logBytes } = await workshop(
      `
  flood:
    steps:
      - { id: flood, run: 'head -c 50000000 /dev/zero; echo end >&2' }
`,
      { maxLogBytes: 3_000_000 },
    )
    const { run, envelope } = await execute('flood')
    const kept = logBytes(run.run_id, 'flood')
    expect(kept.length).toBe(3_000_000)
    expect(envelope.execution.steps[0]).toMatchObject({
      outcome: 'succeeded',
      log: {
        bytes: 3_000_000,
        truncated: true,
        sha256: createHash('sha256').update(kept).digest('hex'),
        chunks: [0, 1, 2].map((mib) =>
          createHash('sha256')
            .update(kept.subarray(mib * 2 ** 20, (mib + 1) * 2 ** 20))
            .digest('hex'),
        ),
      },
    })
  })

  it('[R11] keeps binary output byte for byte', async () => {
    const {
      run: execute,
      logBytes,
      root,
    } = await workshop(`
  binary:
    steps: [{ id: all, run: cat bytes }]
`)
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 31) % 256))
    writeFileSync(join(root, 'bytes'), bytes)
    const { run } = await execute('binary')
    expect(logBytes(run.run_id, 'all').equals(bytes)).toBe(true)
  })

  it('[R12] says that there is more log, the last time before the step has finished', async () => {
    const { run: execute, frames } = await workshop(`
  talks:
    steps: [{ id: talk, run: 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.05; done' }]
`)
    await execute('talks')
    const told = frames.flatMap((frame) =>
      'type' in frame && frame.type === 'step_output' ? [frame.bytes] : [],
    )
    expect(told.at(-1)).toBe(18)
    expect(told.length).toBeLessThan(9)
    const kinds = frames.map((frame) => ('type' in frame ? frame.type : frame.kind))
    expect(kinds.lastIndexOf('step_output')).toBeLessThan(kinds.indexOf('step_finished'))
  })
})

describe('an artifact', () => {
  it('[R13] is a regular file inside the root, kept by its digest', async () => {
    const { run: execute, data } = await workshop(`
  makes:
    steps:
      - { id: folder, run: mkdir sub }
      - { id: make, needs: [folder], cwd: sub, run: 'printf hello > a.txt', artifacts: [a.txt] }
`)
    const { envelope } = await execute('makes')
    const sha256 = createHash('sha256').update('hello').digest('hex')
    expect(envelope.execution.steps[1]?.artifacts).toEqual([
      { path: 'sub/a.txt', sha256, bytes: 5 },
    ])
    expect(readFileSync(join(data, 'artifacts', sha256), 'utf8')).toBe('hello')
  })

  it.each([
    ['missing', 'true', 'artifact missing: out'],
    ['a link', 'ln -s /etc/passwd out', 'artifact is a link: out'],
    ['a FIFO', 'mkfifo out', 'artifact is no regular file: out'],
    ['a folder', 'mkdir out', 'artifact is no regular file: out'],
  ])('[R13] fails its step when it is %s', async (_, command, reason) => {
    const { run: execute } = await workshop(`
  makes:
    steps: [{ id: make, run: '${command}', artifacts: [out] }]
`)
    expect((await execute('makes')).run.ended?.reason).toBe(`step make failed: ${reason}`)
  })

  it('[R13] is not looked for behind a link to a folder', async () => {
    const { run: execute } = await workshop(`
  makes:
    steps: [{ id: make, run: ln -s /etc etc, artifacts: [etc/passwd] }]
`)
    expect((await execute('makes')).run.ended?.reason).toBe(
      'step make failed: artifact is behind a link: etc/passwd',
    )
  })
})

describe('a rerun', () => {
  it.each([
    ['the other one', 'root: B', 'succeeded', null],
    ['none of its own', '', 'succeeded', null],
    [
      'the other one, and the first is gone',
      'root: B',
      'failed',
      'step two failed: the root of the run is not there any more: A',
    ],
  ])('[R29] stays in its root when the project has %s', async (what, line, outcome, reason) => {
    const folder = mkdtempSync(join(tmpdir(), 'runseal-root-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    for (const name of ['A', 'B']) mkdirSync(join(folder, 'project', name), { recursive: true })
    const runs = `
  moves:
    steps: [{ id: one, run: pwd }, { id: two, needs: [ok], run: pwd }]
    gates: [{ id: ok, needs: [one], question: Go on? }]
`
    const shop = await workshop(`${runs}root: A\n`, { folder })
    const run_id = await shop.start('moves')
    const { gates } = await shop.until(run_id, ({ gates }) => gates.length === 1)
    writeFileSync(join(shop.root, 'runseal.yaml'), `runs:${runs}${line}\n`)
    shop.engine.definitions()
    if (what.endsWith('gone')) rmSync(join(shop.root, 'A'), { recursive: true })
    await shop.gates.decide(gates[0]?.gate_id ?? '', OPERATOR, { decision: 'approved' })
    const { run, envelope } = await shop.sealed(run_id)
    expect(run.ended).toMatchObject({ outcome, ...(reason !== null && { reason }) })
    expect(envelope.opening.plan.root).toBe('A')
    if (reason === null) expect(shop.log(run_id, 'two')).toBe(`${join(shop.root, 'A')}\n`)
  })

  it('[R14] from the failed steps wants the root as it was', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'runseal-root-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    for (const name of ['A', 'B']) mkdirSync(join(folder, 'project', name), { recursive: true })
    const runs = `
  fails:
    steps: [{ id: one, run: exit 1 }]
`
    const { run: execute, engine, root } = await workshop(`${runs}root: A\n`, { folder })
    const { run } = await execute('fails')
    writeFileSync(join(root, 'runseal.yaml'), `runs:${runs}root: B\n`)
    await expect(engine.rerun(run.run_id, 'failed', OPERATOR)).rejects.toMatchObject({
      code: 'bad_definition',
    })
  })

  it('[R14] [R16] from the failed steps takes over what succeeded, also where the clock is set back', async () => {
    let aheadMs = 3_600_000
    const {
      run: execute,
      engine,
      sealed,
      log,
    } = await workshop(
      `
  flaky:
    steps:
      - { id: dear, run: 'test ! -e once && touch once && echo dear && echo x > f', artifacts: [f] }
      - { id: fails, needs: [dear], run: test -e healed }
`,
      { now: () => new Date(Date.now() + aheadMs) },
    )
    const { run, envelope } = await execute('flaky')
    aheadMs = 0
    expect(run.ended?.outcome).toBe('failed')
    const again = await engine.rerun(run.run_id, 'failed', OPERATOR)
    const second = await sealed(again.run_id)
    expect(second.run.ended?.outcome).toBe('failed')
    const [taken] = second.envelope.execution.steps
    expect(taken).toMatchObject({
      step_id: 'dear',
      attempt: 1,
      taken_over: {
        evidence_id: envelope.evidence_id,
        seq: 1,
        entry: envelope.integrity.hash_chain.links[1]?.entry,
      },
    })
    const { opening, closing } = second.envelope
    expect(Date.parse(taken?.finished_at ?? '')).toBeGreaterThan(Date.parse(opening.started_at))
    expect(Date.parse(closing.finished_at)).toBeGreaterThanOrEqual(
      Date.parse(taken?.finished_at ?? ''),
    )
    expect(second.envelope.opening.rerun_of).toEqual({ run_id: run.run_id, starters: ['user:ann'] })
    expect(log(again.run_id, 'dear')).toBe('dear\n')
    const third = await sealed((await engine.rerun(run.run_id, 'start', OPERATOR)).run_id)
    expect(third.run.ended?.reason).toBe('step dear failed: exit code 1')
    expect(log(run.run_id, 'dear')).toBe('dear\n')
  })

  it('[R14] from the failed steps wants the definition as it was', async () => {
    const {
      run: execute,
      engine,
      root,
    } = await workshop(`
  one:
    steps: [{ id: one, run: exit 1 }]
`)
    const { run } = await execute('one')
    writeFileSync(
      join(root, 'runseal.yaml'),
      'runs:\n  one:\n    steps: [{ id: one, run: exit 0 }]\n',
    )
    await expect(engine.rerun(run.run_id, 'failed', OPERATOR)).rejects.toMatchObject({
      code: 'bad_definition',
    })
    writeFileSync(join(root, 'runseal.yaml'), 'runs:\n  one: {}\n')
    await expect(engine.rerun(run.run_id, 'start', OPERATOR)).rejects.toThrow(
      /^The project file does not fit: runseal.yaml:2:8: /,
    )
    expect(engine.definitions()).toMatchObject([{ name: 'one', steps: 1 }])
  })
})

describe('a start', () => {
  it.each([
    ['none', {}, 'unknown_definition'],
    ['wants', {}, 'bad_inputs'],
    ['wants', { colour: 'green' }, 'bad_inputs'],
    ['wants', { colour: 'red', more: '1' }, 'bad_inputs'],
    ['wants', { colour: 'red', text: 'a\0b' }, 'bad_inputs'],
    ['takes', {}, 'bad_inputs'],
  ])('[R15] of %s with %j is refused: %s', async (name, inputs, code) => {
    const { engine } = await workshop(`
  wants:
    inputs: { colour: { options: [red, blue] }, text: { default: '' } }
    steps: [{ id: one, run: exit 0 }]
  takes:
    steps: [{ id: one, run: exit 0, env: { X: { from: NOT_THERE } } }]
`)
    const given: Record<string, string> = { ...inputs }
    await expect(engine.start(name, given, OPERATOR)).rejects.toMatchObject({ code })
  })
})
