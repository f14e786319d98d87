import Database from 'better-sqlite3'
import childProcess from 'node:child_process'
import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'

/*
 * Loaded before a real server, and before its runner, by `node --import`: every durable write of theirs is a named
 * point. At a point the process can die, or the disk be full. The product knows nothing of it.
 *
 * RUNSEAL_FAULTS, JSON: `trace` is a file that gets a line for each point passed; `die` names the point at which a
 * process of that role ends by SIGKILL (`both`: the runner, and its server just before it), once, as the file `latch`
 * tells; `full` refuses with ENOSPC whatever matches `what`, as long as the file `while` is there.
 */
const Faults = z.object({
  trace: z.optional(z.string()),
  die: z.optional(
    z.object({
      role: z.enum(['server', 'runner', 'both']),
      point: z.string(),
      nth: z.int(),
      latch: z.string(),
    }),
  ),
  full: z.optional(z.object({ while: z.string(), what: z.string() })),
})
export type Faults = z.infer<typeof Faults>

const VARIABLE = 'RUNSEAL_FAULTS'
const OWN = fileURLToPath(import.meta.url)
const ROLE = process.argv[1]?.endsWith('runner.js') === true ? 'runner' : 'server'
const { trace, die, full } = Faults.parse(JSON.parse(process.env[VARIABLE] ?? '{}'))
const { closeSync, existsSync, openSync, writeSync } = fs
const traceFd = trace === undefined ? null : openSync(trace, 'a')
const passed = new Map<string, number>()

function point(name: string): void {
  const nth = (passed.get(name) ?? 0) + 1
  passed.set(name, nth)
  if (traceFd !== null) writeSync(traceFd, `${ROLE} ${name}\n`)
  if (die?.point !== name || die.nth !== nth || existsSync(die.latch)) return
  if (die.role === 'server' ? ROLE !== 'server' : ROLE !== 'runner') return
  closeSync(openSync(die.latch, 'w'))
  if (die.role === 'both') process.kill(process.ppid, 'SIGKILL')
  process.kill(process.pid, 'SIGKILL')
}

function refuse(what: string): void {
  if (full === undefined || !existsSync(full.while) || !new RegExp(full.what).test(what)) return
  throw Object.assign(new Error(`ENOSPC: no space left on device, ${what}`), {
    code: 'ENOSPC',
    errno: -28,
  })
}

/** Ids and digests left out, so that a point has one name in every run. */
function nameOf(file: unknown): string {
  return basename(String(file))
    .replace(/^(run|ev|gate)_[0-9a-z]+/, '$1')
    .replace(/^[0-9a-f]{64}$/, 'digest')
    .replace(/^\.part-.*/, 'part')
    .replace(/\.\d+\.(log|idx|pid)/, '.$1')
}

function methodOf(owner: object, name: string): (...args: unknown[]) => unknown {
  const method: unknown = Reflect.get(owner, name)
  if (typeof method !== 'function') throw new Error(`there is no ${name}`)
  return function (this: unknown, ...args: unknown[]) {
    const answer: unknown = Reflect.apply(method, this, args)
    return answer
  }
}

function prototypeOf(one: object): object {
  const prototype: unknown = Object.getPrototypeOf(one)
  if (typeof prototype !== 'object' || prototype === null) throw new Error('there is no prototype')
  return prototype
}

