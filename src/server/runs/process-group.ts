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
  const members = membersOf(pid)
  const ours = members.every((one) => one.session === pid && one.start_ticks >= start_ticks)
  return members.length > 0 && ours ? read.value : null
}

/**
 * Groups that hold a pipe which once had one of these names; the last two segments tell them apart. A step that kills its
 * runner with its first breath is in no file, but its output still goes to such a pipe.
 */
export function groupsHolding(pipes: readonly string[]): number[] {
  const names = pipes.map((pipe) => `/${basename(dirname(pipe))}/${basename(pipe)}`)
  const isOne = (link: string) =>
    names.some((name) => link.replace(/ \(deleted\)$/, '').endsWith(name))
  const holders = pids().filter((pid) => linksOf(pid).some(isOne))
  return [...new Set(holders.flatMap((pid) => statOf(pid)?.pgid ?? []))]
}

/**
 * Ends every process of the group: SIGTERM, and SIGKILL for what is left after `graceMs`. Resolves when none is left,
 * or shortly after SIGKILL: a process that is stuck in the kernel cannot be waited for.
 */
export async function endGroup(pgid: number, graceMs: number): Promise<void> {
  signalGroup(pgid, 'SIGTERM')
  // A stopped process acts on SIGTERM only once it goes on.
  signalGroup(pgid, 'SIGCONT')
  if (await groupEnded(pgid, graceMs)) return
  signalGroup(pgid, 'SIGKILL')
  await groupEnded(pgid, AFTER_KILL_MS)
}

/** Does the group have members, zombies not counted? */
export function hasMembers(pgid: number): boolean {
  return signalGroup(pgid, 0) && membersOf(pgid).some(({ state }) => state !== 'Z')
}

/** Waits until the group is gone by itself; not longer than `withinMs`. */
export async function groupEnded(pgid: number, withinMs: number): Promise<boolean> {
  // By the clock: on a busy machine a look at /proc takes longer than the pause after it.
  const until = performance.now() + withinMs
  while (performance.now() < until) {
    if (!hasMembers(pgid)) return true
    await sleep(POLL_MS)
  }
  return !hasMembers(pgid)
}

const AFTER_KILL_MS = 2000
const POLL_MS = 20

/** Was there a group to signal? */
function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pgid, signal)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null
    if (code === 'ESRCH') return false
    // Another user's, by sudo or the like: it is there, and cannot be ended from here.
    if (code === 'EPERM') return true
    throw cause
  }
}

type Stat = { state: string; pgid: number; session: number; start_ticks: number }

function membersOf(pgid: number): Stat[] {
  return pids().flatMap((pid) => {
    const stat = statOf(pid)
    return stat?.pgid === pgid ? [stat] : []
  })
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
  const [state = '', , pgid, session] = fields
  return { state, pgid: Number(pgid), session: Number(session), start_ticks: Number(fields[19]) }
}

function bootId(): string {
  return readOrNull('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
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
