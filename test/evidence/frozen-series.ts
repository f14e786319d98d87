import { readFileSync } from 'node:fs'
import * as z from 'zod/mini'
import { TrustFile } from '#contract/trust.ts'
import { type Walk } from './walked.ts'

/* Frozen records that make series, with the faults that have to be found: test/evidence/series, by build-series.ts. */

export const SeriesTable = z.strictObject({
  /** What the reader of all of them pinned. */
  trust: TrustFile,
  /** What a server offers to those who ask it. */
  offered: TrustFile,
  series: z.array(
    z.strictObject({
      name: z.string(),
      /** The rule of the SPEC that it is about. */
      rule: z.string(),
      what: z.string(),
      /** In the order in which they are read. What stands before the first dot is the id that each was listed by. */
      files: z.array(z.string()),
      /** Records that the reader verified before. */
      remembered: z.array(z.string()),
      /** Given together by a reader, who remembers nothing; with what is only offered, or without. */
      together: z.exactOptional(z.enum(['pinned', 'offered'])),
      /** As `walked` says it, or `givenTogether`. */
      found: z.array(z.string()),
    }),
  ),
})
export type SeriesTable = z.infer<typeof SeriesTable>

export const SERIES = new URL('./series/', import.meta.url)

export function readSeriesTable(): SeriesTable {
  return SeriesTable.parse(JSON.parse(readFileSync(new URL('table.json', SERIES), 'utf8')))
}

export function walkOf(
  { files, remembered, together }: SeriesTable['series'][number],
  { trust, offered }: Pick<SeriesTable, 'trust' | 'offered'>,
): Walk {
  const read = (name: string) => ({
    evidence_id: name.split('.')[0] ?? '',
    text: readFileSync(new URL(`${name}.envelope`, SERIES), 'utf8'),
  })
  return {
    trust: [
      { file: trust, source: 'pinned' },
      ...(together === 'offered' ? [{ file: offered, source: together }] : []),
    ],
    files: files.map(read),
    remembered: remembered.map(read),
    isTogether: together !== undefined,
  }
}
