import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Count } from '#contract/scalar.ts'

/** What tells a process from a later one with the same pid. */
const Identity = z.object({
  pid: Count,
  /** Field 22 of /proc/PID/stat. */
  start_ticks: Count,
  boot_id: z.string(),
})
export type ProcessIdentity = z.infer<typeof Identity>

/**
 * Says in `file` which process this is. Synchronous, so that nothing comes between its start and this; not flushed,
 * since a crash that loses the file ends the process too.
 */
export function writeIdentity(file: string, pid: number): void {
  const stat = statOf(pid)
  if (stat !== null)
    writeFileSync(file, JSON.stringify({ pid, start_ticks: stat.start_ticks, boot_id: bootId() }), {
      mode: 0o600,
    })
}

/** null when there is no such file, or when the process that it names is gone with its group. */
export async function survivorIn(file: string): Promise<ProcessIdentity | null> {
  const read = parseJson<ProcessIdentity>(Identity, await readFile(file, 'utf8').catch(() => ''))
  if (!read.ok || bootId() !== read.value.boot_id) return null
  const { pid, start_ticks } = read.value
  const leader = statOf(pid)
  if (leader !== null && leader.start_ticks !== start_ticks) return null
  // The leader may be gone and others of the group not; while one of them lives, the kernel gives its number to nobody.
  const kin = kinOf(pid, new Map())
  const isOurs = (one: Stat) =>
    one.start_ticks >= start_ticks && (one.pgid !== pid || one.session === pid)
  return kin.length > 0 && kin.every(isOurs) ? read.value : null
}

/**
 * Groups that hold a pipe which once had one of these names; the last two segments tell them apart. A step that kills its
 * runner with its first breath is in no file, but its output still goes to such a pipe.
 */
export function groupsHolding(pipes: readonly string[]): number[] {
  const names = pipes.map((pipe) => `/${basename(dirname(pipe))}/${basename(pipe)}`)
  const isOne = (link: string) =>
    names.some((name) => link.replace(/ \(deleted\)$/, '').endsWith(name))
  // Whoever asks may be reading them.
  const holders = pids().filter((pid) => pid !== process.pid && linksOf(pid).some(isOne))
  return [...new Set(holders.flatMap((pid) => statOf(pid)?.pgid ?? []))]
}

/**
 * Ends the group and what else came of it: SIGTERM, and SIGKILL for what is left after `graceMs`. Resolves when none
 * is left, or shortly after SIGKILL: a process that is stuck in the kernel cannot be waited for.
 */
export async function endGroup(pgid: number, graceMs: number): Promise<void> {
  const seen: Seen = new Map()
  signalKin(pgid, 'SIGTERM', seen)
  // A stopped process acts on SIGTERM only once it goes on.
  signalKin(pgid, 'SIGCONT', seen)
  if (await isGone(pgid, graceMs, seen, () => {})) return
  // Again at each look: outside of the group, one that is about to end may have made another meanwhile.
  await isGone(pgid, AFTER_KILL_MS, seen, () => signalKin(pgid, 'SIGKILL', seen))
}

/** Is anything left of what the process `pgid` started, which began `ageMs` ago? Zombies are not counted. */
export function hasMembers(pgid: number, ageMs: number): boolean {
  return kinOf(pgid, new Map(), youngerThan(pgid, ageMs) ?? pids()).length > 0
}

/** Waits until the group is gone by itself; not longer than `withinMs`. */
export async function groupEnded(pgid: number, withinMs: number): Promise<boolean> {
  return await isGone(pgid, withinMs, new Map(), () => {})
}

const AFTER_KILL_MS = 2000
const POLL_MS = 20

/** Start of each process that was found to be of a group, by pid. */
type Seen = Map<number, number>

async function isGone(
  pgid: number,
  withinMs: number,
  seen: Seen,
  urge: () => void,
): Promise<boolean> {
  // By the clock: on a busy machine a look at /proc takes longer than the pause after it.
  const until = performance.now() + withinMs
  while (performance.now() < until) {
    if (kinOf(pgid, seen).length === 0) return true
    urge()
    await sleep(POLL_MS)
  }
  return kinOf(pgid, seen).length === 0
}

/**
 * What is left of all that the process `pgid` started, so far as it can be told: its group, its session (a shell with
 * job control makes groups in it), and below those child by child. Whoever was seen once is known from then on by its
 * start, since a daemon's parents end before it.
 */
function kinOf(pgid: number, seen: Seen, among = pids()): Stat[] {
  const all = among.flatMap((pid) => statOf(pid) ?? [])
  const kin = new Set(
    all.filter(
      (one) => one.pgid === pgid || one.session === pgid || seen.get(one.pid) === one.start_ticks,
    ),
  )
  const below = Map.groupBy(all, ({ parent }) => parent)
  for (const { pid } of kin) for (const child of below.get(pid) ?? []) kin.add(child)
  const alive = [...kin].filter(({ state }) => state !== 'Z')
  for (const { pid, start_ticks } of alive) seen.set(pid, start_ticks)
  return alive
}

function signalKin(pgid: number, signal: NodeJS.Signals, seen: Seen): void {
  const kin = kinOf(pgid, seen)
  // The group in one call, which none that it is making now can slip through.
  signalOne(-pgid, signal)
  for (const one of kin) if (one.pgid !== pgid) signalOne(one.pid, signal)
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null
    // Gone, or another user's by sudo or the like: then it cannot be ended from here.
    if (code !== 'ESRCH' && code !== 'EPERM') throw cause
  }
}

type Stat = {
  pid: number
  state: string
  parent: number
  pgid: number
  session: number
  start_ticks: number
}

/**
 * Pids that were given out since `pid` was, `ageMs` ago, whether their processes live or not; null where that cannot be
 * told. The kernel counts them up and begins again at the end. A look at these few costs a step nothing, where one at
 * all processes takes longer than a short step itself.
 */
function youngerThan(pid: number, ageMs: number): number[] | null {
  const last = numberIn('/proc/sys/kernel/ns_last_pid')
  const end = numberIn('/proc/sys/kernel/pid_max')
  // No machine gives out one in less than a microsecond: so soon, it cannot have come round to `pid` again.
  const isFirstRound = end !== null && ageMs * 1000 < end
  if (last === null || !isFirstRound || last < pid || last - pid > FEW) return null
  return Array.from({ length: last - pid }, (_, at) => pid + 1 + at)
}

const FEW = 256

function numberIn(file: string): number | null {
  const text = readOrNull(file)
  return text === null ? null : Number(text)
}

function pids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []))
}

/** What the descriptors of a process lead to; none where they are not ours to see, or the process is gone. */
function linksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`))
  } catch (cause) {
    if (isGoneOrForeign(cause)) return []
    throw cause
  }
}

function statOf(pid: number): Stat | null {
  const text = readOrNull(`/proc/${pid}/stat`)
  if (text === null) return null
  // The program's name may hold spaces and brackets; the fields after its last bracket do not.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', parent, pgid, session] = fields
  return {
    pid,
    state,
    parent: Number(parent),
    pgid: Number(pgid),
    session: Number(session),
    start_ticks: Number(fields[19]),
  }
}

let boot: string | null = null

function bootId(): string {
  boot ??= readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
  return boot
}

// One descriptor that is closed meanwhile must not hide the others.
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch (cause) {
    if (isGoneOrForeign(cause)) return ''
    throw cause
  }
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    if (isGoneOrForeign(cause)) return null
    throw cause
  }
}

// ESRCH: it ended between open and read.
function isGoneOrForeign(cause: unknown): boolean {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)
}
