import { closeSync, constants, fstatSync, openSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'

/** What a process is to begin in. `close` when it has begun. */
export type StepFolder = { path: string; close: () => void }

/**
 * The folder `cwd` in `root`, or why a process cannot begin in it. One of another user begins in no folder below the
 * root that this user may not enter. The system goes there with the server's rights, before it gives them up: so the
 * folder is held open from the look at it on, and what is put in its place meanwhile is not it.
 */
export function openStepFolder(
  root: string,
  cwd: string,
  run_as: { uid: number; gid: number } | null,
): StepFolder | string {
  const folder = join(root, cwd)
  const real = realPathOf(folder)
  if (real === null || !statSync(real).isDirectory()) return `no such folder: ${cwd}`
  // A link may have been put there since the definition was checked.
  const isInside = real === root || real.startsWith(root.endsWith('/') ? root : `${root}/`)
  if (!isInside) return `${cwd} is outside of the root`
  return run_as === null ? { path: folder, close() {} } : held(root, real, cwd, run_as)
}

function held(
  root: string,
  real: string,
  cwd: string,
  user: { uid: number; gid: number },
): StepFolder | string {
  let fd: number | null = null
  const close = () => {
    if (fd !== null) closeSync(fd)
    fd = null
  }
  try {
    fd = openSync(root, WAY)
    for (const segment of relative(root, real).split('/').filter(Boolean)) {
      const next = openSync(`/proc/self/fd/${fd}/${segment}`, WAY)
      close()
      fd = next
      if (!mayEnter(fd, user)) {
        close()
        return `its user may not enter the folder ${cwd}`
      }
    }
    // The child's own, until it is the step's program.
    return { path: `/proc/self/fd/${fd}`, close }
  } catch {
    close()
    return `no such folder: ${cwd}`
  }
}

// Node does not name it: a place and nothing of what is there.
const O_PATH = 0o10000000
const WAY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** By its mode, as the kernel judges one of this group alone. */
function mayEnter(folder: number, user: { uid: number; gid: number }): boolean {
  const { uid, gid, mode } = fstatSync(folder)
  if (uid === user.uid) return (mode & 0o100) !== 0
  return (mode & (gid === user.gid ? 0o010 : 0o001)) !== 0
}

function realPathOf(folder: string): string | null {
  try {
    return realpathSync.native(folder)
  } catch {
    return null
  }
}
