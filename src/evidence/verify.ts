import {
  DSSE_PAYLOAD_TYPE,
  type Envelope,
  LIMITS,
  type Limits,
  Statement,
} from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { type VerdictWord } from '#contract/status.ts'
import { TRUST_SOURCE, type TrustSource } from '#contract/trust.ts'
import { decodeBase64 } from './base64.ts'
import { canonicalize, utf8 } from './canonical.ts'
import {
  type ChainState,
  entriesOf,
  type Entry,
  extendChain,
  linkDigest,
  linkPreimage,
  openChain,
} from './chain.ts'
import { type Claim, type ClaimCode, claimOf, CODE, fails, firstOf } from './claims.ts'
import { checkConsistency } from './consistency.ts'
import { sha256OfMany } from './digest.ts'
import { verifyDsse } from './dsse.ts'
import { checkExpectations, type Expectation } from './expectations.ts'
import { EvidenceError } from './fault.ts'
import { checkGates } from './gate.ts'
import { readEnvelope } from './read.ts'
import { statementOf } from './seal.ts'
import { shellForContent, shellForEntry, shellForLink, shellForSeal } from './shell.ts'
import { findKey, type TrustedKey, trustFault, type Trusted } from './trust.ts'

/** What the reader brings. Nothing of it comes from the file. */
export type VerifyOptions = {
  readonly trust: readonly Trusted[]
  /** What was asked for, where the file answers a question. */
  readonly asked?: { readonly run_id?: string; readonly evidence_id?: string }
  readonly expect?: readonly Expectation[]
  /** Heads of envelopes that the reader verified before. */
  readonly previous?: readonly HeldEnvelope[]
  readonly limits?: Limits
  /** Told each stage as it begins. */
  readonly onProgress?: (stage: Stage) => void
  /** Between two stages; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
}

export type Stage = 'read' | 'chain' | 'content' | 'seal' | 'record'

/** `server` is the id of its sealing key: each server counts its own series. */
export type HeldEnvelope = {
  readonly server: string
  readonly evidence_id: string
  readonly head: string
  readonly seal_seq: number
}

/** Never a boolean and never a score: a list of claims, each with what it does not prove. */
export type Verification = {
  readonly verdict: VerdictWord
  readonly claims: readonly Claim[]
  /** null as soon as one claim does not verify. */
  readonly envelope: VerifiedEnvelope | null
  /** The key whose signature is on the seal, if the reader has that key and the signature is right. */
  readonly sealed_by: {
    readonly key_id: string
    readonly source: TrustSource
    readonly name?: string
  } | null
}

declare const verified: unique symbol
/** Made here and nowhere else, so that no screen can draw as evidence what was not verified. */
export type VerifiedEnvelope = Envelope & { readonly [verified]: true }

/**
 * Is this file what it says it is, and is it what the reader asked for? Bad evidence is an answer, never an exception.
 * Structural faults end it: of a file that can be read in two ways, nothing can be claimed.
 */
export async function verifyEnvelope(
  bytes: Uint8Array,
  options: VerifyOptions,
): Promise<Verification> {
  const stage = (name: Stage): void => {
    options.signal?.throwIfAborted()
    options.onProgress?.(name)
  }

  stage('read')
  const read = tryRead(bytes, options.limits ?? LIMITS)
  if (!read.ok) return refused(read.claim)
  const { envelope } = read
  const entries = [...entriesOf(envelope)]
  const { trust, claims: trustClaims } = usableTrust(options.trust)

  stage('chain')
  const chain = checkChain(envelope, entries)

  stage('content')
  const content = await checkContent(envelope)

  stage('seal')
  const seal = await checkSeal(envelope, trust)
  const binding = checkBinding(envelope, chain.state, content.digest)

  stage('record')
  const gates = [...checkGates(envelope, entries, chain.links)]
  const claims = [
    ...trustClaims,
    ...chain.claims,
    content.claim,
    seal.claim,
    binding,
    ...checkAsked(envelope, options.asked ?? {}),
    ...checkConsistency(envelope, entries),
    ...gates,
    checkPrevious(envelope, chain.state.head, options.previous ?? []),
    ...checkExpectations(envelope, options.expect ?? [], trust, gates),
  ]
  const verdict = verdictOf(claims)
  return {
    verdict,
    claims,
    envelope: verdict === 'does not verify' ? null : markVerified(envelope),
    sealed_by: seal.by,
  }
}

/** `proven` is for what all readers need and this one asked for; what only some runs have does not keep it back. */
function verdictOf(claims: readonly Claim[]): VerdictWord {
  if (claims.some(fails)) return 'does not verify'
  const isProven = claims.every(({ claim, code, state }) => {
    switch (claim) {
      case 'chain':
      case 'content':
      case 'seal':
      case 'binding':
      case 'consistency':
        return state === 'proven'
      case 'asked':
        return state === 'proven' || code === 'nothing-asked'
      case 'expectations':
        return state === 'proven' || code === 'nothing-required'
      // Refused trust may have held a requirement that this file would not meet.
      case 'trust':
        return false
      case 'bytes':
      case 'canonical':
      case 'schema':
      case 'coverage':
      case 'gate':
      case 'gate-signature':
      case 'four-eyes':
      case 'previous':
        return true
    }
  })
  return isProven ? 'proven' : 'not proven'
}

function markVerified(envelope: Envelope): VerifiedEnvelope {
  // oxlint-disable-next-line typescript/consistent-type-assertions, typescript/no-unsafe-type-assertion -- the one cast in the house: the mark of the verifier
  return envelope as VerifiedEnvelope
}

// —— structure

function tryRead(
  bytes: Uint8Array,
  limits: Limits,
): { ok: true; envelope: Envelope } | { ok: false; claim: Claim } {
  try {
    return { ok: true, envelope: readEnvelope(bytes, limits) }
  } catch (fault) {
    if (!(fault instanceof EvidenceError) || !isClaimCode(fault.code)) throw fault
    const message = `This file does not verify: ${fault.message}.`
    return { ok: false, claim: claimOf(fault.code, { where: fault.where, message }) }
  }
}

const isClaimCode = (code: string): code is ClaimCode => Object.hasOwn(CODE, code)

function refused(claim: Claim): Verification {
  const verdict = claim.claim === 'bytes' ? 'not an envelope' : 'does not verify'
  return { verdict, claims: [claim], envelope: null, sealed_by: null }
}

function usableTrust(trust: readonly Trusted[]): { trust: Trusted[]; claims: Claim[] } {
  const judged = trust.map((trusted) => ({ trusted, fault: trustFault(trusted.file) }))
  return {
    trust: judged.flatMap(({ trusted, fault }) => (fault === null ? [trusted] : [])),
    claims: judged.flatMap(({ trusted, fault }) =>
      fault === null
        ? []
        : [
            claimOf('trust-file-refused', {
              message: `A trust file (${TRUST_SOURCE[trusted.source].label}) was not used: ${fault}.`,
            }),
          ],
    ),
  }
}

// —— chain

/**
 * Recomputes the chain from the entries alone, for all that follows. The stored links are walked beside it, each against
 * the stored one before it, so that a change shows where it is and not in everything after it.
 */
function checkChain(
  envelope: Envelope,
  entries: readonly Entry[],
): { claims: Claim[]; links: string[]; state: ChainState } {
  const { links: stored, head } = envelope.integrity.hash_chain
  let state = openChain(envelope.evidence_id, envelope.run_id)
  let prev = state.head
  const links: string[] = []
  const faults: Claim[] = []
  for (const [seq, { kind, body, where }] of entries.entries()) {
    const known = stored[seq]
    if (known === undefined) break
    const { state: next, link } = extendChain(state, kind, body)
    if (known.entry !== link.entry) {
      const message = `Entry ${seq} (${kind}) is not the one that was linked.`
      faults.push(
        claimOf('entry-changed', {
          where,
          message,
          expected: known.entry,
          actual: link.entry,
          shell: shellForEntry({ kind, where }),
          ...stepOf(body),
        }),
      )
    }
    const fields = { seq, prev, kind, entry: known.entry }
    const isSame = prev === state.head && known.entry === link.entry
    const expected = isSame ? link.link : linkDigest(fields)
    if (known.link !== expected) {
      const at = `/integrity/hash_chain/links/${seq}/link`
      const message = `Link ${seq} does not follow from the link before it and its entry.`
      faults.push(
        claimOf('link-broken', {
          where: at,
          message,
          expected,
          actual: known.link,
          preimage: linkPreimage(fields),
          shell: shellForLink(fields),
        }),
      )
    }
    prev = known.link
    state = next
    links.push(link.link)
  }
  if (head !== prev) {
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
    claims: faults.length > 0 ? firstOf(faults) : [wholeChain(envelope, links)],
    links,
    state,
  }
}

const stepOf = (body: object): { step_id?: string } =>
  'step_id' in body && typeof body.step_id === 'string' ? { step_id: body.step_id } : {}

function wholeChain({ integrity }: Envelope, links: readonly string[]): Claim {
  const { links: stored } = integrity.hash_chain
  const last = stored.at(-1)
  const message = `All ${links.length} entries are as they were linked, up to the head.`
  if (last === undefined) return claimOf('chain-whole', { message })
  const fields = { seq: last.seq, prev: links.at(-2) ?? '', kind: last.kind, entry: last.entry }
  return claimOf('chain-whole', {
    message,
    where: '/integrity/hash_chain',
    actual: last.link,
    preimage: linkPreimage(fields),
    shell: `${shellForEntry({ kind: 'closing', where: '/closing' })}\n${shellForLink(fields)}`,
  })
}

// —— content

async function checkContent({
  integrity,
  ...content
}: Envelope): Promise<{ claim: Claim; digest: string }> {
  const digest = await sha256OfMany(utf8(canonicalize(content)))
  const at = {
    where: '/integrity/content_sha256',
    expected: integrity.content_sha256,
    actual: digest,
    shell: shellForContent(),
  }
  const claim =
    digest === integrity.content_sha256
      ? claimOf('content-whole', { ...at, message: 'The document has the digest that it says.' })
      : claimOf('content-differs', {
          ...at,
          message: 'The document has another digest than it says.',
        })
  return { claim, digest }
}

// —— seal

/** The signature alone. A wrong one is wrong by whoever's key; a right one proves something by a pinned key only. */
async function checkSeal(
  { integrity: { seal }, closing }: Envelope,
  trust: readonly Trusted[],
): Promise<{ claim: Claim; by: Verification['sealed_by'] }> {
  const where = '/integrity/seal'
  const keyid = seal.signatures[0]?.keyid ?? ''
  const trusted = findKey(trust, keyid, closing.seal_seq)
  if (trusted === null) {
    const message = `The seal names the key ${keyid}, which you do not have.`
    return { claim: claimOf('key-unknown', { where, message }), by: null }
  }
  const { key, public_key, source } = trusted
  const result = await verifyDsse(seal, {
    keys: [{ key_id: keyid, public_key }],
    threshold: 1,
    payloadTypes: [DSSE_PAYLOAD_TYPE],
  })
  if (!result.ok) {
    const message = `The signature is not one of the key ${keyid} over this seal.`
    return { claim: claimOf('signature-wrong', { where, message }), by: null }
  }
  const shell = shellForSeal(public_key, result.payload.length)
  const by = { key_id: keyid, source, ...(key.name !== undefined && { name: key.name }) }
  return { claim: claimOf(codeOf(trusted), { where, message: sealSentence(trusted), shell }), by }
}

function codeOf({ key, source, counts }: TrustedKey): ClaimCode {
  if (!counts) return key.status === 'revoked' ? 'key-revoked' : 'key-retired'
  switch (source) {
    case 'pinned':
      return 'seal-signed'
    case 'first_seen':
      return 'key-first-seen'
    case 'offered':
      return 'key-offered'
  }
}

function sealSentence({ key, source, counts }: TrustedKey): string {
  const { label, proves } = TRUST_SOURCE[source]
  const by = `The seal is signed by the key ${key.key_id} (${label})`
  if (!counts) return `${by}, which is ${key.status} and does not count for this envelope.`
  return proves ? `${by}.` : `${by}: that the key is the server’s is not checked.`
}

/** What was signed is this document, this chain and this server: rebuilt from our own recomputation, byte for byte. */
function checkBinding(envelope: Envelope, { head, seq: count }: ChainState, digest: string): Claim {
  const { seal } = envelope.integrity
  const where = '/integrity/seal/payload'
  const text = payloadText(seal.payload)
  const statement = parseJson(Statement, text)
  if (!statement.ok)
    return claimOf('statement-unreadable', {
      where,
      message: 'The seal is over no statement about an envelope.',
    })
  const { sealed_at } = statement.value.predicate
  const rebuilt = canonicalize(statementOf(envelope, digest, { count, head }, sealed_at))
  if (text !== rebuilt) {
    return claimOf('statement-differs', {
      where,
      message: 'The seal is about another document or another chain.',
      expected: rebuilt,
      actual: text,
    })
  }
  const { server } = envelope.opening
  const keyid = seal.signatures[0]?.keyid ?? ''
  if (server !== keyid) {
    return claimOf('server-differs', {
      where: '/opening/server',
      message: 'The run was recorded under another key than the one that sealed it.',
      expected: keyid,
      actual: server,
    })
  }
  return claimOf('seal-bound', {
    where,
    message: `The seal is about this document, this chain and this server’s key. Sealed at ${sealed_at} by the server’s clock.`,
  })
}

// '' for what is no text: no statement then.
function payloadText(payload: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(decodeBase64(payload))
  } catch (fault) {
    if (fault instanceof EvidenceError || fault instanceof TypeError) return ''
    throw fault
  }
}

