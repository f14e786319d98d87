import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import * as z from 'zod/mini'
import { OPERATOR, workshop } from './workshop.ts'

// For a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const Pid = z.object({ pid: z.number() })

/** Processes that live and whose environment has this value in it. */
function marked(mark: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    const folder = `/proc/${name}`
    if (!/^\d+$/.test(name) || !textOf(`${folder}/environ`).includes(mark)) return []
    return /\) [ZX] /.test(textOf(`${folder}/stat`)) ? [] : [Number(name)]
  })
}

// It may end while it is looked at.
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** The most memory that a process had since this was asked for. */
function peakOf(pid: number | 'self'): () => number {
  const highest = () =>
    Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const before = highest()
  return () => highest() - before
}

describe('a flood', () => {
  it.each([
    ['a gigabyte', 'head -c 1000000000 /dev/zero', 1_000_000_000],
    ['many small lines', 'yes | head -n 20000000', 40_000_000],
    ['one line of ten megabytes', "head -c 10000000 /dev/zero | tr '\\0' x", 10_000_000],
    [
      'both pipes at once',
      'yes out | head -c 100000000 & yes err | head -c 100000000 >&2; wait',
      200_000_000,
    ],
  ])('[R11] of %s grows neither the server nor its runner', async (_, command, bytes) => {
    const max = 64 * 1024 * 1024
    const {
      run: execute,
      data,
      logBytes,
    } = await workshop(`
  first:
    steps: [{ id: one, run: exit 0 }]
  flood:
    steps:
      - id: flood
        run: ${JSON.stringify(command)}
        env: { SECRET: { value: zero-knowledge, secret: true } }
`)
    await execute('first')
    const { pid } = Pid.parse(JSON.parse(readFileSync(join(data, 'runner.json'), 'utf8')))
    const [server, runner] = [peakOf('self'), peakOf(pid)]
    const { run, envelope } = await execute('flood')
    console.log(
      `${bytes} bytes: server +${server().toFixed(0)} MiB, runner +${runner().toFixed(0)} MiB`,
    )
    expect(runner()).toBeLessThan(300)
    expect(server()).toBeLessThan(300)
    const kept = Math.min(bytes, max)
    expect(envelope.execution.steps[0]).toMatchObject({
      outcome: 'succeeded',
      log: { bytes: kept, truncated: bytes > max },
    })
    expect(logBytes(run.run_id, 'flood').length).toBe(kept)
  })
})

