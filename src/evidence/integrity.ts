import { type Envelope, type Link } from '#contract/envelope.ts'
import {
  type ChainState,
  type Entry,
  extendByDigest,
  linkDigest,
  type LinkFields,
  linkPreimage,
  openChain,
} from './chain.ts'
import { beginningOf, type Claim, claimOf, isFull } from './claims.ts'
import { counted } from './counted.ts'
import { sha256, sha256OfMany } from './digest.ts'
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
  let state = openChain(evidence_id, run_id)
  let prev = state.head
  const links: string[] = []
  const faults: Claim[] = []
  const changed: number[] = []
  const broken: number[] = []
  for (const [seq, kind] of (['opening', ...order, 'closing'] as const).entries()) {
    if (seq % ENTRIES_A_BREATH === ENTRIES_A_BREATH - 1) await onEntries(seq)
    const preimage = written.entry(seq)
    const entry = preimage.length > MANY ? await sha256OfMany(preimage) : sha256(preimage)
    const { state: next, link } = extendByDigest(state, kind, entry)
    const known = written.isLinked(seq, link) ? link : written.link(seq)
    if (known.entry !== link.entry) {
      changed.push(seq)
      if (!isFull(faults)) faults.push(entryChanged(seq, kind, entries.at(seq), known, link))
    }
    const fields = { seq, prev, kind, entry: known.entry }
    const isSame = prev === state.head && known.entry === link.entry
    const expected = isSame ? link.link : linkDigest(fields)
    if (known.link !== expected) {
      broken.push(seq)
      if (!isFull(faults)) faults.push(linkBroken(fields, expected, known.link))
    }
    prev = known.link
    state = next
    links.push(link.link)
  }
  if (head !== prev && !isFull(faults)) {
    const message = 'The head is not the last link.'
    faults.push(
      claimOf('head-differs', {
        where: '/integrity/hash_chain/head',
        message,
        expected: prev,
        actual: head,
      }),
    )
  }
  return {
    claims: faults.length > 0 ? faults : [wholeChain(links, written)],
    links,
    state,
    changed,
    broken,
    isHeadRight: head === prev,
  }
}

export const ENTRIES_A_BREATH = 4096
/** Bytes from which a round trip through WebCrypto is faster. */
const MANY = 65_536

export type ChainCheck = {
  readonly claims: readonly Claim[]
  /** Recomputed, by seq, and the state after the last. */
  readonly links: readonly string[]
  readonly state: ChainState
  /** By seq: entries that are not the ones linked, and stored links that do not follow from what they are of. */
  readonly changed: readonly number[]
  readonly broken: readonly number[]
  readonly isHeadRight: boolean
}

function entryChanged(
  seq: number,
  kind: Entry['kind'],
  entry: Entry | undefined,
  known: Pick<Link, 'entry'>,
  link: Pick<Link, 'entry'>,
): Claim {
  const { where = '', body = {} } = entry ?? {}
  return claimOf('entry-changed', {
    where,
    message: `Entry ${seq} (${kind}) is not the one that was linked.`,
    expected: known.entry,
    actual: link.entry,
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

function wholeChain(links: readonly string[], written: Written): Claim {
  const seq = links.length - 1
  const { entry, link } = written.link(seq)
  const fields = { seq, prev: links.at(-2) ?? '', kind: 'closing', entry } as const
  return claimOf('chain-whole', {
    message: `All ${counted(links.length, 'entry', 'entries')} are as they were linked, up to the head.`,
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
    shell: shellForContent(),
  }
  return digest === integrity.content_sha256
    ? claimOf('content-whole', {
        ...at,
        // Of a document that does not verify nothing is shown.
        preimage: beginningOf(decoder.decode(beginning), length),
        message: 'The document has the digest that it says.',
      })
    : claimOf('content-differs', {
        ...at,
        message: 'The document has another digest than it says.',
      })
}

const decoder = new TextDecoder()
