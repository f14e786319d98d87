import { type ClaimState } from '#contract/status.ts'
import { utf8 } from './canonical.ts'
import { counted } from './counted.ts'

/**
 * Everything a verdict can say. `proves` and `proves_not` are what a person reads under a claim: the second is as much
 * a part of the verdict as the first. `keepsBack` are the states in which a claim keeps the verdict from being proven:
 * what all readers need does so, and what this one asked for; what only some runs have does not.
 */
export const CLAIM = {
  bytes: {
    title: 'Readable file',
    proves: 'The file is one JSON document and says that it is an evidence envelope.',
    proves_not: 'Anything about what it says.',
    keepsBack: [],
  },
  canonical: {
    title: 'One reading only',
    proves: 'The bytes can be read in one way only.',
    proves_not: 'Anything about what they say.',
    keepsBack: [],
  },
  schema: {
    title: 'No unknown parts',
    proves: 'The document has every member that version 1 asks for, and no other.',
    proves_not: 'Anything about what the members say.',
    keepsBack: [],
  },
  coverage: {
    title: 'Nothing outside the chain',
    proves:
      'Every member of the document is under exactly one link of the chain, but for the order of the entries, which is that of the links, and the chain and the seal themselves.',
    proves_not: 'That the links are right.',
    keepsBack: [],
  },
  trust: {
    title: 'Trust file',
    // It may have held a requirement that this file would not meet.
    proves: 'The trust file can be relied on.',
    proves_not: 'Anything about this envelope.',
    keepsBack: ['not checked'],
  },
  chain: {
    title: 'Hash chain',
    proves:
      'The chain in this file is made of these entries in this order: none can be changed, removed, added or moved without making another chain.',
    proves_not:
      'Who made the chain: anyone can make a new one, and only the seal says whose it is.',
    keepsBack: ['not present', 'not checked'],
  },
  content: {
    title: 'Document unchanged',
    proves: 'The document is the one that its digest, a short fingerprint of it, was made of.',
    proves_not: 'Who made the digest: only the seal says whose it is.',
    keepsBack: ['not present', 'not checked'],
  },
  seal: {
    title: 'Seal signature',
    proves: 'The holder of the named key signed this seal.',
    proves_not:
      'That what was recorded is true, that everything was recorded, or who held the key. Where runs are not isolated, a run could read it.',
    keepsBack: ['not present', 'not checked'],
  },
  binding: {
    title: 'Seal fits this file',
    proves: 'The seal is about this document, this chain and this server’s key, and nothing else.',
    proves_not:
      'When it was sealed: the time is what the server’s clock, or whoever has its key, says.',
    keepsBack: ['not present', 'not checked'],
  },
  asked: {
    title: 'Asked for',
    proves: 'The record has the ids that you asked for.',
    proves_not:
      'Whose word that is: only the seal says so. Nor that there is no other record of the same run.',
    keepsBack: ['not checked'],
  },
  consistency: {
    title: 'Agrees with itself',
    proves:
      'The entries agree with the plan, with each other and with how the run is said to have ended.',
    proves_not:
      'That it happened so: whoever has the sealing key can write entries that agree. That a step did what its exit code says, that the files executed were those of the commit, what was masked, or that times are right.',
    keepsBack: ['not present', 'not checked'],
  },
  gate: {
    title: 'Gate',
    proves:
      'The decisions are about this run, this question, this policy and what the run had done until then.',
    proves_not:
      'That a person decided, that they had the role, what their screen showed, or that no refusal was dropped and asked again.',
    keepsBack: [],
  },
  'gate-signature': {
    title: 'Signature of the decision',
    proves: 'The passkey that you pinned for the approver signed the decision.',
    proves_not: 'Who held the key, or what their screen showed.',
    keepsBack: [],
  },
  'four-eyes': {
    title: 'Four eyes',
    proves:
      'By the names in the record, nobody who started the run, or a run that it repeats, decided.',
    proves_not:
      'That two names are two persons, or that it was those who are named: without a passkey that is the server’s word.',
    keepsBack: [],
  },
  lineage: {
    title: 'Run that it repeats',
    proves: 'Who started the run that this one repeats is as the record says that you hold.',
    proves_not: 'That what was taken over was done as it says: that is in the other record.',
    keepsBack: [],
  },
  previous: {
    title: 'Place in the series',
    proves: 'The envelope follows the one that you hold.',
    proves_not: 'That no later envelope is withheld.',
    keepsBack: [],
  },
  expectations: {
    title: 'Expectations',
    proves: 'What you required is so.',
    proves_not: 'Anything that you did not require.',
    keepsBack: ['not checked'],
  },
  cells: {
    title: 'Cells in a part',
    proves:
      'Each derived cell that is kept beside the record was counted: they are as many, and come to the totals, as it says.',
    proves_not: 'That a value is right, or how many cells were skipped.',
    keepsBack: [],
  },
  attached: {
    title: 'Log or artifact',
    proves: 'These are the bytes that the step’s entry has the digest of.',
    proves_not:
      'That the step wrote nothing else, or what was masked before it was kept. For a file, that it does what it should.',
    keepsBack: [],
  },
} as const satisfies Record<
  string,
  { title: string; proves: string; proves_not: string; keepsBack: readonly ClaimState[] }