describe('what a step leaves behind', () => {
  const STUBBORN = `trap "" TERM; while :; do sleep 1; done`

  it.each([
    [
      'a thousand grandchildren',
      'i=0; while [ $i -lt 1000 ]; do sleep 3600 & i=$((i+1)); done; exit 0',
    ],
    [
      'grandchildren that ignore SIGTERM',
      `for i in 1 2 3; do sh -c '${STUBBORN}' & done; sleep 0.3; exit 0`,
    ],
    ['a stopped process', 'sleep 3600 & kill -STOP $!; exit 0'],
    [
      'groups of their own in its session',
      'set -m; sleep 3600 >/dev/null 2>&1 & sleep 3600 >/dev/null 2>&1 & exit 0',
    ],
    ['a session of its own with its pipes', `setsid sh -c '(${STUBBORN}) & exit 0'; exit 0`],
    [
      'a session of its own without anything of it',
      `(setsid sh -c '(${STUBBORN}) & exit 0' </dev/null >/dev/null 2>&1 &); sleep 0.3; exit 0`,
    ],
    [
      'one that is another again and again, each in a session of its own',
      `printf '%s' 'trap "" TERM; sleep 0.02; setsid sh ./hop </dev/null >/dev/null 2>&1 &' > hop; (setsid sh ./hop </dev/null >/dev/null 2>&1 &); sleep 0.3; exit 0`,
    ],
  ])('[R8] is ended with it: %s', async (_, command) => {
    const mark = randomUUID()
    const { run: execute } = await workshop(`
  leaves:
    steps: [{ id: one, run: ${JSON.stringify(command)}, env: { MARK: ${mark} } }]
`)
    expect((await execute('leaves')).run.ended?.outcome).toBe('succeeded')
    expect(marked(mark)).toEqual([])
  })

  it.each([
    [
      'children in sessions of their own, without its pipes',
      `for i in 1 2 3; do setsid sh -c '${STUBBORN}' </dev/null >/dev/null 2>&1 & done; wait`,
    ],
    [
      'a bomb of bounded size',
      `f() { [ $1 -gt 0 ] && { f $(($1-1)) & f $(($1-1)) & }; ${STUBBORN}; }; f 6`,
    ],
    [
      'a bomb whose parts leave the session and their parents',
      `printf '%s' 'trap "" TERM; [ $1 -gt 0 ] && { setsid sh ./bomb $(($1-1)) & setsid sh ./bomb $(($1-1)) & exit; }; while :; do sleep 1; done' > bomb; (setsid sh ./bomb 5 </dev/null >/dev/null 2>&1 &); ${STUBBORN}`,
    ],
  ])('[R8] is ended by a timeout and by an abort: %s', async (_, command) => {
    const mark = randomUUID()
    const {
      run: execute,
      start,
      until,
      engine,
      sealed,
      root,
    } = await workshop(`
  late:
    steps: [{ id: one, run: ${JSON.stringify(command)}, timeout: 1s, env: { MARK: ${mark} } }]
  stopped:
    steps: [{ id: one, run: ${JSON.stringify(`touch begun; ${command}`)}, env: { MARK: ${mark} } }]
`)
    expect((await execute('late')).envelope.execution.steps[0]?.outcome).toBe('timed_out')
    expect(marked(mark)).toEqual([])
    const run_id = await start('stopped')
    await until(run_id, ({ steps }) => steps.length === 1)
    await vi.waitUntil(() => existsSync(join(root, 'begun')), { timeout: 60_000 })
    await engine.abort(run_id, OPERATOR, 'enough')
    await sealed(run_id)
    expect(marked(mark)).toEqual([])
  })
})