/** Puts points before and after a method, by the name that `say` gives its call. */
function wrap(owner: object, method: string, say: (self: unknown, args: unknown[]) => string) {
  const original = methodOf(owner, method)
  Reflect.set(owner, method, function (this: unknown, ...args: unknown[]): unknown {
    const name = say(this, args)
    if (name === '') return original.apply(this, args)
    point(`${name}: before`)
    const answer: unknown = refusing(name, () => original.apply(this, args))
    if (answer instanceof Promise)
      return answer.then((value: unknown) => {
        point(`${name}: after`)
        return value
      })
    point(`${name}: after`)
    return answer
  })

  function refusing(name: string, act: () => unknown): unknown {
    if (!ASYNC.has(owner)) {
      refuse(name)
      return act()
    }
    try {
      refuse(name)
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
    return act()
  }
}

// Files. A handle is known by the file that it was opened for.
const names = new WeakMap<object, string>()
const probe = await fsp.open('/dev/null')
const handles = prototypeOf(probe)
await probe.close()
const ASYNC = new Set<object>([fsp, handles])
for (const method of ['write', 'writeFile', 'sync', 'datasync'])
  wrap(handles, method, (self) => {
    const name = typeof self === 'object' && self !== null ? (names.get(self) ?? '') : ''
    return name === '' ? '' : `${method} ${name}`
  })
const isWriting = (flags: unknown) => typeof flags === 'string' && /^[wa]/.test(flags)
wrap(fsp, 'open', (_, [file, flags]) => (isWriting(flags) ? `open ${nameOf(file)}` : ''))
const openNamed = methodOf(fsp, 'open')
Reflect.set(fsp, 'open', async (...args: unknown[]): Promise<unknown> => {
  const handle = await openNamed.apply(fsp, args)
  if (typeof handle === 'object' && handle !== null) names.set(handle, nameOf(args[0]))
  return handle
})
wrap(fsp, 'rename', (_, [from, to]) => `rename ${nameOf(from)} ${nameOf(to)}`)
wrap(fsp, 'link', (_, [, to]) => `link ${nameOf(to)}`)
wrap(fsp, 'rm', (_, [file]) => `rm ${nameOf(file)}`)
wrap(fs, 'writeFileSync', (_, [file]) => `write ${nameOf(file)}`)
wrap(
  fs,
  'renameSync',
  (_, [from, to]) => `rename ${nameOf(from).replace(/.+\.pid$/, 'note')} ${nameOf(to)}`,
)
wrap(fs, 'rmSync', (_, [file]) => `rm ${nameOf(file)}`)

// Descriptors. One that is closed is given to the next file that is opened.
const ofDescriptor = new Map<unknown, string>()
wrap(fs, 'openSync', (_, [file, flags]) => (isWriting(flags) ? `open ${nameOf(file)}` : ''))
const openNumbered = methodOf(fs, 'openSync')
Reflect.set(fs, 'openSync', (...args: unknown[]): unknown => {
  const fd = openNumbered.apply(fs, args)
  ofDescriptor.set(fd, isWriting(args[1]) ? nameOf(args[0]) : '')
  return fd
})
for (const [method, said] of [
  ['write', 'write'],
  ['fdatasync', 'datasync'],
] as const) {
  const original = methodOf(fs, method)
  const traced = (fd: unknown, ...args: unknown[]): unknown => {
    const name = ofDescriptor.get(fd) ?? ''
    const told = args.at(-1)
    if (name === '' || typeof told !== 'function') return original.call(fs, fd, ...args)
    point(`${said} ${name}: before`)
    refuse(`${said} ${name}`)
    return original.call(fs, fd, ...args.slice(0, -1), (...answer: unknown[]) => {
      point(`${said} ${name}: after`)
      Reflect.apply(told, undefined, answer)
    })
  }
  // How promisify names what the callback is told.
  const known: object = Reflect.get(fs, method)
  for (const symbol of Object.getOwnPropertySymbols(known))
    Reflect.set(traced, symbol, Reflect.get(known, symbol))
  Reflect.set(fs, method, traced)
}
// One note of a process is made of another's: it is named by where it is now.
wrap(fs, 'writeSync', (_, [fd, text]) => {
  const name = nameOf(fs.readlinkSync(`/proc/self/fd/${String(fd)}`))
  if (!name.endsWith('.pid')) return ''
  return `${String(text).includes('"pid"') ? 'write' : 'note'} ${name}`
})

// Processes. The runner gets the same faults; what it starts gets nothing.
const { spawn } = childProcess
Reflect.set(childProcess, 'spawn', (program: string, args: string[], options: object): unknown => {
  const at = args.findIndex((arg) => arg.endsWith('runner.js'))
  const isRunner = at !== -1
  const name = isRunner ? 'runner' : 'step'
  point(`spawn ${name}: before`)
  const child = isRunner
    ? spawn(program, args.toSpliced(at, 0, '--import', OWN), {
        ...options,
        env: {
          [VARIABLE]: process.env[VARIABLE] ?? '',
          NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
        },
      })
    : spawn(program, args, options)
  point(`spawn ${name}: after`)
  if (isRunner && child.stdin !== null)
    wrap(child.stdin, 'write', (_, [line]) =>
      String(line).startsWith('{"type":"launch"') ? 'launch' : 'end of a step',
    )
  return child
})
// What starts a step is the system's own, and is looked up once.
if (ROLE === 'runner') {
  const { DynamicLibrary } = await import('node:ffi')
  const lookUp = methodOf(DynamicLibrary.prototype, 'getFunctions')
  Reflect.set(
    DynamicLibrary.prototype,
    'getFunctions',
    function (this: unknown, ...args: unknown[]) {
      const functions = Object.assign({}, lookUp.apply(this, args))
      if ('posix_spawn' in functions) wrap(functions, 'posix_spawn', () => 'spawn step')
      if ('pipe2' in functions) wrap(functions, 'pipe2', () => 'make pipe')
      return functions
    },
  )
}
syncBuiltinESMExports()

// The store. A commit is named for what is in it.
const memory = new Database(':memory:')
const statements = prototypeOf(memory.prepare('select 1'))
memory.close()
const pending = new Set<string>()
for (const method of ['run', 'all']) {
  const original = methodOf(statements, method)
  Reflect.set(statements, method, function (this: { source: string }, ...args: unknown[]): unknown {
    const { source } = this
    if (source.startsWith('BEGIN')) pending.clear()
    if (source !== 'COMMIT') {
      const written = writtenBy(source, args)
      if (written !== null) {
        pending.add(written)
        refuseStore(written)
      }
      return original.apply(this, args)
    }
    const parts = [...pending]
    for (const part of parts) point(`commit ${part}: before`)
    const answer: unknown = original.apply(this, args)
    for (const part of parts) point(`commit ${part}: after`)
    return answer
  })
}

/** What a statement writes, where a death beside it is of interest. */
function writtenBy(source: string, args: readonly unknown[]): string | null {
  const [, table = ''] = /^(?:insert into|update|delete from) "?(\w+)/.exec(source) ?? []
  if (table === 'fact') {
    const body = args.find((arg) => typeof arg === 'string' && arg.startsWith('{'))
    return /"type":"(\w+)"/.exec(String(body))?.[1] ?? 'fact'
  }
  if (table === 'seal') return source.startsWith('insert') ? 'statement' : 'written'
  return table === '' || table === 'run' || table === 'gate' ? null : table
}

function refuseStore(written: string): void {
  try {
    refuse(`store ${written}`)
  } catch {
    throw new Database.SqliteError('database or disk is full', 'SQLITE_FULL')
  }
}