// —— asked, previous

function* checkAsked(
  envelope: Envelope,
  asked: NonNullable<VerifyOptions['asked']>,
): Generator<Claim> {
  const pairs = [
    ['run_id', 'run-differs', asked.run_id],
    ['evidence_id', 'evidence-differs', asked.evidence_id],
  ] as const
  let isAsked = false
  for (const [member, code, expected] of pairs) {
    if (expected === undefined) continue
    isAsked = true
    const actual = envelope[member]
    const at = { where: `/${member}`, expected, actual }
    yield actual === expected
      ? claimOf('asked-fits', { ...at, message: `The ${member} is the one that you asked for.` })
      : claimOf(code, { ...at, message: `This is a record, but not the one that you asked for.` })
  }
  if (!isAsked)
    yield claimOf('nothing-asked', {
      message: 'You did not say which run or evidence you asked for.',
    })
}

/** Against what the reader holds of this server's series: a removal leaves a hole, a second version is a fork. */
function checkPrevious(
  { evidence_id, opening, closing }: Envelope,
  head: string,
  held: readonly HeldEnvelope[],
): Claim {
  const { previous, seal_seq } = closing
  const at = { where: '/closing/previous' }
  const series = held.filter(({ server }) => server === opening.server)
  const fork = series.find((other) =>
    other.evidence_id === evidence_id
      ? other.head !== head || other.seal_seq !== seal_seq
      : other.seal_seq === seal_seq,
  )
  if (fork !== undefined) {
    return claimOf('fork', {
      ...at,
      message: `You hold another envelope in this place: the server sealed two.`,
      expected: fork.head,
      actual: head,
    })
  }
  if (previous === null)
    return claimOf('first-in-series', {
      ...at,
      message: 'It says that it is the first envelope of its server.',
    })
  const before = series.find(
    (other) => other.seal_seq === seal_seq - 1 || other.evidence_id === previous.evidence_id,
  )
  if (before === undefined) {
    return claimOf('previous-not-held', {
      ...at,
      message: `You do not hold the envelope before it, ${previous.evidence_id}.`,
    })
  }
  const follows =
    before.head === previous.head &&
    before.evidence_id === previous.evidence_id &&
    before.seal_seq === seal_seq - 1
  const pair = { ...at, expected: before.head, actual: previous.head }
  return follows
    ? claimOf('follows-held', {
        ...pair,
        message: `It follows ${previous.evidence_id}, which you hold.`,
      })
    : claimOf('previous-differs', {
        ...pair,
        message: 'It follows another envelope than the one that you hold.',
      })
}
