import { type Envelope, LIMITS, type Limits } from '#contract/envelope.ts'
import { type VerdictWord } from '#contract/status.ts'
import { parseToFirstFault } from '#contract/parse.ts'
import { TRUST_SOURCE, TrustFile } from '#contract/trust.ts'
import { comparedAt } from './bytes-break.ts'
import { cellsAway } from './cells.ts'
import {
  type Claim,
  type ClaimCode,
  type ClaimName,
  claimOf,
  CODE,
  fails,
  keepsBack,
} from './claims.ts'
import { watchConsistency } from './consistency.ts'
import { checkExpectations, type Expectation } from './expectations.ts'
import { EvidenceError } from './fault.ts'
import { type Document, type Entries } from './document.ts'
import { checkGates, watchGates } from './gate.ts'
import { checkChain, checkContent, ENTRIES_A_BREATH } from './integrity.ts'
import { checkLineage } from './lineage.ts'
import { type Asked, checkAsked, checkPrevious, type HeldEnvelope } from './place.ts'
import { readDocument } from './read.ts'
import { type Remaining, remainingOf } from './remaining.ts'
import { salvageOf } from './salvage.ts'
import { checkBinding, checkSeal, type SealedBy } from './sealed.ts'
import { SHELL_FOR_MEMBERS, SHELL_FOR_UNREAD, shellForBreak, shellToLook } from './shell.ts'
import { type Standing, standingOf } from './standing.ts'
import { isOfSealingKey, sealingKeysIn, trustFault, type Trusted } from './trust.ts'

