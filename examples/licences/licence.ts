import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import { answerEach } from './json-lines.ts'
import { isInstalled } from './package-folder.ts'

/*
 * The licence of a package: what package-lock.json says, which is what its author told the registry, held against the
 * manifest that was installed. Two that disagree are an error: somebody has to read them.
 */

const Manifest = z.object({
  license: z.optional(z.union([z.string(), z.object({ type: z.string() })])),
})

await answerEach(z.object({ license: z.nullish(z.string()) }), ({ license }, path) => {
  const installed = installedLicence(path)
  const stated = license ?? installed
  if (stated === null) return { value: 'not stated' }
  if (installed !== null && installed !== stated)
    return { error: `package-lock.json says ${stated}, the package says ${installed}` }
  return { value: stated }
})

function installedLicence(path: string): string | null {
  const file = join(path, 'package.json')
  if (!isInstalled(path) || !existsSync(file)) return null
  const { license } = Manifest.parse(JSON.parse(readFileSync(file, 'utf8')))
  return typeof license === 'object' ? license.type : (license ?? null)
}