>
export type ClaimName = keyof typeof CLAIM

/**
 * Each thing that a verifier can find, the claim it is about and what it makes of it. Closed: `--json` prints these.
 * `open` is what it leaves open, for who does not know the titles.
 */
export const CODE = {
  'too-large': { claim: 'bytes', state: 'does not verify' },
  'byte-order-mark': { claim: 'bytes', state: 'does not verify' },
  'not-utf8': { claim: 'bytes', state: 'does not verify' },
  'not-json': { claim: 'bytes', state: 'does not verify' },
  'not-an-envelope': { claim: 'bytes', state: 'does not verify' },
  'too-deep': { claim: 'canonical', state: 'does not verify' },
  'key-not-allowed': { claim: 'canonical', state: 'does not verify' },
  'key-escaped': { claim: 'canonical', state: 'does not verify' },
  'not-writable': { claim: 'canonical', state: 'does not verify' },
  'not-canonical': { claim: 'canonical', state: 'does not verify' },
  'schema-violated': { claim: 'schema', state: 'does not verify' },
  'over-limit': { claim: 'schema', state: 'does not verify' },
  'coverage-broken': { claim: 'coverage', state: 'does not verify' },

  'trust-file-refused': {
    claim: 'trust',
    state: 'not checked',
    open: 'a trust file that was refused',
  },
  'trust-unread': {
    claim: 'trust',
    state: 'not checked',
    open: 'whom you trust and what you require, which could not be read',
  },

  'chain-whole': { claim: 'chain', state: 'proven' },
  'entry-changed': { claim: 'chain', state: 'does not verify' },
  'link-broken': { claim: 'chain', state: 'does not verify' },
  'head-differs': { claim: 'chain', state: 'does not verify' },

  'content-whole': { claim: 'content', state: 'proven' },
  'content-differs': { claim: 'content', state: 'does not verify' },

  'seal-signed': { claim: 'seal', state: 'proven' },
  'key-unknown': { claim: 'seal', state: 'not checked', open: 'whose seal it is' },
  'key-refused': { claim: 'seal', state: 'not checked', open: 'whose seal it is' },
  'key-first-seen': { claim: 'seal', state: 'not checked', open: 'whose key sealed it' },
  'key-offered': { claim: 'seal', state: 'not checked', open: 'whose key sealed it' },
  'key-retired': { claim: 'seal', state: 'does not verify' },
  'key-revoked': { claim: 'seal', state: 'does not verify' },
  'signature-wrong': { claim: 'seal', state: 'does not verify' },

  'seal-bound': { claim: 'binding', state: 'proven' },
  'statement-unreadable': { claim: 'binding', state: 'does not verify' },
  'statement-differs': { claim: 'binding', state: 'does not verify' },
  'sealed-early': { claim: 'binding', state: 'does not verify' },
  'server-differs': { claim: 'binding', state: 'does not verify' },

  'asked-fits': { claim: 'asked', state: 'proven' },
  'nothing-asked': { claim: 'asked', state: 'not present', open: 'any id that you asked for' },
  'run-differs': { claim: 'asked', state: 'does not verify' },
  'evidence-differs': { claim: 'asked', state: 'does not verify' },

  'entries-agree': { claim: 'consistency', state: 'proven' },
  'plan-broken': { claim: 'consistency', state: 'does not verify' },
  'not-in-plan': { claim: 'consistency', state: 'does not verify' },
  'plan-differs': { claim: 'consistency', state: 'does not verify' },
  repeated: { claim: 'consistency', state: 'does not verify' },
  'attempts-broken': { claim: 'consistency', state: 'does not verify' },
  'needs-broken': { claim: 'consistency', state: 'does not verify' },
  'result-broken': { claim: 'consistency', state: 'does not verify' },
  'log-broken': { claim: 'consistency', state: 'does not verify' },
  'times-broken': { claim: 'consistency', state: 'does not verify' },
  'lineage-broken': { claim: 'consistency', state: 'does not verify' },
  'outcome-differs': { claim: 'consistency', state: 'does not verify' },
  'reason-broken': { claim: 'consistency', state: 'does not verify' },
  'counts-differ': { claim: 'consistency', state: 'does not verify' },
  'totals-differ': { claim: 'consistency', state: 'does not verify' },
  'series-broken': { claim: 'consistency', state: 'does not verify' },

  'gate-recorded': { claim: 'gate', state: 'proven' },
  'decision-unbound': { claim: 'gate', state: 'does not verify' },
  'prefix-wrong': { claim: 'gate', state: 'does not verify' },
  'shown-differs': { claim: 'gate', state: 'does not verify' },
  'base-unchecked': {
    claim: 'gate',
    state: 'not checked',
    open: 'the record that a difference was shown from',
  },
  'expiry-broken': { claim: 'gate', state: 'does not verify' },
  'nonce-repeated': { claim: 'gate', state: 'does not verify' },
  'approver-repeated': { claim: 'gate', state: 'does not verify' },
  'approver-not-allowed': { claim: 'gate', state: 'does not verify' },
  'approver-unknown': {
    claim: 'gate',
    state: 'not checked',
    open: 'whether an approver is one who may decide',
  },
  'inputs-broken': { claim: 'gate', state: 'does not verify' },
  'gate-outcome-differs': { claim: 'gate', state: 'does not verify' },

  'decision-unsigned': {
    claim: 'gate-signature',
    state: 'not present',
    open: 'a person’s signature of each decision',
  },
  'decision-signed': { claim: 'gate-signature', state: 'proven' },
  'origin-disputed': {
    claim: 'gate-signature',
    state: 'not checked',
    open: 'where a passkey signs',
  },
  'decision-of-several': {
    claim: 'gate-signature',
    state: 'not checked',
    open: 'which gate a signature is for',
  },
  'passkey-unchecked': {
    claim: 'gate-signature',
    state: 'not checked',
    open: 'a passkey’s signature',
  },
  'passkey-missing': { claim: 'gate-signature', state: 'does not verify' },
  'assertion-unreadable': { claim: 'gate-signature', state: 'does not verify' },
  'assertion-unbound': { claim: 'gate-signature', state: 'does not verify' },
  'origin-refused': { claim: 'gate-signature', state: 'does not verify' },
  'user-not-verified': { claim: 'gate-signature', state: 'does not verify' },
  'credential-differs': { claim: 'gate-signature', state: 'does not verify' },
  'decision-signature-wrong': { claim: 'gate-signature', state: 'does not verify' },
  'approver-not-entitled': { claim: 'gate-signature', state: 'does not verify' },
  'approver-retired': { claim: 'gate-signature', state: 'does not verify' },
  'approver-revoked': { claim: 'gate-signature', state: 'does not verify' },

  'others-decided': { claim: 'four-eyes', state: 'proven' },
  'owner-unknown': {
    claim: 'four-eyes',
    state: 'not checked',
    open: 'that nobody approved their own run',
  },
  'starter-decided': { claim: 'four-eyes', state: 'does not verify' },
  'starter-without-owner': { claim: 'four-eyes', state: 'does not verify' },

  'lineage-agrees': { claim: 'lineage', state: 'proven' },
  'lineage-unchecked': { claim: 'lineage', state: 'not checked', open: 'the run that it repeats' },
  'lineage-differs': { claim: 'lineage', state: 'does not verify' },

  'follows-held': { claim: 'previous', state: 'proven' },
  'first-in-series': { claim: 'previous', state: 'not present', open: 'a record before it' },
  'previous-not-held': {
    claim: 'previous',
    state: 'not checked',
    open: 'which record came before',
  },
  'place-unsealed': {
    claim: 'previous',
    state: 'not checked',
    open: 'its place among your records',
  },
  'previous-differs': { claim: 'previous', state: 'does not verify' },
  fork: { claim: 'previous', state: 'does not verify' },

  'expectation-holds': { claim: 'expectations', state: 'proven' },
  'nothing-required': {
    claim: 'expectations',
    state: 'not present',
    open: 'any requirement of yours about gates',
  },
  'another-definition': {
    claim: 'expectations',
    state: 'not checked',
    open: 'which definition it is a run of',
  },
  'requirement-unchecked': {
    claim: 'expectations',
    state: 'not checked',
    open: 'all that you required',
  },
  'expectation-fails': { claim: 'expectations', state: 'does not verify' },
  'definition-differs': { claim: 'expectations', state: 'does not verify' },
  'another-plan': { claim: 'expectations', state: 'does not verify' },
  'gate-missing': { claim: 'expectations', state: 'does not verify' },
  'gate-weaker': { claim: 'expectations', state: 'does not verify' },

  'cells-agree': { claim: 'cells', state: 'proven' },
  'cells-unchecked': {
    claim: 'cells',
    state: 'not checked',
    open: 'cells that are kept beside it',
  },
  'cells-differ': { claim: 'cells', state: 'does not verify' },

  'attached-whole': { claim: 'attached', state: 'proven' },
  'attached-renamed': { claim: 'attached', state: 'not checked', open: 'files under another name' },
  'attached-missing': {
    claim: 'attached',
    state: 'not checked',
    open: 'logs and artifacts that are not here',
  },
  'attached-differs': { claim: 'attached', state: 'does not verify' },
  'attached-unknown': { claim: 'attached', state: 'does not verify' },
} as const satisfies Record<
  string,
  | { claim: ClaimName; state: 'proven' | 'does not verify' }
  | { claim: ClaimName; state: 'not checked' | 'not present'; open: string }
