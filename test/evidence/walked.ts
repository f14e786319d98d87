import * as z from 'zod/mini'
import { TrustFile } from '#contract/trust.ts'
import { utf8 } from '#evidence/canonical.ts'
import { heldOf } from '#evidence/keep.ts'
import { differingOf } from '#evidence/lineage.ts'
import {
  compareTaken,
  placeOf,
  type Placed,
  type SeriesFault,
  type Unplaced,
  walkSeries,
} from '#evidence/series.ts'
import { verifyEnvelope } from '#evidence/verify.ts'

/* A walk over frozen records, as those who have them all at hand make it: Node, and a page in a browser. */

const Listed = z.strictObject({ evidence_id: z.string(), text: z.string() })
export const Walk = z.strictObject({
  trust: TrustFile,
  files: z.array(Listed),
  remembered: z.array(Listed),
})
export type Walk = z.infer<typeof Walk>

/** All that is found, a line each: the faults of each key's series, and what cannot be told. */
export async function walked({ trust: file, files, remembered }: Walk): Promise<string[]> {
  const trust = [{ file, source: 'pinned' as const }]
  const verified = async ({ text }: z.infer<typeof Listed>) =>
    await verifyEnvelope(utf8(text), { trust })
  const placed: Placed[] = []
  const unplaced: Unplaced[] = []
  for (const listed of files) {
    const { evidence_id } = listed
    const { envelope, entries, sealed_by } = await verified(listed)
    const says = envelope && entries && placeOf(envelope, entries)
    if (says === null || sealed_by === null) unplaced.push({ evidence_id, says })
    else placed.push(says)
  }
  const held = []
  for (const one of remembered) {
    const { envelope } = await verified(one)
    if (envelope === null) throw new RangeError(`${one.evidence_id} does not verify`)
    held.push(heldOf(envelope))
  }
  const differing = await compareTaken(placed, async ({ evidence_id, head }, taken) => {
    for (const one of files) {
      const { envelope, entries } = await verified(one)
      if (envelope?.evidence_id === evidence_id && envelope.integrity.hash_chain.head === head)
        return entries && taken.map((of) => differingOf(of, entries))
    }
    return null
  })
  return walkSeries(placed, { remembered: held, unplaced, differing }).flatMap(
    ({ faults, open }) => [...faults.map(faultSaid), ...open.map((one) => `open: ${one}`)],
  )
}

function faultSaid(found: SeriesFault): string {
  const by = found.by === null ? '' : ` by ${found.by}`
  switch (found.fault) {
    case 'missing':
      return `missing: ${found.evidence_id ?? 'unnamed'}, ${found.from} to ${found.to}${by}`
    case 'forked':
      return `forked: ${found.evidence_ids.join(' and ')}, ${found.seal_seq}`
    case 'resealed':
    case 'replaced':
      return `${found.fault}: ${found.evidence_id}, ${found.seal_seq}${by}`
    case 'misplaced':
      return `misplaced: ${found.evidence_id}, ${found.seal_seq}${by}`
    case 'repeated':
      return `repeated: ${found.evidence_ids.join(' and ')}`
    case 'lineage':
      return `lineage: ${found.message}`
  }
}
