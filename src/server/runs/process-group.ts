import { openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
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

/** null when there is none. */
export function identityOf(pid: number): ProcessIdentity | null {
  const stat = statOf(pid)
  return stat && { pid, start_ticks: stat.start_ticks, boot_id: bootId() }
}

/** null when there is no such file, or when the process that it names is gone with its group. */
export async function survivorIn(file: string): Promise<ProcessIdentity | null> {
  const read = parseJson<ProcessIdentity>(Identity, await readFile(file, 'utf8').catch(() => ''))
  if (!read.ok || bootId() !== read.value.boot_id) return null
  const { pid, start_ticks } = read.value
  const leader = statOf(pid)
  if (leader !== null && leader.start_ticks !== start_ticks) return null
  // The leader may be gone and others of the group not; while one of them lives, the kernel gives its number to nobody.
  const kin = kinOf({ pgid: pid, mark: null }, nobodySeen())
  const isOurs = (one: Stat) =>
    one.start_ticks >= start_ticks && (one.pgid !== pid || one.session === pid)
  return kin.length > 0 && kin.every(isOurs) ? read.value : null
}

/**
 * Groups that hold one of these pipes. A step that kills its runner with its first breath has its pid in no file, but its
 * output still goes to such a pipe.
 */
export function groupsHolding(inodes: readonly number[]): number[] {
  const links = new Set(inodes.map((inode) => `pipe:[${inode}]`))
  if (links.size === 0) return []
  // Whoever asks may be reading them.
  const holders = pids().filter(
    (pid) => pid !== process.pid && linksOf(pid).some((link) => links.has(link)),
  )
  return [...new Set(holders.flatMap((pid) => statOf(pid)?.pgid ?? []))]
}

/** Groups of processes that were started with one of these marks. */
export function groupsMarked(marks: readonly string[]): number[] {
  const marked = pids().filter((pid) =>
    marks.includes(markIn(readOrNull(`/proc/${pid}/environ`) ?? '')),
  )
  return [...new Set(marked.flatMap((pid) => statOf(pid)?.pgid ?? []))]
}

/** What a step started: the group of its first process, and the mark that is in the environment of all. */
export type Marked = { pgid: number; mark: string | null }

/** With it in its environment, a process is found wherever it went. */
export function marking(mark: string): Record<string, string> {
  return { [MARK]: mark }
}

const MARK = 'RUNSEAL_STEP'

/**
 * Ends the group and what else came of it: SIGTERM, and SIGKILL for what is left after `graceMs`. Resolves when none
 * is left, or shortly after SIGKILL: a process that is stuck in the kernel cannot be waited for.
 */
export async function endGroup(group: Marked, graceMs: number): Promise<void> {
  const seen = nobodySeen()
  signalKin(group, 'SIGTERM', seen)
  // A stopped process acts on SIGTERM only once it goes on.
  signalKin(group, 'SIGCONT', seen)
  if (await isGone(group, graceMs, seen, () => false)) return
  // As long as there are others at each look: outside of the group, one that was about to end has made them meanwhile.
  await isGone(group, AFTER_KILL_MS, seen, () => signalKin(group, 'SIGKILL', seen))
}

/** Is anything left of what the group's process started, which began `ageMs` ago? Zombies are not counted. */
export function hasMembers(group: Marked, ageMs: number): boolean {
  const look = () => youngerThan(group.pgid, ageMs) ?? pids()
  const seen = nobodySeen()
  return kinOf(group, seen, look).length > 0 || isUnsure(seen)
}

/** Waits until the group is gone by itself; not longer than `withinMs`. */
export async function groupEnded(pgid: number, withinMs: number): Promise<boolean> {
  return await isGone({ pgid, mark: null }, withinMs, nobodySeen(), () => false)
}

/** By a signal, until another one lets it go on. */
export function isStoppedProcess(pid: number): boolean {
  return statOf(pid)?.state === 'T'
}

const AFTER_KILL_MS = 2000
const POLL_MS = 20
const LONGEST_MS = 60_000
/** Of looks in a row for those that came meanwhile. */
const PASSES = 20

/** Starts of processes, by pid: of those that were found to be of a group, and of those that bear no mark of it. */
type Seen = {
  kin: Map<number, number>
  strangers: Map<number, number>
  /** Those with an empty environment, and since when: between two programs a process has none for a moment. */
  blank: Map<number, { start_ticks: number; since: number }>
}

function nobodySeen(): Seen {
  return { kin: new Map(), strangers: new Map(), blank: new Map() }
}

/** Is there one who may bear the mark as soon as its program begins? */
function isUnsure({ blank }: Seen): boolean {
  const begun = performance.now() - BLANK_MS
  for (const [pid, { start_ticks, since }] of blank) {
    if (since > begun && statOf(pid)?.start_ticks === start_ticks) return true
  }
  return false
}

/** A program that takes longer to begin has an empty environment for good. */
const BLANK_MS = 250

async function isGone(
  group: Marked,
  withinMs: number,
  seen: Seen,
  /** Were there any that had not been seen before? Then there is as much time again. */
  urge: () => boolean,
): Promise<boolean> {
  // By the clock: on a busy machine a look at /proc takes longer than the pause after it.
  const begun = performance.now()
  let until = begun + withinMs
  while (performance.now() < Math.min(until, begun + LONGEST_MS)) {
    if (kinOf(group, seen).length === 0 && !isUnsure(seen)) return true
    const isNew = urge()
    if (isNew) until = performance.now() + withinMs
    await sleep(isNew ? 0 : POLL_MS)
  }
  return kinOf(group, seen).length === 0
}

/**
 * What is left of all that a step started, so far as it can be told: its group, its session (a shell with job control
 * makes groups in it), whoever bears its mark, and below these child by child. Whoever was seen once is known from then
 * on by its start, since a daemon's parents end before it.
 */
function kinOf(group: Marked, seen: Seen, look = pids): Stat[] {
  // Before that look: whoever begins during it is looked for behind it.
  let last = lastPid()
  let kin = kinAmong(look(), group, seen)
  // Whoever made another and ended while we looked was at neither of its two places when we were there.
  for (let left = PASSES; left > 0 && kin.length === 0; left -= 1) {
    const before = last
    last = lastPid()
    if (before === null || last === null || last === before) break
    kin = kinAmong(last > before ? between(before, last) : pids(), group, seen)
  }
  return kin
}

function kinAmong(among: readonly number[], { pgid, mark }: Marked, seen: Seen): Stat[] {
  const all = among.flatMap((pid) => statOf(pid) ?? [])
  const kin = new Set(
    all.filter(
      (one) =>
        one.pgid === pgid || one.session === pgid || seen.kin.get(one.pid) === one.start_ticks,
    ),
  )
  const below = Map.groupBy(all, ({ parent }) => parent)
  const addChildren = () => {
    for (const { pid } of kin) for (const child of below.get(pid) ?? []) kin.add(child)
  }
  addChildren()
  if (mark !== null)
    for (const one of all) if (!kin.has(one) && isMarked(one, mark, seen)) kin.add(one)
  addChildren()
  const alive = [...kin].filter(({ state }) => state !== 'Z')
  for (const { pid, start_ticks } of alive) seen.kin.set(pid, start_ticks)
  return alive
}

function isMarked({ pid, start_ticks }: Stat, mark: string, { strangers, blank }: Seen): boolean {
  if (strangers.get(pid) === start_ticks) return false
  const environ = readOrNull(`/proc/${pid}/environ`)
  if (environ === '' && blank.get(pid)?.start_ticks !== start_ticks)
    blank.set(pid, { start_ticks, since: performance.now() })
  if (environ === null || environ === '') return false
  blank.delete(pid)
  const found = markIn(environ)
  if (found !== mark) strangers.set(pid, start_ticks)
  return found === mark
}

/** '' where it has none. */
function markIn(environ: string): string {
  const from = `\0${environ}`.indexOf(`\0${MARK}=`)
  return from === -1 ? '' : (environ.slice(from + MARK.length + 1).split('\0', 1)[0] ?? '')
}

/** Was anybody signalled who had not been seen before? */
function signalKin(group: Marked, signal: NodeJS.Signals, seen: Seen): boolean {
  const before = new Map(seen.kin)
  const kin = kinOf(group, seen)
  // The group in one call, which none that it is making now can slip through.
  signalOne(-group.pgid, signal)
  for (const one of kin) if (one.pgid !== group.pgid) signalOne(one.pid, signal)
  return kin.some(({ pid, start_ticks }) => before.get(pid) !== start_ticks)
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
  const last = lastPid()
  const end = numberIn('/proc/sys/kernel/pid_max')
  // No machine gives out one in less than a microsecond: so soon, it cannot have come round to `pid` again.
  const isFirstRound = end !== null && ageMs * 1000 < end
  if (last === null || !isFirstRound || last < pid || last - pid > FEW) return null
  return between(pid, last)
}

const FEW = 256

/** The pid that was given out last. */
function lastPid(): number | null {
  return numberIn('/proc/sys/kernel/ns_last_pid')
}

function between(pid: number, last: number): number[] {
  return Array.from({ length: last - pid }, (_, at) => pid + 1 + at)
}

// Asked again and again, and so held open.
const held = new Map<string, number | null>()
const digits = Buffer.alloc(32)

function numberIn(file: string): number | null {
  const known = held.get(file)
  const fd = known === undefined ? openOrNull(file) : known
  held.set(file, fd)
  return fd === null ? null : Number(digits.toString('latin1', 0, readSync(fd, digits, 0, 32, 0)))
}

function openOrNull(file: string): number | null {
  try {
    return openSync(file, 'r')
  } catch (cause) {
    if (isGoneOrForeign(cause)) return null
    throw cause
  }
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

export function bootId(): string {
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
