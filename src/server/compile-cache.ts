import { enableCompileCache } from 'node:module'
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
  enableCompileCache(COMPILE_CACHE)
}
