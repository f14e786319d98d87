import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'
import { answerEach } from './json-lines.ts'

/*
 * The class of a package: what its licence asks of whoever hands it on, and how long ago it last spoke of itself. The
 * year that counts as now is in policy.json and not the clock's, so that the same inputs give the same class for ever.
 */

const Policy = z.object({ year: z.int(), old_after_years: z.int() })
const { year, old_after_years } = Policy.parse(
  JSON.parse(readFileSync(fileURLToPath(new URL('policy.json', import.meta.url)), 'utf8')),
)

await answerEach(
  z.object({ kind: z.nullish(z.string()), dated: z.string() }),
  ({ kind, dated }) => ({ value: `${kind ?? 'unknown'}-${ageOf(dated)}` }),
)

function ageOf(dated: string): string {
  if (dated === 'not installed') return 'elsewhere'
  if (dated === 'not stated') return 'undated'
  return year - Number(dated) > old_after_years ? 'old' : 'recent'
}