>
export type ClaimCode = keyof typeof CODE

/** One thing found. Screens, `--json` and tests read the same. */
export type Claim = {
  readonly claim: ClaimName
  readonly state: ClaimState
  readonly code: ClaimCode
  /** JSON pointer into the document, '' for the whole of it. */
  readonly where: string
  /** A plain sentence. */
  readonly message: string
  /** Step or gate of the plan that it is about. */
  readonly step_id?: string
  readonly expected?: string
  readonly actual?: string
  readonly proves_not: string
  /** It is proven by a key that counts for this record by the number that the record gives itself. */
  readonly ended?: 'retired' | 'revoked'
  /** The text whose digest is claimed, its beginning where it is long. It may be of a run. */
  readonly preimage?: string
  /** Lines that redo it on `envelope.json`. Our words, integers, hex and base64, and ids of the reader's own files. */
  readonly shell?: string
}

export function claimOf(
  code: ClaimCode,
  found: Pick<Claim, 'message'> & Partial<Omit<Claim, 'claim' | 'state' | 'code' | 'proves_not'>>,
): Claim {
  const { claim, state } = CODE[code]
  const { message, where = '' } = found
  const [expected, actual] = fromWhereTheyDiffer(found.expected, found.actual)
  return {
    claim,
    state,
    code,
    proves_not: CLAIM[claim].proves_not,
    ...found,
    message: shortened(message, MOST_OF_A_MESSAGE),
    where: where.length > MOST_OF_A_PLACE ? '' : where,
    ...(expected !== undefined && { expected: shortened(expected, MOST_OF_A_PREIMAGE) }),
    ...(actual !== undefined && { actual: shortened(actual, MOST_OF_A_PREIMAGE) }),
  }
}

