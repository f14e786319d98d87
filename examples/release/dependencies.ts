import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod/mini'

/*
 * Writes a table of everything in package-lock.json, with version and licence, to the file that is named.
 */

const Manifest = z.object({
  license: z.optional(z.union([z.string(), z.object({ type: z.string() })])),
})
const Lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.optional(z.string()),
      dev: z.optional(z.boolean()),
      ...Manifest.shape,
    }),
  ),
})

const [, , target = 'dependencies.csv'] = process.argv
const { packages } = Lock.parse(readJson('package-lock.json'))
const rows = Object.entries(packages)
  .filter(([path]) => path.startsWith('node_modules/'))
  .map(([path, { version = '', dev = false, license }]) => [
    path.replace(/^.*node_modules\//, ''),
    version,
    licenseName(license) ?? installedLicense(path) ?? 'not stated',
    dev ? 'development' : 'runtime',
  ])
mkdirSync(dirname(target), { recursive: true })
writeFileSync(
  target,
  [['package', 'version', 'licence', 'use'], ...rows]
    .map((row) => `${row.map(cell).join(',')}\r\n`)
    .join(''),
)
const unstated = rows.filter(([, , license]) => license === 'not stated')
console.log(`${rows.length} packages, ${unstated.length} without a stated licence`)

function installedLicense(path: string): string | null {
  const file = join(path, 'package.json')
  // What is for another platform is in the lock and not installed.
  return existsSync(file) ? licenseName(Manifest.parse(readJson(file)).license) : null
}

function licenseName(license: z.infer<typeof Manifest>['license']): string | null {
  return typeof license === 'object' ? license.type : (license ?? null)
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'))
}

// Attacker: a package whose name or licence is a formula. A spreadsheet must read it as text.
function cell(text: string): string {
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return `"${inert.replaceAll('"', '""')}"`
}
