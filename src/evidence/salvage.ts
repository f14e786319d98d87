import {
  Closing,
  LINK_KINDS,
  LinkKind,
  type Limits,
  mostInAList,
  Seal,
} from '#contract/envelope.ts'
import { parseToFirstFault } from '#contract/parse.ts'
import { Id, PROFILE } from '#contract/scalar.ts'
import * as z from 'zod/mini'
import { canonicalize } from './canonical.ts'
import { entryPreimage, linkDigest, openChain } from './chain.ts'
import { sha256 } from './digest.ts'
import { EvidenceError } from './fault.ts'
import { ENTRIES_A_BREATH } from './integrity.ts'
import { isStatementOver, type Place, type Remaining, remainingIn } from './remaining.ts'
import { deepestIn, isRoomFor } from './room.ts'
import { checkSeal } from './sealed.ts'
import { type Trusted } from './trust.ts'

/**
 * What can still be said of a file that is JSON and no record as it stands: a member more, a step taken out, white space.
 * Entries are found by their digests, wherever they stand, and held against the links. One reading of the file, for
 * finding out what happened to it, and nothing that anything else rests on. null where there are no links to hold to.
 */
export async function salvageOf(
  bytes: Uint8Array,
  limits: Limits,
  trust: readonly Trusted[],
  /** Told every so many entries. */
  onEntries: (done: number, of: number) => Promise<void>,
): Promise<Remaining | null> {
  const file = readLoosely(bytes, limits)
  const links = file === null ? null : linksIn(file, limits)
  if (file === null || links === null) return null
  const { evidence_id, run_id, integrity, closing } = file
  const { head } = integrity.hash_chain
  const bodies = bodiesOf(file)
  const of = links.length + LINK_KINDS.reduce((sum, kind) => sum + bodies[kind].length, 0)
  let done = 0
  const breathe = async () => {
    done += 1
    if (done % ENTRIES_A_BREATH === 0) await onEntries(done, of)
  }
  const here = new Set<string>()
  for (const kind of LINK_KINDS)
    for (const body of bodies[kind]) {
      here.add(digestOrNone(kind, body))
      await breathe()
    }
  const isInPlace = new Map(
    LINK_KINDS.map((kind) => {
      const linked = links.filter((link) => link.kind === kind)
      return [kind, linked.length === bodies[kind].length] as const
    }),
  )
  const nth = { opening: 0, step: 0, gate: 0, closing: 0 }
  const places: Place[] = []
  const changed: number[] = []
  const broken: number[] = []
  let prev = openChain(evidence_id, run_id).head
  for (const [seq, { kind, entry, link, seq: said }] of links.entries()) {
    const index = nth[kind]++
    // Where one was taken away, those behind it stand in other places.
    const where = `/integrity/hash_chain/links/${seq}`
    places.push(
      isInPlace.get(kind) === true
        ? { seq, kind, where: pointerOf(kind, index), ...stepOf(bodies[kind][index]) }
        : { seq, kind, where },
    )
    if (!here.has(entry)) changed.push(seq)
    if (said !== seq || link !== linkDigest({ seq, prev, kind, entry })) broken.push(seq)
    prev = link
    await breathe()
  }
  const isHeadRight = head === prev
  const count = links.length
  const seal = parseToFirstFault(Seal, integrity.seal)
  const end = parseToFirstFault(Closing, closing)
  const hash_chain = { head, count }
  const isStored =
    seal.ok &&
    broken.length === 0 &&
    isHeadRight &&
    isStatementOver({ evidence_id, run_id, integrity: { hash_chain, seal: seal.value } })
  // Of a seal that is over something else nothing is said.
  const sealed =
    isStored && end.ok
      ? await checkSeal({ integrity: { seal: seal.value }, closing: end.value }, trust)
      : null
  return remainingIn({
    entries: count,
    placeAt: (seq) => places[seq] ?? null,
    changed,
    broken,
    isHeadRight,
    isStored,
    seal: sealed?.claim,
    frozen: [],
    more: of - 2 * count,
  })
}

/** Loose where it can be: what is wrong with the file is not what it is asked for here. */
const Loose = z.object({
  schema: z.literal(PROFILE),
  evidence_id: z.string(),
  run_id: z.string(),
  opening: z.unknown(),
  execution: z.object({ steps: z.array(z.unknown()) }),
  gates: z.array(z.unknown()),
  closing: z.unknown(),
  integrity: z.object({
    hash_chain: z.object({ links: z.array(z.unknown()), head: z.string() }),
    seal: z.unknown(),
  }),
})

type Loose = z.infer<typeof Loose>

const LooseLink = z.object({
  seq: z.unknown(),
  kind: LinkKind,
  entry: z.string(),
  link: z.string(),
})
type LooseLink = z.infer<typeof LooseLink>

function readLoosely(bytes: Uint8Array, limits: Limits): Loose | null {
  if (bytes.length > limits.bytes || !isRoomFor(bytes) || deepestIn(bytes) > limits.depth)
    return null
  const file = Loose.safeParse(valueIn(bytes))
  return file.success ? file.data : null
}

function linksIn({ integrity }: Loose, limits: Limits): readonly LooseLink[] | null {
  const { links } = integrity.hash_chain
  if (links.length === 0 || links.length > mostInAList(limits)) return null
  const read: LooseLink[] = []
  for (const one of links) {
    const link = LooseLink.safeParse(one)
    // Of links that cannot be read nothing follows.
    if (!link.success) return null
    read.push(link.data)
  }
  return read
}

function valueIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // No UTF-8, or no JSON: that is said of it already.
    return null
  }
}

const bodiesOf = ({
  schema,
  evidence_id,
  run_id,
  opening,
  execution,
  gates,
  closing,
}: Loose): Readonly<Record<LinkKind, readonly unknown[]>> => ({
  opening: [{ schema, evidence_id, run_id, opening }],
  step: execution.steps,
  gate: gates,
  closing: [closing],
})

/** '' for what has no canonical form, and so is none that was linked. */
function digestOrNone(kind: LinkKind, body: unknown): string {
  try {
    return sha256(entryPreimage(kind, canonicalize(body)))
  } catch (fault) {
    if (fault instanceof EvidenceError) return ''
    throw fault
  }
}

function pointerOf(kind: LinkKind, index: number): string {
  switch (kind) {
    case 'opening':
    case 'closing':
      return `/${kind}`
    case 'step':
      return `/execution/steps/${index}`
    case 'gate':
      return `/gates/${index}`
  }
}

function stepOf(body: unknown): { step_id?: string } {
  const named = Named.safeParse(body)
  return named.success ? { step_id: named.data.step_id } : {}
}
const Named = z.object({ step_id: Id })
