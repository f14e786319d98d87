import { lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Where Node keeps what it made of this code, so that the next process begins in half the time. Beside the code: whoever
 * can write there can change the code too. In a folder for all, where Node has it by itself, somebody else's could lie.
 */
export const COMPILE_CACHE = fileURLToPath(
  new URL('../../node_modules/.cache/runseal', import.meta.url),
)

/** For all that this process loads from now on; where nothing can be written, nothing is kept. */
export function keepCompiled(): void {
  if (isOursAlone()) enableCompileCache(COMPILE_CACHE)
}

/** For the processes of ours that this one starts. */
export const compiledFrom = (): { NODE_COMPILE_CACHE?: string } =>
  isOursAlone() ? { NODE_COMPILE_CACHE: COMPILE_CACHE } : {}

// Node makes folders as the umask says, which may be for everybody, and takes what lies there for its own.
function isOursAlone(): boolean {
  try {
    mkdirSync(COMPILE_CACHE, { recursive: true, mode: 0o700 })
    const kept = readdirSync(COMPILE_CACHE).map((name) => join(COMPILE_CACHE, name))
    const owners = [0, process.getuid?.(), statSync(fileURLToPath(import.meta.url)).uid]
    return [dirname(COMPILE_CACHE), COMPILE_CACHE, ...kept].every((path) => {
      const { mode, uid } = lstatSync(path)
      return (mode & 0o170_022) === 0o040_000 && owners.includes(uid)
    })
  } catch {
    return false
  }
}
