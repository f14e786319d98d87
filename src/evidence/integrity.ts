import { type Envelope, type Link } from '#contract/envelope.ts'
import { type AsLinked, watchLinks } from './as-linked.ts'
import { utf8 } from './canonical.ts'
import {
  type ChainState,
  type Entry,
  extendInBytes,
  linkDigest,
  type LinkFields,
  linkPreimage,
  openChain,
} from './chain.ts'
import { beginningIn, type Claim, claimOf, isFull } from './claims.ts'
import { counted } from './counted.ts'
import { sha256Into, sha256OfMany } from './digest.ts'
import { type Entries, type Written, type WrittenContent } from './document.ts'
import { shellForChain } from './redo.ts'
import { shellForContent, shellForEntry, shellForLink } from './shell.ts'

/**
 * Recomputes the chain from the entries alone, for all that follows. The stored links are walked beside it, each against
 * the stored one before it, so that a change shows where it is and not in everything after it.
 */
export async function checkChain(
  { evidence_id, run_id, order, integrity }: Envelope,
  entries: Entries,
  written: Written,
  /** Told every so many entries, so that a long chain can be watched and left. */
  onEntries: (done: number) => Promise<void>,
): Promise<ChainCheck> {
  const { head } = integrity.hash_chain
  const seed = openChain(evidence_id, run_id)
  const extend = extendInBytes(seed)
  const kinds = ['opening', ...order, 'closing'] as const
  const linked = new Uint8Array(HEX * kinds.length)
  const digest = new Uint8Array(HEX)
  const stored = (seq: number) => (seq < 0 ? seed.head : written.link(seq).link)
  const faults: Claim[] = []
  const watched = watchLinks()
  const broken: number[] = []
  const differing: number[] = []
  let isAsStored = true
  for (const [seq, kind] of kinds.entries()) {
    if (seq % ENTRIES_A_BREATH === ENTRIES_A_BREATH - 1) await onEntries(seq)
    const preimage = written.entry(seq)
    if (preimage.length > MANY) digest.set(utf8(await sha256OfMany(preimage)))
    else sha256Into(digest, preimage)
    const link = extend(kind, digest)
    linked.set(link, HEX * seq)
    if (isAsStored && written.isLinked(seq, digest, link)) continue
    const entry = decoder.decode(digest)
    const known = written.link(seq)
    const prev = stored(seq - 1)
    watched.add({ seq, kind, prev, entry, known })
    if (known.entry !== entry && !isFull(faults))
      faults.push(entryChanged(seq, kind, entries.at(seq), known, { entry, preimage }))
    const fields = { seq, prev, kind, entry: known.entry }
    const expected = linkDigest(fields)
    if (known.link !== expected) {
      broken.push(seq)
      if (!isFull(faults)) faults.push(linkBroken(fields, expected, known.link))
    }
    isAsStored = known.link === decoder.decode(link)
    if (known.entry !== entry || !isAsStored) differing.push(seq)
  }
  const last = stored(kinds.length - 1)
  if (head !== last && !isFull(faults)) {
    const message = 'The head is not the last link.'
    faults.push(
      claimOf('head-differs', {
        where: '/integrity/hash_chain/head',
        message,
        expected: last,
        actual: head,
      }),
    )
  }
  return {
    claims: faults.length > 0 ? faults : [wholeChain(kinds.length - 1, written)],
    links: textsIn(linked),
    state: { head: decoder.decode(linked.subarray(-HEX)), seq: kinds.length },
    asLinked: watched.end(head),
    broken,
    differing,
    last,
    isHeadRight: head === last,
  }
}

export const ENTRIES_A_BREATH = 4096
/** Bytes from which a round trip through WebCrypto is faster. */
export const MANY = 65_536
const HEX = 64

export type ChainCheck = {
  readonly claims: readonly Claim[]
  /** Recomputed, by seq, and the state after the last. */
  readonly links: readonly string[]
  readonly state: ChainState
  readonly asLinked: AsLinked
  /** By seq: stored links that do not follow from what they are of. */
  readonly broken: readonly number[]
  /** Those beside which another digest or link stands than comes out of them. */
  readonly differing: readonly number[]
  /** The last stored link, of which there is none where none can be read. */
  readonly last: string | undefined
  readonly isHeadRight: boolean
}

function entryChanged(
  seq: number,
  kind: Entry['kind'],
  entry: Entry | undefined,
  known: Pick<Link, 'entry'>,
  { entry: digest, preimage }: Pick<Link, 'entry'> & { preimage: Uint8Array },
): Claim {
  const { where = '', body = {} } = entry ?? {}
  return claimOf('entry-changed', {
    where,
    message: `Entry ${seq} (${kind}) has another digest than its link says.`,
    expected: known.entry,
    actual: digest,
    preimage: beginningIn(preimage),
    shell: shellForEntry({ kind, where }),
    ...stepOf(body),
  })
}

const linkBroken = (fields: LinkFields, expected: string, actual: string): Claim =>
  claimOf('link-broken', {
    where: `/integrity/hash_chain/links/${fields.seq}/link`,
    message: `Link ${fields.seq} does not follow from the link before it and its entry.`,
    expected,
    actual,
    preimage: linkPreimage(fields),
    shell: shellForLink(fields),
  })

const stepOf = (body: object): { step_id?: string } =>
  'step_id' in body && typeof body.step_id === 'string' ? { step_id: body.step_id } : {}

function textsIn(linked: Uint8Array): string[] {
  const text = decoder.decode(linked)
  return Array.from({ length: text.length / HEX }, (_, seq) =>
    text.slice(HEX * seq, HEX * (seq + 1)),
  )
}

function wholeChain(seq: number, written: Written): Claim {
  const { entry, link } = written.link(seq)
  const fields = { seq, prev: written.link(seq - 1).link, kind: 'closing', entry } as const
  return claimOf('chain-whole', {
    message: `All ${counted(seq + 1, 'entry', 'entries')} and their order fit the digests written beside them, to the last one.`,
    where: '/integrity/hash_chain',
    actual: link,
    preimage: linkPreimage(fields),
    expected: link,
    shell: shellForChain(),
  })
}

/** `digest` is our own. */
export function checkContent(
  { integrity }: Envelope,
  { beginning, length }: WrittenContent,
  digest: string,
): Claim {
  const at = {
    where: '/integrity/content_sha256',
    expected: integrity.content_sha256,
    actual: digest,
    preimage: beginningIn(beginning, length),
    shell: shellForContent(),
  }
  return digest === integrity.content_sha256
    ? claimOf('content-whole', {
        ...at,
        message: 'The document fits the digest that is written in it.',
      })
    : claimOf('content-differs', {
        ...at,
        message: 'The document does not fit the digest that is written in it.',
      })
}

const decoder = new TextDecoder()
