import type { Closing, Content, Limits, Link, Seal, Totals } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Outcome } from '#contract/status.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { entriesOf, extendChain, openChain } from '#evidence/chain.ts'
import { EvidenceError, type FaultCode } from '#evidence/fault.ts'
import { readEnvelope } from '#evidence/read.ts'
import { assembleEnvelope, buildContent, prepareSeal, type RecordedEntry } from '#evidence/seal.ts'
import { countsOf } from '#evidence/summarise.ts'
import { StorageError, type PreparedSeal, type RecordedFact } from '#server/storage/storage.ts'

/** An envelope that is complete but for its signature. */
export type Draft = { content: Content; links: Link[]; statement: Uint8Array<ArrayBuffer> }

export type Drafted = {
  definition: string
  outcome: Outcome
  /** The chain's last link. */
  head: string
  statement: Uint8Array<ArrayBuffer>
}

export type DraftOrder = {
  place: Place
  /** Fingerprint of the key that will sign. */
  key_id: string
  /** Of the verifier that is to read it; null where it has been read before. */
  limits: Limits | null
}
export type Place = Pick<PreparedSeal, 'seal_seq' | 'previous' | 'sealed_at'>

/** The document is what the facts say and where it stands among the others: nothing is looked up anywhere else. */
export function draftOf(
  facts: readonly RecordedFact[],
  { place, key_id, limits }: DraftOrder,
): Draft {
  const { content, links } = documentOf(facts, place)
  if (content.opening.server !== key_id)
    throw new EvidenceError('signer-mismatch', 'the run was opened under another sealing key')
  const chain = { count: links.length, head: links.at(-1)?.link ?? '' }
  const statement = prepareSeal(content, chain, place.sealed_at)
  const draft = { content, links, statement }
  if (limits !== null) readEnvelope(sealedDraft(draft, unsigned(statement, key_id)), limits)
  return draft
}

export function draftedOf({ content, links, statement }: Draft): Drafted {
  return {
    definition: content.opening.definition.name,
    outcome: content.closing.outcome,
    head: links.at(-1)?.link ?? '',
    statement,
  }
}

/** What is said to the thread: facts in as many pieces as it takes, then the order, then the seal. */
export type ToDrafter = { facts: readonly RecordedFact[] } | { order: DraftOrder } | { seal: Seal }

export type FromDrafter =
  | { drafted: Drafted }
  | { bytes: Uint8Array<ArrayBuffer> }
  | { refused: { code: FaultCode; message: string; where: string } }
  | { damaged: string }

export function sealedDraft({ content, links }: Draft, seal: Seal): Uint8Array<ArrayBuffer> {
  return assembleEnvelope(content, links, seal)
}

function documentOf(
  facts: readonly RecordedFact[],
  { seal_seq, previous }: Place,
): { content: Content; links: Link[] } {
  const [first] = facts
  const end = facts.map(({ fact }) => endOf(fact)).find((end) => end !== null)
  if (first?.fact.type !== 'run_started' || !end)
    throw new StorageError('damaged', 'the record has no beginning or no end')
  const recorded = facts.flatMap(({ fact }) => entryOf(fact))
  const { evidence_id, run_id, opening } = first.fact
  const content = buildContent({
    evidence_id,
    run_id,
    opening,
    recorded,
    closing: { state: 'Still', ...end, counts: countsOf(recorded), seal_seq, previous },
  })
  return { content, links: linksOf(content, facts) }
}

function entryOf(fact: Fact): RecordedEntry[] {
  if (fact.type === 'step_finished') return [{ kind: 'step', body: fact.entry }]
  return fact.type === 'gate_resolved' ? [{ kind: 'gate', body: fact.entry }] : []
}

function endOf(fact: Fact): Pick<Closing, 'outcome' | 'finished_at' | 'reason' | 'totals'> | null {
  const finished_at = fact.timestamp
  switch (fact.type) {
    case 'run_succeeded':
      return { outcome: 'succeeded', finished_at, ...totalsIn(fact) }
    case 'run_failed':
      return { outcome: 'failed', finished_at, reason: fact.reason, ...totalsIn(fact) }
    case 'run_aborted':
      return { outcome: 'aborted', finished_at, reason: fact.reason, ...totalsIn(fact) }
    case 'run_started':
    case 'step_started':
    case 'step_finished':
    case 'needs_input':
    case 'gate_decided':
    case 'gate_resolved':
    case 'abort_asked':
    case 'run_finalized':
    case 'seal_failed':
      return null
  }
}

const totalsIn = ({ totals }: { totals?: Totals | undefined }) => (totals ? { totals } : {})

// The links of the entries are those that were recorded while the run grew, or nothing is sealed.
function linksOf(content: Content, facts: readonly RecordedFact[]): Link[] {
  const recorded = facts.flatMap(({ link }) => link ?? [])
  let state = openChain(content.evidence_id, content.run_id)
  const links: Link[] = []
  for (const { kind, body, seq } of entriesOf(content)) {
    const extended = extendChain(state, kind, body)
    state = extended.state
    if (seq < recorded.length && extended.link.link !== recorded[seq])
      throw new StorageError('damaged', `entry ${seq} is not the one that was recorded`)
    links.push(extended.link)
  }
  return links
}

/** As long as the seal that will be. */
function unsigned(statement: Uint8Array, key_id: string): Seal {
  return {
    payloadType: 'application/vnd.in-toto+json',
    payload: encodeBase64(statement),
    signatures: [{ keyid: key_id, sig: encodeBase64(new Uint8Array(64)) }],
  }
}
