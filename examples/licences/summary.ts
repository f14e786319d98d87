import * as z from 'zod/mini'
import { answerEach } from './json-lines.ts'

/* One line that a person can read, joined of all that the others derived. */

const Derived = z.object({
  version: z.string(),
  dev: z.nullish(z.boolean()),
  licence: z.string(),
  licence_name: z.nullish(z.string()),
  files: z.int(),
  bytes: z.int(),
  digest: z.string(),
  risk: z.string(),
})

await answerEach(Derived, (of, path) => {
  const name = path.replace(/^.*node_modules\//, '')
  const use = of.dev === true ? 'development' : 'runtime'
  const onDisk =
    of.files === 0
      ? 'not installed here'
      : `${of.files} files, ${of.bytes} bytes, sha256 ${of.digest.slice(0, 12)}…`
  return {
    value: `${name} ${of.version}: ${of.licence_name ?? of.licence}, ${use}; ${of.risk}; ${onDisk}`,
  }
})
