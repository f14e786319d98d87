import { createHash } from 'node:crypto'
import { createReadStream, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** Is the package at this path of package-lock.json on this disk? What is for another platform is not. */
export function isInstalled(path: string): boolean {
  // Attacker: a lock file that was edited to have somebody else's files read.
  if (!/^node_modules\/[^\0]+$/.test(path) || path.split('/').includes('..'))
    throw new RangeError(`${JSON.stringify(path)} is no place of a package`)
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** A package's own regular files, without those of packages inside of it, in one order on every machine. */
export function filesOf(path: string): { path: string; bytes: number }[] {
  return readdirSync(path, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const at = join(path, entry.name)
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesOf(at)
      return entry.isFile() ? [{ path: at, bytes: lstatSync(at).size }] : []
    })
}

/** SHA-256 over a line a file: its digest and its path in the package, as `sha256sum` writes them. */
export async function digestOf(path: string): Promise<string> {
  const all = createHash('sha256')
  for (const file of filesOf(path)) {
    const one = createHash('sha256')
    await pipeline(createReadStream(file.path), one)
    all.update(`${one.digest('hex')}  ${file.path.slice(path.length + 1)}\n`)
  }
  return all.digest('hex')
}