/** What the reader brings. Nothing of it comes from the file. */
export type VerifyOptions = {
  readonly trust: readonly Trusted[]
  /** Why files that the reader named as theirs are no trust files. What they require is not known. */
  readonly refused?: readonly string[]
  /** Why what is kept of whom the reader trusts and refused could not be read. What it requires is not known either. */
  readonly unread?: string
  /** Ids of sealing keys that the reader refused: of a seal that names one this is said, and it is by nobody. */
  readonly refusedKeys?: readonly string[]
  readonly asked?: Asked
  readonly expect?: readonly Expectation[]
  /** Definitions of which the reader says on the spot that they look for records of them: of any of these. */
  readonly accept?: readonly string[]
  /** Heads of envelopes that the reader verified before. */
  readonly previous?: readonly HeldEnvelope[]
  readonly limits?: Limits
  /**
   * Told each stage as it begins, and the entries done of a long chain or record. What it answers is waited for: who lets its
   * event loop run there can hear that the reader has left.
   */
  readonly onProgress?: (stage: Stage, entries?: Done) => void | Promise<void>
  /** Asked after each progress; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal
}

export type Done = { readonly done: number; readonly of: number }
export type Stage = 'read' | 'chain' | 'content' | 'seal' | 'record'

/** Never a boolean and never a score: a list of claims, each with what it does not prove. */
export type Verification = {
  readonly verdict: VerdictWord
  readonly claims: readonly Claim[]
  /** null as soon as one claim does not verify. */
  readonly envelope: VerifiedEnvelope | null
  /** Of that envelope, one by one: all of them at once are several times the file. */
  readonly entries: Entries | null
  /**
   * Where it stands among others, by its own word: of one that fails too, where chain, content, seal and binding are of
   * this very record. That it contradicts itself, or is not what the reader requires, moves it nowhere.
   */
  readonly standing: Standing | null
  readonly sealed_by: SealedBy | null
  /** Where one claim does not verify: what can still be said. null where none fails, and where nothing can. */
  readonly remaining: Remaining | null
}

declare const verified: unique symbol
/** Made here and nowhere else, so that no screen can draw as evidence what was not verified. */
export type VerifiedEnvelope = Envelope & { readonly [verified]: true }

/**
 * Is this file what it says it is, and is it what the reader asked for? Bad evidence is an answer, never an exception.
 * Structural faults end it: of a file that can be read in two ways, nothing can be claimed. `bytes` are not to be
 * written to, or handed over, before it has answered.
 */
export async function verifyEnvelope(
  bytes: Uint8Array,
  options: VerifyOptions,
  /** Tests read in the plain way too, and find the same. */
  readBy: typeof readDocument = readDocument,
): Promise<Verification> {
  const stage = async (name: Stage, entries?: Done): Promise<void> => {
    options.signal?.throwIfAborted()
    await options.onProgress?.(name, entries)
    options.signal?.throwIfAborted()
  }

  await stage('read')
  const read = tryRead(() => readBy(bytes, options.limits ?? LIMITS))
  const { trust, isPart, claims: trustClaims } = usableTrust(options)
  const previous = options.previous ?? []
  const { refusedKeys = [] } = options
  const reader = { trust, previous, refusedKeys }
  if (!read.ok) {
    const { claim } = read
    const told = (done: number, of: number) => stage('chain', { done, of })
    await stage('chain')
    const limits = options.limits ?? LIMITS
    return refused(claim, await salvageOf(bytes, claim.code, limits, reader, told))
  }
  const { envelope, entries, planned, written } = read.document

  await stage('chain')
  // In a thread of its own, meanwhile.
  const content = written.content()
  const of = entries.length
  const chain = await checkChain(envelope, entries, written, (done) => stage('chain', { done, of }))

  await stage('content')
  const digest = await content.digest

  await stage('seal')
  const seal = await checkSeal(envelope, trust, refusedKeys)
  const binding = checkBinding(envelope, chain.state, digest)

  await stage('record')
  const consistency = watchConsistency(envelope, planned)
  const watched = watchGates(envelope)
  let apart = 0
  const takenFrom: string[] = []
  for (const entry of entries) {
    const { seq, kind, body } = entry
    if (seq % ENTRIES_A_BREATH === ENTRIES_A_BREATH - 1) await stage('record', { done: seq, of })
    consistency.add(entry)
    watched.add(entry)
    if (kind !== 'step') continue
    if (body.cells_part !== undefined) apart += 1
    if (body.taken_over !== undefined) takenFrom.push(body.taken_over.evidence_id)
  }
  const gates: Claim[] = []
  const breathe = () => stage('record', { done: of, of })
  for await (const claim of checkGates(envelope, watched.met, chain.links, reader, breathe))
    gates.push(claim)
  const lineage = checkLineage(envelope, takenFrom, previous)
  const agreement = consistency.claims()
  const found = [...agreement, ...gates]
  const expected = { expected: options.expect ?? [], accepted: options.accept ?? [] }
  const claims = [
    ...trustClaims,
    ...chain.claims,
    checkContent(envelope, content, digest),
    seal.claim,
    binding,
    ...checkAsked(envelope, options.asked ?? {}),
    ...agreement,
    // Parts are beside the file.
    ...(apart > 0 ? [cellsAway(apart)] : []),
    ...gates,
    ...(lineage === null ? [] : [lineage]),
    checkPrevious(envelope, chain.state.head, previous, seal.by !== null && !fails(binding)),
    ...checkExpectations(envelope, planned, expected, { trust, isPart }, found),
  ]
  const verdict = verdictOf(claims)
  return {
    verdict,
    claims: claims.map(toLookAt),
    envelope: verdict === 'does not verify' ? null : markVerified(envelope),
    entries: verdict === 'does not verify' ? null : entries,
    standing: isItself(claims)
      ? standingOf(envelope, entries, verdict === 'does not verify')
      : null,
    sealed_by: seal.by,
    remaining: verdict === 'does not verify' ? remainingOf(envelope, entries, chain, claims) : null,
  }
}

/** Where there is nothing to compute again, there is something to look at. */
function toLookAt(claim: Claim): Claim {
  const { code, where } = claim
  const shell =
    claim.shell ?? SHELL_FOR_UNREAD[code] ?? shellToLook(where) ?? SHELL_FOR_MEMBERS[code] ?? null
  return shell === null ? claim : { ...claim, shell }
}

const isItself = (claims: readonly Claim[]): boolean =>
  !claims.some((claim) => fails(claim) && BY.has(claim.claim))

/** What fails of these leaves open which record it is, and whose. */
const BY: ReadonlySet<ClaimName> = new Set(['chain', 'content', 'seal', 'binding', 'asked'])

function verdictOf(claims: readonly Claim[]): VerdictWord {
  if (claims.some(fails)) return 'does not verify'
  return claims.some(keepsBack) ? 'not proven' : 'proven'
}

function markVerified(envelope: Envelope): VerifiedEnvelope {
  // oxlint-disable-next-line typescript/consistent-type-assertions -- the one cast in the house: the mark of the verifier
  return envelope as VerifiedEnvelope
}

function tryRead(
  read: () => Document,
): { ok: true; document: Document } | { ok: false; claim: Claim } {
  try {
    return { ok: true, document: read() }
  } catch (fault) {
    // What an engine has no room for is no reason to throw either: one bad file would hide the others of an audit.
    const { code, message, where, compared } =
      fault instanceof EvidenceError
        ? fault
        : new EvidenceError('over-limit', `reading it ended in ${String(fault)}`)
    if (!isClaimCode(code)) throw fault
    return {
      ok: false,
      claim: claimOf(code, {
        where,
        message: `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
        ...compared,
      }),
    }
  }
}

const isClaimCode = (code: string): code is ClaimCode => Object.hasOwn(CODE, code)

/** Of these the byte says more than the sort. */
const BY_BYTE: ReadonlySet<ClaimCode> = new Set(['byte-order-mark', 'not-json', 'not-canonical'])

function refused(claim: Claim, remaining: Verification['remaining']): Verification {
  const verdict = claim.claim === 'bytes' ? 'not an envelope' : 'does not verify'
  const at = remaining?.bytes ?? null
  const { shell } = toLookAt(claim)
  const lines = [shell ?? [], at === null ? [] : shellForBreak(at.offset)].flat()
  return {
    verdict,
    claims: [
      {
        ...claim,
        ...(at !== null && BY_BYTE.has(claim.code) && comparedAt(at)),
        ...(lines.length > 0 && { shell: lines.join('\n') }),
      },
    ],
    envelope: null,
    entries: null,
    standing: null,
    sealed_by: null,
    remaining,
  }
}

function usableTrust({
  trust,
  refused = [],
  unread,
}: Pick<VerifyOptions, 'trust' | 'refused' | 'unread'>): {
  trust: Trusted[]
  isPart: boolean
  claims: Claim[]
} {
  const read = trust.map(heldToSchema)
  const sealing = sealingKeysIn(
    read.flatMap(({ parsed, source }) => (parsed.ok ? [{ file: parsed.value, source }] : [])),
  )
  const all = read.map(({ parsed, source, name }) => {
    if (!parsed.ok) return { source, name, file: null, fault: 'it has not the form of one' }
    const fault =
      parsed.fault ??
      (source === 'pinned' && isOfSealingKey(parsed.value, sealing)
        ? 'an approver of it has the sealing key of a server that you pinned'
        : null)
    return { source, name, file: parsed.value, fault }
  })
  const notUsed = (label: string, fault: string, isReaders: boolean) =>
    claimOf('trust-file-refused', {
      message: `A trust file (${label}) was not used: ${fault}.${isReaders ? ' What it requires is not known.' : ''}`,
    })
  return {
    trust: all.flatMap(({ file, source, name, fault }) =>
      file === null || fault !== null
        ? []
        : [{ file, source, ...(name !== undefined && { name }) }],
    ),
    // What a server offers requires nothing of the reader's.
    isPart:
      unread !== undefined ||
      refused.length > 0 ||
      all.some(({ source, fault }) => fault !== null && source === 'pinned'),
    claims: [
      ...(unread === undefined
        ? []
        : [
            claimOf('trust-unread', {
              message: `What is kept of whom you trust could not be read: ${unread}. What you pinned, required and refused is not known.`,
            }),
          ]),
      ...refused.map((fault) => notUsed('brought by you', fault, true)),
      ...all.flatMap(({ source, fault }) =>
        fault === null ? [] : [notUsed(TRUST_SOURCE[source].label, fault, source === 'pinned')],
      ),
    ],
  }
}

/** From wherever a caller has it, and whatever it is: none counts as a trust file before it is one. */
function heldToSchema(trusted: Trusted) {
  try {
    const { file, source, name } = trusted
    if (Object.hasOwn(TRUST_SOURCE, source)) return { parsed: heldOnce(file), source, name }
  } catch {
    // Nothing at all, or a member that throws when it is read.
  }
  return { parsed: { ok: false } as const, source: 'pinned' as const, name: undefined }
}

type Held = { readonly ok: true; readonly value: TrustFile; readonly fault: string | null }

// A file of thousands of keys takes longer than a small record, and a walk verifies all records by it. What is used is
// what was held to the schema then, whatever becomes of the caller's own.
const held = new WeakMap<TrustFile, Held>()

function heldOnce(file: TrustFile): Held | { readonly ok: false } {
  const before = held.get(file)
  if (before !== undefined) return before
  const parsed = parseToFirstFault(TrustFile, file)
  if (!parsed.ok) return { ok: false }
  const found: Held = { ok: true, value: parsed.value, fault: trustFault(parsed.value) }
  held.set(file, found)
  return found
}
