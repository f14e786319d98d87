import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids
    .map((pid) => statOf(Number(pid)))
    .filter((stat) => stat?.pgid === pgid)
    .filter((stat) => stat !== null)
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

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    // ESRCH: it ended between open and read.
    if (cause instanceof Error && 'code' in cause && /^(ENOENT|ESRCH)$/.test(String(cause.code)))
      return null
    throw cause
  }
}
