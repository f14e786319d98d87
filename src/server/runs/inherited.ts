import { closeSync, readdirSync, readFileSync } from 'node:fs'

/**
 * Closes what this process was given besides stdin, stdout and stderr: every descriptor that a program started from
 * here would be given too. Node's own are closed on exec, and are left alone.
 */
export function closeInherited(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number))
    if (fd > 2 && !isClosedOnExec(fd)) closeSync(fd)
}

export const O_CLOEXEC = 0o2000000

function isClosedOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
    return (Number.parseInt(flags ?? '', 8) & O_CLOEXEC) !== 0
  } catch (cause) {
    // It was that of the listing itself, and is closed by now.
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return true
    throw cause
  }
}
