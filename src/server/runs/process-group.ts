import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessRow } from '#server/storage/storage.ts'

/** What tells a process from a later one with the same pid. */
export type ProcessIdentity = Pick<ProcessRow, 'pid' | 'start_ticks' | 'boot_id'>

/** null when it is gone, or where there is no /proc. */
export async function identityOf(pid: number): Promise<ProcessIdentity | null> {
  const found = await statOf(pid)
  const boot_id = await bootId()
  return found === null || boot_id === null
    ? null
    : { pid, start_ticks: found.start_ticks, boot_id }
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
export async function hasMembers(pgid: number): Promise<boolean> {
  return signalGroup(pgid, 0) && (await membersOf(pgid)).some(({ state }) => state !== 'Z')
}

/**
 * Ends the group that `survivor` led, if it is that one: after a crash the number may belong to somebody else.
 * Its leader may be gone and others of the group not; while one of them lives, the kernel does not give the number away.
 */
export async function endSurvivors(survivor: ProcessIdentity, graceMs: number): Promise<void> {
  if ((await bootId()) !== survivor.boot_id) return
  const leader = await statOf(survivor.pid)
  if (leader !== null && leader.start_ticks !== survivor.start_ticks) return
  const members = await membersOf(survivor.pid)
  const ours = members.every(
    ({ session, start_ticks }) => session === survivor.pid && start_ticks >= survivor.start_ticks,
  )
  if (members.length > 0 && ours) await endGroup(survivor.pid, graceMs)
}

/** Waits until the group is gone by itself; not longer than `withinMs`. */
export async function groupEnded(pgid: number, withinMs: number): Promise<boolean> {
  // By the clock: on a busy machine a look at /proc takes longer than the pause after it.
  const until = performance.now() + withinMs
  while (performance.now() < until) {
    if (!(await hasMembers(pgid))) return true
    await sleep(POLL_MS)
  }
  return !(await hasMembers(pgid))
}

const AFTER_KILL_MS = 2000
const POLL_MS = 20

/** Was there a group to signal? */
function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pgid, signal)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ESRCH') return false
    throw cause
  }
}

type Stat = { pid: number; state: string; pgid: number; session: number; start_ticks: number }

async function membersOf(pgid: number): Promise<Stat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const stats = await Promise.all(pids.map(statOf))
  return stats.flatMap((found) => (found?.pgid === pgid ? [found] : []))
}

async function statOf(pid: number): Promise<Stat | null> {
  const text = await readOrNull(`/proc/${pid}/stat`)
  if (text === null) return null
  // The program's name may hold spaces and brackets; the fields after its last bracket do not.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', , pgid, session] = fields
  return {
    pid,
    state,
    pgid: Number(pgid),
    session: Number(session),
    start_ticks: Number(fields[19]),
  }
}

async function bootId(): Promise<string | null> {
  return (await readOrNull('/proc/sys/kernel/random/boot_id'))?.trim() ?? null
}

async function readOrNull(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    // ESRCH: it ended between open and read.
    if (
      cause instanceof Error &&
      'code' in cause &&
      ['ENOENT', 'ESRCH'].includes(String(cause.code))
    )
      return null
    throw cause
  }
}
