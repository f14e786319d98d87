import { spawn } from 'node:child_process'
import { dlopen, getRawPointer } from 'node:ffi'
import { constants } from 'node:os'
import { getSystemErrorName } from 'node:util'

/** All that a process begins with: a group and a session of its own, and nothing else of ours. */
export type Start = {
  argv: readonly string[]
  cwd: string
  env: Readonly<Record<string, string>>
  /** Whose process it is; null: this user's. */
  run_as: { uid: number; gid: number } | null
  /** What its stdin, stdout and stderr are. It has no other descriptor. */
  stdio: readonly [number, number, number]
}

export type Started = {
  /** null: it could not be started, and its exit says why. */
  pid: number | null
  exit: Promise<Exit>
}

export type Exit = { exit_code: number | null; signal: string | null; error: unknown }

/** The process is there when this returns, or never is. Never throws, and `exit` never rejects. */
export function startProcess(start: Start): Started {
  try {
    return start.run_as === null && libc !== null ? lent(libc, start) : forked(start)
  } catch (error) {
    return { pid: null, exit: Promise.resolve({ exit_code: null, signal: null, error }) }
  }
}

/*
 * Node forks: the kernel copies the tables of its memory, and it faults on each page that either of the two writes
 * next, which is several times what a short step takes by itself. posix_spawn lends the child this memory until it is
 * another program; it cannot make it another user's.
 */
const libc = openLibc()

function openLibc() {
  // Elsewhere its structures and flags are others.
  if (process.platform !== 'linux') return null
  try {
    return dlopen(null, {
      posix_spawn: {
        return: 'i32',
        arguments: ['buffer', 'string', 'buffer', 'buffer', 'buffer', 'buffer'],
      },
      posix_spawn_file_actions_init: { return: 'i32', arguments: ['buffer'] },
      posix_spawn_file_actions_addchdir_np: { return: 'i32', arguments: ['buffer', 'string'] },
      posix_spawn_file_actions_adddup2: { return: 'i32', arguments: ['buffer', 'i32', 'i32'] },
      posix_spawn_file_actions_destroy: { return: 'i32', arguments: ['buffer'] },
      posix_spawnattr_init: { return: 'i32', arguments: ['buffer'] },
      posix_spawnattr_setflags: { return: 'i32', arguments: ['buffer', 'i16'] },
      posix_spawnattr_setsigdefault: { return: 'i32', arguments: ['buffer', 'buffer'] },
      posix_spawnattr_setsigmask: { return: 'i32', arguments: ['buffer', 'buffer'] },
      waitpid: { return: 'i32', arguments: ['i32', 'buffer', 'i32'] },
    }).functions
  } catch {
    // A libc from before it could choose the folder, as glibc 2.28: then by a fork as well.
    return null
  }
}

type Libc = NonNullable<typeof libc>

// More than any libc's structures take.
const STRUCT_BYTES = 1024
const SIGNAL_WORDS = 16
const SETSIGDEF = 0x04
const SETSIGMASK = 0x08
const SETSID = 0x80
const WNOHANG = 1

const attributes = new Uint8Array(STRUCT_BYTES)
if (libc !== null) {
  // As Node has it: no signal is blocked, and those up to 31 do what they do by default.
  const common = new BigUint64Array(SIGNAL_WORDS)
  common[0] = 0x7fff_ffffn
  libc.posix_spawnattr_init(attributes)
  libc.posix_spawnattr_setsigdefault(attributes, common)
  libc.posix_spawnattr_setsigmask(attributes, new BigUint64Array(SIGNAL_WORDS))
  libc.posix_spawnattr_setflags(attributes, SETSIGDEF | SETSIGMASK | SETSID)
  process.on('SIGCHLD', () => reap(libc))
}