describe('a step begins', () => {
  it('[R5] deaf to real-time signals, whose death Node does not tell from success', async () => {
    const { run: execute } = await workshop(`
  deaf:
    steps:
      - { id: own, run: 'for n in 34 40 50 64; do kill -$n $$; done; exit 7' }
`)
    const { envelope } = await execute('deaf')
    expect(envelope.execution.steps[0]).toMatchObject({ exit_code: 7, outcome: 'failed' })
  })

  it('[R9] with three descriptors, its own session and nothing of the server', async () => {
    const { run: execute, log } = await workshop(`
  looks:
    steps:
      - id: look
        run: |
          for fd in /proc/self/fd/*; do readlink /proc/$$/fd/\${fd##*/}; done
          cut -d' ' -f1,5,6 /proc/$$/stat
          echo $$
`)
    const { run } = await execute('looks')
    const [stdin, stdout, stderr, ...rest] = log(run.run_id, 'look').trim().split('\n')
    expect(stdin).toBe('/dev/null')
    for (const pipe of [stdout, stderr]) expect(pipe).toMatch(/^pipe:\[\d+\]$/)
    expect(stdout).not.toBe(stderr)
    const [ids = '', own = ''] = rest
    expect(rest).toHaveLength(2)
    expect(ids).toBe(`${own} ${own} ${own}`)
  })

  it('[R9] with pipes that what is left of another step neither hears nor speaks into', async () => {
    const {
      run: execute,
      log,
      root,
    } = await workshop(`
  leaves:
    steps: [{ id: one, argv: [node, thief.cjs] }]
  tells:
    steps:
      - id: victim
        run: 'touch begun; while ! [ -e looked ]; do echo "told $SECRET"; sleep 0.02; done'
        env: { SECRET: { value: zero-knowledge, secret: true } }
`)
    // Its descriptors read nothing and write nothing: until it opens what they lead to once more, it holds no pipe.
    writeFileSync(
      join(root, 'thief.cjs'),
      `const { openSync } = require('node:fs')
const { spawn } = require('node:child_process')
const O_PATH = 0o10000000
const pipes = [openSync('/proc/self/fd/1', O_PATH), openSync('/proc/self/fd/2', O_PATH)]
const away = { detached: true, env: {}, stdio: ['ignore', 'ignore', 'ignore', ...pipes] }
if (process.argv[2] === 'away') {
  spawn(process.execPath, ['hidden.cjs'], { ...away, stdio: ['ignore', 'ignore', 'ignore', 3, 4] }).unref()
  process.exit()
}
spawn(process.execPath, [__filename, 'away'], away).on('exit', () => process.exit())
`,
    )
    writeFileSync(
      join(root, 'hidden.cjs'),
      `const { closeSync, constants, existsSync, openSync, readSync, writeFileSync, writeSync } = require('node:fs')
const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants
writeFileSync('pid', String(process.pid))
const attempt = (act) => { try { return act() } catch { return null } }
let heard = ''
let looks = 0
const look = () => {
  for (const pipe of ['/proc/self/fd/3', '/proc/self/fd/4']) {
    const fd = attempt(() => openSync(pipe, O_RDONLY | O_NONBLOCK))
    if (fd === null) continue
    const bytes = Buffer.alloc(4096)
    heard += bytes.toString('utf8', 0, attempt(() => readSync(fd, bytes)) ?? 0)
    const into = attempt(() => openSync(pipe, O_WRONLY | O_NONBLOCK))
    if (into !== null) attempt(() => writeSync(into, 'forged\\n'))
    closeSync(fd)
    if (into !== null) closeSync(into)
  }
  if (existsSync('begun')) looks += 1
  writeFileSync('heard', heard)
  if (looks === 40) writeFileSync('looked', '')
  else setTimeout(look, 20)
}
setTimeout(look, 700)
`,
    )
    await execute('leaves')
    onTestFinished(() => {
      try {
        process.kill(Number(readFileSync(join(root, 'pid'), 'utf8')))
      } catch {
        // It has ended.
      }
    })
    const { run } = await execute('tells')
    expect(new Set(log(run.run_id, 'victim').trim().split('\n'))).toEqual(new Set(['told ***']))
    expect(readFileSync(join(root, 'heard'), 'utf8')).not.toContain('told')
  })

  it.each([
    ['a command', '$(touch hit)'],
    ['backticks', '`touch hit`'],
    ['an end of a command', '; touch hit'],
    ['leading dashes', '--output=hit'],
    ['a line feed', 'a\ntouch hit\n'],
    ['quotes', `'"\\"'; touch hit; '`],
    ['a reference', '{{inputs.value}}'],
    ['65536 bytes', 'x'.repeat(65_536)],
  ])('[D8] with an input as it was given: %s', async (_, value) => {
    const {
      run: execute,
      log,
      root,
    } = await workshop(`
  takes:
    inputs: { value: {} }
    steps:
      - { id: argument, argv: [printf, '%s', '{{inputs.value}}'] }
      - { id: variable, run: 'printf %s "$INPUT_VALUE"' }
`)
    const { run } = await execute('takes', { value })
    expect(log(run.run_id, 'argument')).toBe(value)
    expect(log(run.run_id, 'variable')).toBe(value)
    expect(existsSync(join(root, 'hit'))).toBe(false)
  })

  it('[R9] with inputs that cannot be taken for variables of a loader or of Node', async () => {
    const { run: execute, log } = await workshop(`
  takes:
    inputs: { node_options: { default: --version }, ld_preload: { default: /x.so }, path: { default: / } }
    steps: [{ id: env, argv: [env] }]
`)
    const { run } = await execute('takes')
    expect(log(run.run_id, 'env').trim().split('\n').toSorted()).toEqual([
      'INPUT_LD_PRELOAD=/x.so',
      'INPUT_NODE_OPTIONS=--version',
      'INPUT_PATH=/',
      `PATH=${process.env['PATH']}`,
      `RUNSEAL_STEP=${run.run_id}/env.1`,
    ])
  })
})

