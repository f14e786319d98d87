import { execFile } from 'node:child_process'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'

/** The user that steps run as, another than the server's. */
export type StepUser = { uid: number; gid: number; home: string }

/** Why steps cannot run as the user that was named; one line for a person. */
export class StepUserError extends Error {}

/**
 * The user `name` of this machine, once it is sure that what runs as it is kept from `data`, which is there: from the
 * sealing key, the store and the logs. A `StepUserError` says what stands against it.
 */
export async function stepUser(name: string, data: string): Promise<StepUser> {
  const own = process.getuid?.()
  if (own !== 0 || !hasCapabilities())
    throw new StepUserError(
      `--run-as ${name}: needs a server that runs as root, with the capabilities to change owners, users and groups and to end what others run`,
    )
  const user = await userNamed(name)
  if (user.uid === own) throw new StepUserError(`--run-as ${name}: that is the server's own user`)
  refuseReachable(user, data)
  return user
}

// CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID. A container's root may have been left without them.
const NEEDED = [0, 5, 6, 7].reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n)

/*
 * Root alone: a server of another user that was given these capabilities would pass them on to its steps, since the
 * kernel takes them away only where a process stops being root.
 */
function hasCapabilities(): boolean {
  const bits = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return (BigInt(`0x${bits ?? '0'}`) & NEEDED) === NEEDED
}

async function userNamed(name: string): Promise<StepUser> {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/.test(name))
    throw new StepUserError(`--run-as ${JSON.stringify(name)}: is no name of a user`)
  // Not /etc/passwd: users may come from elsewhere.
  const { stdout } = await promisify(execFile)('getent', ['passwd', name]).catch(
    (cause: unknown) => {
      throw new StepUserError(`--run-as ${name}: this machine has no such user`, { cause })
    },
  )
  const [, , uid, gid, , home = '/'] = stdout.trimEnd().split(':')
  return { uid: Number(uid), gid: Number(gid), home }
}

function refuseReachable(user: StepUser, data: string): void {
  const { uid, mode } = statSync(data)
  if (uid !== 0 || (mode & 0o077) !== 0)
    throw new StepUserError(`${data}: has to be root's alone (mode 0700) where steps run as a user`)
  // By its name and by where that leads: either way another folder could be put in its place.
  for (const folder of new Set([...above(resolve(data)), ...above(realpathSync(data))]))
    if (mayReplaceIn(folder, user))
      throw new StepUserError(
        `${data}: steps could put another folder in its place, since their user may write ${folder}; name one elsewhere with --data`,
      )
}

function above(path: string): string[] {
  const folder = dirname(path)
  return folder === path ? [] : [folder, ...above(folder)]
}

function mayReplaceIn(folder: string, user: StepUser): boolean {
  const { uid, gid, mode } = statSync(folder)
  if (uid === user.uid) return true
  // In a sticky folder, such as /tmp, only its owner may rename what is there.
  if ((mode & 0o1000) !== 0) return false
  return (mode & 0o002) !== 0 || (gid === user.gid && (mode & 0o020) !== 0)
}
