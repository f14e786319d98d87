import * as z from 'zod/mini'
import { keysOf } from '#contract/status.ts'
import { TRUST_SOURCE, TrustFile } from '#contract/trust.ts'
import { utf8 } from '#evidence/canonical.ts'
import { type Claim } from '#evidence/claims.ts'
import {
  compareTaken,
  type Series,
  type SeriesFault,
  type Unplaced,
  walkSeries,
} from '#evidence/series.ts'
import { heldOf, type Placed } from '#evidence/standing.ts'
import { besideEach, walkTogether } from '#evidence/together.ts'
import { verifyEnvelope } from '#evidence/verify.ts'

/* A walk over frozen records, as those who have them all at hand make it: Node, and a page in a browser. */

const Listed = z.strictObject({ evidence_id: z.string(), text: z.string() })
type Listed = z.infer<typeof Listed>
export const Walk = z.strictObject({
  trust: z.array(z.strictObject({ file: TrustFile, source: z.enum(keysOf(TRUST_SOURCE)) })),
  files: z.array(Listed),
  remembered: z.array(Listed),
  /** Whether the reader gave these alone: then each is also held against the others. */
  isTogether: z.boolean(),
})
export type Walk = z.infer<typeof Walk>

/** All that is found, a line each. */
export const walked = async (walk: Walk): Promise<string[]> =>
  walk.isTogether ? await givenTogether(walk) : await listedByOne(walk)

/** The faults of each key's series, and what cannot be told. */
async function listedByOne({ trust, files, remembered }: Walk): Promise<string[]> {
  const placed: Placed[] = []
  const unplaced: Unplaced[] = []
  for (const listed of files) {
    const { evidence_id } = listed
    const { place, sealed_by } = await placedIn(listed, trust)
    if (place === null || sealed_by === null) unplaced.push({ evidence_id, says: place })
    else placed.push(place)
  }
  const held = []
  for (const one of remembered) {
    const { envelope } = await verifyEnvelope(utf8(one.text), { trust })
    if (envelope === null) throw new RangeError(`${one.evidence_id} does not verify`)
    held.push(heldOf(envelope))
  }
  const differing = await compareTaken(placed, async ({ evidence_id, head }, taken) => {
    for (const one of files) {
      const { place, standing } = await placedIn(one, trust)
      if (place?.evidence_id === evidence_id && place.head === head)
        return standing && taken.map(standing.differing)
    }
    return null
  })
  return said(walkSeries(placed, { remembered: held, unplaced, differing }))
}

/** What the verdict of each says beside the others, and not by itself, by its number; and the walk over them. */
async function givenTogether({ trust, files }: Walk): Promise<string[]> {
  const alone: Awaited<ReturnType<typeof placedIn>>[] = []
  for (const one of files) alone.push(await placedIn(one, trust))
  const seen = alone.map(({ place, sealed_by }) => place && { place, sealed_by })
  const series = await walkTogether(seen, async (index, taken) => {
    const standing = alone[index]?.standing
    return standing ? taken.map(standing.differing) : null
  })
  const heldBeside = besideEach(seen)
  const told = []
  for (const [index, { text }] of files.entries()) {
    const { claims } = await verifyEnvelope(utf8(text), { trust, previous: heldBeside(index) })
    const before = new Set(alone[index]?.claims.map(claimSaid))
    for (const claim of claims.map(claimSaid))
      if (!before.has(claim)) told.push(`${index + 1}: ${claim}`)
  }
  return [...told, ...said(series)]
}

async function placedIn({ text }: Listed, trust: Walk['trust']) {
  const found = await verifyEnvelope(utf8(text), { trust })
  return { ...found, place: found.standing?.place() ?? null }
}

const said = (series: readonly Series[]): string[] =>
  series.flatMap(({ faults, open }) => [
    ...faults.map(faultSaid),
    ...open.map((one) => `open: ${one}`),
  ])

/** A claim as a row of a table has it: its code, of which step or gate, and where. */
export const claimSaid = ({ code, step_id, where, ended }: Claim): string =>
  [code, step_id, where === '' ? undefined : where, ended && `by a key that is ${ended}`]
    .filter((word) => word !== undefined)
    .join(' ')

function faultSaid(found: SeriesFault): string {
  const by = found.by === null ? '' : ` by ${found.by}`
  switch (found.fault) {
    case 'missing':
      return `missing: ${found.evidence_id ?? 'unnamed'}, ${found.from} to ${found.to}${by}`
    case 'forked':
      return `forked: ${found.evidence_ids.join(' and ')}, ${found.seal_seq}`
    case 'resealed':
    case 'replaced':
    case 'mislisted':
      return `${found.fault}: ${found.evidence_id}, ${found.seal_seq}${by}`
    case 'misplaced':
      return `misplaced: ${found.evidence_id}, ${found.seal_seq}${by}`
    case 'repeated':
      return `repeated: ${found.evidence_ids.join(' and ')}`
    case 'lineage':
      return `lineage: ${found.message}`
  }
}
