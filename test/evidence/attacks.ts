import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { VERDICT, keysOf } from '#contract/status.ts'
import { TrustFile } from '#contract/trust.ts'
import { type VerifyOptions } from '#evidence/verify.ts'
import { BROUGHT, optionsOf, type Reader, Source } from './portable.ts'

/* Frozen files with what has to be made of them: test/evidence/attacks, written by build-attacks.ts. */

export const AttackTable = z.strictObject({
  /** What the readers have, by name. */
  trust: z.record(z.string(), TrustFile),
  attacks: z.array(
    z.strictObject({
      file: z.string(),
      what: z.string(),
      trust: z.string(),
      /** How the reader has it, where it is not pinned. */
      source: z.exactOptional(Source),
      /** A second file that the reader pinned. */
      also: z.exactOptional(z.string()),
      ...BROUGHT,
      verdict: z.enum(keysOf(VERDICT)),
      /** All that is claimed, proven or not, as `rowOf` writes it. */
      claims: z.array(z.string()),
      /** What can still be said of it, as `remainingSaid` does. */
      remaining: z.exactOptional(z.array(z.string())),
    }),
  ),
})
export type AttackTable = z.infer<typeof AttackTable>
export type Attack = AttackTable['attacks'][number]

export const ATTACKS = new URL('./attacks/', import.meta.url)

export function readAttackTable(): AttackTable {
  return AttackTable.parse(JSON.parse(readFileSync(new URL('table.json', ATTACKS), 'utf8')))
}

export function readAttack({ file }: Pick<Attack, 'file'>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`${file}.envelope`, ATTACKS)))
}

/** Can all that lies beside it lie on a disk? None has a file with a longer name. */
export const isNameable = ({ beside = {} }: Pick<Attack, 'beside'>): boolean =>
  Object.keys(beside).every((name) => name.slice(name.lastIndexOf('/') + 1).length <= 255)

export function readerOf(
  {
    file: _file,
    what: _what,
    verdict: _verdict,
    claims: _claims,
    remaining: _remaining,
    trust,
    also,
    source = 'pinned',
    ...brought
  }: Attack,
  table: AttackTable,
): Reader {
  const fileOf = (name: string): TrustFile => {
    const file = table.trust[name]
    if (file === undefined) throw new RangeError(`no trust file ${name}`)
    return file
  }
  return {
    trust: [
      { file: fileOf(trust), source },
      ...(also === undefined ? [] : [{ file: fileOf(also), source: 'pinned' as const }]),
    ],
    ...brought,
  }
}

export const optionsFor = (attack: Attack, table: AttackTable): VerifyOptions =>
  optionsOf(readerOf(attack, table))