// What a fault repeats of a forged file, a key or a list of names, may be as long as the file.
const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}…` : text

/** Of two long texts that begin as one, the beginnings would show nothing. */
function fromWhereTheyDiffer(
  expected: string | undefined,
  actual: string | undefined,
): [string | undefined, string | undefined] {
  if (expected === undefined || actual === undefined || expected === actual)
    return [expected, actual]
  const most = Math.min(expected.length, actual.length)
  let same = 0
  while (same < most && expected[same] === actual[same]) same += 1
  const from = same - SAME_BEFORE
  return same < MOST_OF_A_PREIMAGE / 2
    ? [expected, actual]
    : [`…${expected.slice(from)}`, `…${actual.slice(from)}`]
}
const SAME_BEFORE = 100
const MOST_OF_A_MESSAGE = 1000
const MOST_OF_A_PLACE = 1000

const MOST_OF_A_PREIMAGE = 2000

/** A preimage that a person can look at: `bytes` is how long it is, where `text` is not all of it. */
export const beginningOf = (text: string, bytes?: number): string =>
  text.length > MOST_OF_A_PREIMAGE
    ? `${text.slice(0, MOST_OF_A_PREIMAGE)}… (the beginning of ${counted(bytes ?? utf8(text).length, 'byte')})`
    : text

/** The same of bytes, of which there may be no more than the beginning. */
export const beginningIn = (bytes: Uint8Array, length = bytes.length): string =>
  beginningOf(decoder.decode(bytes.subarray(0, 4 * MOST_OF_A_PREIMAGE)), length)

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export const fails = ({ state }: Claim): boolean => state === 'does not verify'

export function keepsBack({ claim, state }: Claim): boolean {
  const states: readonly ClaimState[] = CLAIM[claim].keepsBack
  return states.includes(state)
}

/** Of a long list of faults of one sort only so many are listed: a forged file must not write a verdict of its own size. */
const MOST_FAULTS = 100

export function firstOf(claims: Iterable<Claim>): Claim[] {
  const first: Claim[] = []
  addFirst(first, claims)
  return first
}

/** The same for a list that comes in parts. */
export function addFirst(first: Claim[], claims: Iterable<Claim>): void {
  if (isFull(first)) return
  for (const claim of claims) {
    first.push(claim)
    if (isFull(first)) return
  }
}

/**
 * Is this one listed? For what comes of many gates, of which a forged file may resolve one over and over, or many that no
 * plan has. The first fault of each sort of a planned gate always is: by it the gate is known not to have been kept.
 */
export function firstOfEachSort(
  planned: readonly { readonly step_id: string }[],
): (claim: Claim) => boolean {
  const gates = new Set(planned.map(({ step_id }) => step_id))
  const counts = new Map<string, number>()
  const countOf = (sort: string): number => {
    const count = (counts.get(sort) ?? 0) + 1
    counts.set(sort, count)
    return count
  }
  return (claim) => {
    const { code, step_id = '' } = claim
    const ofAll = countOf(code)
    const ofGate = gates.has(step_id) ? countOf(`${code} ${step_id}`) : Infinity
    // No gate has more decisions than its quorum, and so no more of what is no fault.
    return ofAll <= MOST_FAULTS || ofGate <= (fails(claim) ? 1 : MOST_FAULTS)
  }
}

export const isFull = (first: readonly Claim[]): boolean => first.length >= MOST_FAULTS