describe('an artifact', () => {
  it.each([
    [
      'a socket',
      'perl -MSocket -e \'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,pack_sockaddr_un("out"))\'',
      'artifact is no regular file: out',
    ],
    ['a link to nothing', 'ln -s nowhere out', 'artifact is a link: out'],
    ['a link to a file of the root', 'echo x > in; ln -s in out', 'artifact is a link: out'],
    [
      'ten sparse gigabytes',
      'truncate -s 10G out',
      'artifact is larger than 1073741824 bytes: out',
    ],
  ])('[R13] is not %s', async (_, command, reason) => {
    const { run: execute, data } = await workshop(`
  makes:
    steps: [{ id: make, run: ${JSON.stringify(command)}, artifacts: [out] }]
`)
    expect((await execute('makes')).run.ended?.reason).toBe(`step make failed: ${reason}`)
    expect(existsSync(join(data, 'artifacts'))).toBe(false)
  })

  const isRoot = process.getuid?.() === 0
  if (!isRoot) console.log('a device as an artifact: not tested, since only root can make one')
  it.runIf(isRoot)('[R13] is not a device, and none is opened', async () => {
    const { run: execute } = await workshop(`
  makes:
    steps: [{ id: make, run: mknod out c 1 5, artifacts: [out] }]
`)
    expect((await execute('makes')).run.ended?.reason).toMatch(
      /failed: artifact is no regular file: out$|exit code 1$/,
    )
  })

  it('[R13] may be larger together than each by itself, and is not', async () => {
    const { run: execute } = await workshop(
      `
  makes:
    steps: [{ id: make, run: 'head -c 700 /dev/zero | tee a > b', artifacts: [a, b] }]
`,
      { maxArtifactBytes: 1000 },
    )
    const { envelope } = await execute('makes')
    expect(envelope.execution.steps[0]).toMatchObject({
      outcome: 'failed',
      reason: 'artifact is larger than 300 bytes: b',
      artifacts: [{ path: 'a', bytes: 700 }],
    })
  })
})

describe('a secret', () => {
  it('[R10] is masked by halves on two pipes, at the end, and byte by byte', async () => {
    const { run: execute, log } = await workshop(`
  tells:
    steps:
      - id: tell
        env: { TOKEN: { value: 'pässwörd-🔑-x', secret: true } }
        run: |
          printf '%s' "$TOKEN" | perl -e '$| = 1; while (read(STDIN, $c, 1)) { print $c; select(undef, undef, undef, 0.01) }'
          half=\${TOKEN%%-*}; rest=\${TOKEN#"$half"}
          printf ' a %s' "$half"; exec >&-; sleep 0.2
          printf '%s b %s' "$rest" "$TOKEN" >&2
`)
    const { run } = await execute('tells')
    expect(log(run.run_id, 'tell')).toBe('*** a *** b ***')
  })

  it('[R10] is masked by halves on two pipes, whichever is read first', async () => {
    const { run: execute, log } = await workshop(`
  tells:
    steps:
      - id: tell
        env: { TOKEN: { value: pass-word, secret: true } }
        run: |
          for n in 1 2 3 4 5 6 7 8; do
            printf '\\n%s' pass-; printf '%s\\n' word >&2; sleep 0.05
            printf '\\n%s' pass- >&2; printf '%s\\n' word; sleep 0.05
          done
`)
    const { run } = await execute('tells')
    const text = log(run.run_id, 'tell')
    expect(text).toContain('***')
    expect(text).not.toMatch(/pass|word/)
  })
})
