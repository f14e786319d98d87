import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dlopen } from 'node:ffi'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startProcess, type Start } from '#server/runs/start-process.ts'

const OWN = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

describe.each([
  ['as this user', null],
  ['as a user that is named', OWN],
] as const)('a process %s', (_, run_as) => {
  function newFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'runseal-start-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    return folder
  }

  async function told(argv: readonly string[], other: Partial<Start> = {}) {
    const file = join(newFolder(), 'out')
    const input = openSync('/dev/null', 'r')
    const output = openSync(file, 'w')
    const { exit } = startProcess({
      argv,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      run_as,
      stdio: [input, output, output],
      ...other,
    })
    closeSync(input)
    closeSync(output)
    return { ...(await exit), text: readFileSync(file, 'utf8') }
  }

  it('[R5] ends with its exit code or its signal', async () => {
    expect(await told(['/bin/sh', '-c', 'exit 0'])).toMatchObject({ exit_code: 0, signal: null })
    expect(await told(['/bin/sh', '-c', 'exit 255'])).toMatchObject({ exit_code: 255 })
    const killed = await told(['/bin/sh', '-c', 'kill -KILL $$'])
    expect(killed).toMatchObject({ exit_code: null, signal: 'SIGKILL', error: null })
    expect(await told(['/bin/sh', '-c', 'kill -ABRT $$'])).toMatchObject({ signal: 'SIGABRT' })
  })

  it('[R5] ends each with its own, however many end at one time', async () => {
    const codes = Array.from({ length: 40 }, (_, code) => code)
    const ended = await Promise.all(codes.map((code) => told(['/bin/sh', '-c', `exit ${code}`])))
    expect(ended.map(({ exit_code }) => exit_code)).toEqual(codes)
  })

  it('[R9] has what it is given', async () => {
    const folder = newFolder()
    const env = { PATH: '/usr/bin:/bin', ONE: 'a b', TWO: 'ü=\n$x', THREE: '' }
    const { text } = await told(['/bin/sh', '-c', 'pwd; env | sort; echo "$@"', 'sh', 'ä', '*'], {
      cwd: folder,
      env,
    })
    expect(text.split('\n').filter((line) => !/^(_|OLDPWD|SHLVL)=/.test(line))).toEqual([
      folder,
      '$x',
      'ONE=a b',
      'PATH=/usr/bin:/bin',
      `PWD=${folder}`,
      'THREE=',
      'TWO=ü=',
      'ä *',
      '',
    ])
  })

  it('[R8] has a group and a session of its own, and signals as by default', async () => {
    const look = 'cat /proc/$$/stat; grep -E "^Sig(Ign|Blk)" /proc/self/status'
    const { text } = await told(['/bin/sh', '-c', look])
    const lines = text.trim().split('\n')
    const [pid, , , , pgid, session] = lines[0]?.split(' ') ?? []
    expect([pgid, session]).toEqual([pid, pid])
    const [blocked = '', ignored = ''] = lines.slice(1).map((line) => line.split('\t')[1])
    expect(BigInt(`0x${blocked}`)).toBe(0n)
    expect(BigInt(`0x${ignored}`) & 0x7fff_ffffn).toBe(0n)
  })

  it('[R5] is looked for in the folders of its own PATH', async () => {
    const [empty, folder] = [newFolder(), newFolder()]
    writeFileSync(join(folder, 'mine'), '#!/bin/sh\necho found', { mode: 0o755 })
    const env = { PATH: `${empty}:${join(empty, 'none')}:${folder}` }
    expect((await told(['mine'], { env })).text).toBe('found\n')
    expect((await told(['./mine'], { env: {}, cwd: folder })).text).toBe('found\n')
    expect((await told(['sh', '-c', 'echo found'], { env: {} })).text).toBe('found\n')
    expect((await told(['mine'])).error).toMatchObject({ code: 'ENOENT' })
  })

  it('[R5] is a script also where no first line says so', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'plain'), 'echo "plain $1"', { mode: 0o755 })
    expect((await told(['./plain', 'x'], { cwd: folder })).text).toBe('plain x\n')
    expect((await told(['plain', 'x'], { env: { PATH: `${folder}:/bin` } })).text).toBe('plain x\n')
  })

  it('[R5] is not there where it cannot be started, and says why', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'text'), 'echo')
    chmodSync(join(folder, 'text'), 0o644)
    const faults = [
      [['/no/such/program'], {}, 'ENOENT'],
      [[''], {}, /ENOENT|ERR_INVALID_ARG_VALUE/],
      [[join(folder, 'text')], {}, 'EACCES'],
      [['text'], { env: { PATH: folder } }, 'EACCES'],
      [[join(folder, 'text', 'below')], {}, 'ENOTDIR'],
      [['/bin/true', 'x'.repeat(200_000)], {}, 'E2BIG'],
      [['/bin/true', 'a\0b'], {}, 'ERR_INVALID_ARG_VALUE'],
      [['/bin/true'], { cwd: join(folder, 'none') }, 'ENOENT'],
    ] as const
    for (const [argv, other, code] of faults) {
      const ended = await told(argv, other)
      expect(ended).toMatchObject({ exit_code: null, signal: null, text: '' })
      expect(codeOf(ended.error)).toMatch(code)
    }
  })
})

it('[R5] is no success where somebody else has taken its end', async () => {
  const { waitpid } = dlopen(null, {
    waitpid: { return: 'i32', arguments: ['i32', 'buffer', 'i32'] },
  }).functions
  const nothing = openSync('/dev/null', 'r+')
  onTestFinished(() => closeSync(nothing))
  const { pid, exit } = startProcess({
    argv: ['/bin/true'],
    cwd: '/',
    env: {},
    run_as: null,
    stdio: [nothing, nothing, nothing],
  })
  // It waits for the end, and no turn of the event loop comes between.
  expect(waitpid(pid ?? 0, new Int32Array(1), 0)).toBe(pid)
  const ended = await exit
  expect(ended).toMatchObject({ exit_code: null, signal: null })
  expect(codeOf(ended.error)).toBe('ECHILD')
})
