import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The data folder, for its owner alone; made where it is missing, with a `.gitignore` that keeps the sealing key out of
 * a project's history where there is none yet. Throws an Error in words.
 */
export function makeDataFolder(folder: string): void {
  const found = statSync(folder, { throwIfNoEntry: false })
  if (found?.isDirectory() === false) throw new Error(`the data folder ${folder} is no folder`)
  // One at a time: a recursive mkdir below a folder like /proc, where nothing can be made, never comes back.
  for (const missing of missingFrom(folder)) {
    try {
      mkdirSync(missing, { mode: 0o700 })
    } catch (error) {
      const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      throw new Error(`the data folder ${folder} cannot be made: ${why} at ${missing}`, {
        cause: error,
      })
    }
  }
  const isNew = !existsSync(join(folder, 'runseal.db'))
  if (isNew) keepOutOfHistory(join(folder, '.gitignore'))
}

// One that is there is somebody's, who named a folder that is in use.
function keepOutOfHistory(file: string): void {
  try {
    writeFileSync(file, '*\n', { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/** Has a server sealed here? Then its store is there as well, or it is lost. */
export function hasBegun(folder: string): boolean {
  const envelopes = join(folder, 'envelopes')
  return (
    existsSync(join(folder, 'key.pem')) ||
    (existsSync(envelopes) && readdirSync(envelopes).length > 0)
  )
}

// The topmost first.
function missingFrom(folder: string): string[] {
  return existsSync(folder) ? [] : [...missingFrom(dirname(folder)), folder]
}
