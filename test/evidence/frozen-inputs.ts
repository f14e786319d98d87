import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { encodeBase64 } from '#evidence/base64.ts'
import { type Asked, AskedOf } from './answered.ts'

/*
 * Frozen files that are no records, with what has to be made of each: test/evidence/inputs, by build-inputs.ts. One answer
 * for each is in the table, as `answerTo` says it.
 */

export const InputTable = z.strictObject({
  inputs: z.array(
    z.strictObject({
      file: z.string(),
      /** The rule of the SPEC that it is about. */
      rule: z.string(),
      of: AskedOf,
      what: z.string(),
      /** With so many bytes, the rest of which are spaces. */
      padded: z.exactOptional(z.number()),
      found: z.array(z.string()),
    }),
  ),
})
export type InputTable = z.infer<typeof InputTable>

export const INPUTS = new URL('./inputs/', import.meta.url)

export function readInputTable(): InputTable {
  return InputTable.parse(JSON.parse(readFileSync(new URL('table.json', INPUTS), 'utf8')))
}

export function askedOf({ file, of, padded }: InputTable['inputs'][number]): Asked {
  const bytes = readFileSync(new URL(`${file}.input`, INPUTS))
  return { of, bytes: encodeBase64(bytes), padded: padded ?? bytes.length }
}
