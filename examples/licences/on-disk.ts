import * as z from 'zod/mini'
import { answerEach, type Answer } from './json-lines.ts'
import { digestOf, filesOf, isInstalled } from './package-folder.ts'

/*
 * What of a package is on this disk: `files`, how many; `bytes`, how many; `digest`, of all of them. The record's key
 * is its path. `version` and `integrity` are not read: they stand for the files, which are other ones when these are.
 */

const MEASURE: Readonly<Record<string, (path: string) => Answer | Promise<Answer>>> = {
  files: (path) => ({ value: isInstalled(path) ? filesOf(path).length : 0 }),
  bytes: (path) => ({ value: isInstalled(path) ? bytesOf(path) : 0 }),
  // What it costs is what it reads, in MiB.
  digest: async (path) =>
    isInstalled(path)
      ? { value: await digestOf(path), cost: (bytesOf(path) / 2 ** 20).toFixed(3) }
      : { value: 'not installed' },
}

const [, , name = ''] = process.argv
const measure = MEASURE[name]
if (measure === undefined)
  throw new RangeError(`${JSON.stringify(name)} is none of ${Object.keys(MEASURE).join(', ')}`)
await answerEach(z.unknown(), (_, path) => measure(path))

function bytesOf(path: string): number {
  return filesOf(path).reduce((sum, { bytes }) => sum + bytes, 0)
}
