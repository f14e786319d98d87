import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { VERDICT, keysOf } from '#contract/status.ts'
import { TrustFile } from '#contract/trust.ts'
import { type Claim } from '#evidence/claims.ts'
import { type Trusted } from '#evidence/trust.ts'
import { Asked, Held } from './portable.ts'

/* Frozen files with what has to be made of them: test/evidence/attacks, written by build-attacks.ts. */

export const AttackTable = z.strictObject({
  /** What the readers pinned, by name. */
  trust: z.record(z.string(), TrustFile),
  attacks: z.array(
    z.strictObject({
      file: z.string(),
      what: z.string(),
      trust: z.string(),
      /** A second file that the reader pinned. */
      also: z.exactOptional(z.string()),
      /** What the reader verified before. */
      held: z.exactOptional(z.array(Held)),
      asked: z.exactOptional(Asked),
      verdict: z.enum(keysOf(VERDICT)),
      /** Of the claims that do not verify or are not checked, each once, sorted. */
      codes: z.array(z.string()),
    }),
  ),
})
export type AttackTable = z.infer<typeof AttackTable>
export type Attack = AttackTable['attacks'][number]

export const ATTACKS = new URL('./attacks/', import.meta.url)

export function readAttackTable(): AttackTable {
  return AttackTable.parse(JSON.parse(readFileSync(new URL('table.json', ATTACKS), 'utf8')))
}

export function readAttack({ file }: Attack): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`${file}.envelope`, ATTACKS)))
}

export function optionsFor(
  { trust, also, asked, held }: Attack,
  table: AttackTable,
): {
  trust: Trusted[]
  asked?: Asked
  previous?: z.infer<typeof Held>[]
} {
  const pinned = [trust, also].flatMap((name): Trusted[] => {
    if (name === undefined) return []
    const file = table.trust[name]
    if (file === undefined) throw new RangeError(`no trust file ${name}`)
    return [{ file, source: 'pinned' }]
  })
  return {
    trust: pinned,
    ...(asked !== undefined && { asked }),
    ...(held !== undefined && { previous: held }),
  }
}

export function codesOf(claims: readonly Claim[]): string[] {
  const open = claims.filter(({ state }) => state === 'does not verify' || state === 'not checked')
  return [...new Set(open.map(({ code }) => code))].toSorted()
}