function lent(libc: Libc, { argv, cwd, env, stdio }: Start): Started {
  const [program = '', ...args] = argv
  const variables = vectorOf(Object.entries(env).map(([name, value]) => `${name}=${value}`))
  const actions = new Uint8Array(STRUCT_BYTES)
  libc.posix_spawn_file_actions_init(actions)
  libc.posix_spawn_file_actions_addchdir_np(actions, cwd)
  for (const [at, fd] of stdio.entries()) libc.posix_spawn_file_actions_adddup2(actions, fd, at)
  try {
    let error = 'ENOENT'
    for (const path of placesOf(program, env['PATH'])) {
      let found = begin(path, argv)
      // A script without a first line that says whose.
      if (found === 'ENOEXEC') found = begin('/bin/sh', ['/bin/sh', path, ...args])
      if (typeof found === 'number') return { pid: found, exit: exitOf(found) }
      // It may be in a later folder. That this one may not be run is worth telling if it is not.
      if (found === 'EACCES' || program.includes('/')) error = found
      else if (found !== 'ENOENT' && found !== 'ENOTDIR') throw failure(found)
    }
    throw failure(error)
  } finally {
    libc.posix_spawn_file_actions_destroy(actions)
  }

  function begin(path: string, argv: readonly string[]): number | string {
    const pid = new Int32Array(1)
    const errno = libc.posix_spawn(pid, path, actions, attributes, vectorOf(argv), variables)
    return errno === 0 ? (pid[0] ?? 0) : getSystemErrorName(-errno)
  }
}

/** As execvp looks for it: a name without a slash, in the folders of the child's PATH. */
function placesOf(program: string, path = '/bin:/usr/bin'): string[] {
  if (program === '' || program.includes('/')) return [program]
  return path.split(':').map((folder) => (folder === '' ? program : `${folder}/${program}`))
}

/** C's list of strings, and behind it the strings that it points to: they live as long as the list does. */
function vectorOf(strings: readonly string[]): Uint8Array {
  if (strings.some((one) => one.includes('\0'))) throw failure('ERR_INVALID_ARG_VALUE')
  const texts = Buffer.from(strings.map((one) => `${one}\0`).join(''))
  const pointers = new BigUint64Array(strings.length + 1)
  const vector = new Uint8Array(pointers.byteLength + texts.length)
  let next = getRawPointer(vector) + BigInt(pointers.byteLength)
  for (const [place, one] of strings.entries()) {
    pointers[place] = next
    next += BigInt(Buffer.byteLength(one) + 1)
  }
  vector.set(new Uint8Array(pointers.buffer))
  vector.set(texts, pointers.byteLength)
  return vector
}

function failure(code: string): Error {
  return Object.assign(new Error(`cannot be started: ${code}`), { code })
}

const living = new Map<number, (exit: Exit) => void>()
// A signal that is listened for keeps no process from its end.
const awake = setInterval(() => {}, 2 ** 30).unref()

function exitOf(pid: number): Promise<Exit> {
  awake.ref()
  return new Promise((resolve) => living.set(pid, resolve))
}

function reap(libc: Libc): void {
  const status = new Int32Array(1)
  for (const [pid, ended] of living) {
    const found = libc.waitpid(pid, status, WNOHANG)
    if (found === 0) continue
    living.delete(pid)
    if (found === pid) ended(exitIn(status[0] ?? 0))
    // Somebody else took its end: what that was is not known, and never a success.
    else ended({ exit_code: null, signal: null, error: failure('ECHILD') })
  }
  if (living.size === 0) awake.unref()
}

function exitIn(status: number): Exit {
  const killedBy = status & 0x7f
  if (killedBy === 0) return { exit_code: (status >> 8) & 0xff, signal: null, error: null }
  const named = Object.entries(constants.signals).find(([, signal]) => signal === killedBy)
  return { exit_code: null, signal: named?.[0] ?? `SIGRT${killedBy}`, error: null }
}

function forked({ argv, cwd, env, run_as, stdio }: Start): Started {
  const [program = '', ...args] = argv
  // With a user, Node drops all groups but this one.
  const child = spawn(program, args, { cwd, env, detached: true, ...run_as, stdio: [...stdio] })
  const exit = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve({ exit_code: null, signal: null, error }))
    child.once('exit', (exit_code, signal) => resolve({ exit_code, signal, error: null }))
  })
  return { pid: child.pid ?? null, exit }
}
