import { bytesToHex } from '@noble/hashes/utils.js'
import {
  type Assertion,
  type Closing,
  type Envelope,
  type GateEntry,
  type RecordedDecision,
} from '#contract/envelope.ts'
import { type TrustedApprover } from '#contract/trust.ts'
import { type AssertionFault, assertionFault, challengeOf, signedParts } from './approval.ts'
import { canonicalize } from './canonical.ts'
import { beginningIn, beginningOf, type Claim, claimOf } from './claims.ts'
import { fewOf } from './counted.ts'
import { shellForAssertion, shellForBytes } from './redo.ts'
import {
  type Approvers,
  counts,
  type PinnedApprover,
  pinnedApprovers,
  pinnedHolders,
  upTo,
  validityOf,
} from './trust.ts'

/** What of a record its gates are held to, beside its entries. */
export type Gated = Pick<Envelope, 'evidence_id' | 'run_id' | 'opening' | 'gates'> & {
  readonly closing: Pick<Closing, 'seal_seq'>
}

/** One claim for each decision of a gate, refusals too: whose signature is on it? */
export async function* checkSignatures(
  envelope: Gated,
  gate: GateEntry,
  where: string,
  approvers: Approvers,
  /** What the gate's prefix ends with, in words. */
  frozen: string,
): AsyncGenerator<Claim> {
  for (const [index, recorded] of gate.decisions.entries()) {
    const at = { step_id: gate.step_id, where: `${where}/decisions/${index}/assertion` }
    yield await ofDecision(envelope, gate, recorded, approvers, frozen, at)
  }
}

type At = { readonly step_id: string; readonly where: string }

async function ofDecision(
  envelope: Gated,
  { step_id, policy }: GateEntry,
  { decision, assertion }: RecordedDecision,
  approvers: Approvers,
  frozen: string,
  at: At,
): Promise<Claim> {
  const { approver } = decision
  if (assertion === null) {
    return policy.sign === 'passkey'
      ? claimOf('passkey-missing', {
          ...at,
          message: `The policy asks for a passkey signature, and the decision of ${approver} has none.`,
          expected: 'passkey',
          actual: 'no signature',
        })
      : claimOf('decision-unsigned', {
          ...at,
          message: `The decision of ${approver} is as the server recorded it: no signature of a person is there.`,
        })
  }
  const pinned = pinnedApprovers(approvers, approver)
  // Two of the reader's files may have two passkeys of one person; of one passkey, every record has to agree.
  const records = pinned.filter(({ credential_id }) => credential_id === assertion.credential_id)
  const keys = new Set(records.map(({ public_key }) => public_key))
  // Under another id or credential it is the same passkey: an older copy has back neither what another file revokes nor
  // where one signed then.
  const same = pinnedHolders(approvers, approver).filter(({ public_key }) => keys.has(public_key))
  const { credential_id } = assertion
  const asked =
    same.length > 0 ? same.map((record) => ({ ...record, credential_id })) : [pinned[0] ?? null]
  const text = canonicalize(decision)
  const challenge = challengeOf(decision)
  const decided = { preimage: beginningOf(text) }
  const faults = []
  for (const record of asked) {
    const fault = await assertionFault(assertion, challenge, record)
    faults.push(fault && { ...fault, ...shellFor(fault, at.where, record) })
  }
  const found = faults.filter((fault) => fault !== null)
  // It is where one of the reader's files says that this passkey signs, and another file says elsewhere.
  const isDisputed =
    found.length < faults.length && found.every(({ code }) => code === 'origin-refused')
  const [fault] = isDisputed ? [] : found
  if (fault !== undefined) {
    const { code, member, message, expected, actual, shell } = fault
    const isOfNone = code === 'origin-refused' && same.length > 1
    return claimOf(code, {
      ...at,
      ...(expected === challenge ? decided : signedOf(assertion, member)),
      where: member === '' ? at.where : `${at.where}/${member}`,
      message: `The signature of ${approver} ${message}${isOfNone ? ' in any record of that key' : ''}.`,
      ...(expected !== undefined && { expected }),
      ...(actual !== undefined && { actual }),
      ...(shell !== undefined && { shell }),
    })
  }
  for (const record of same) {
    const refusal = entitlementFault(record, envelope, step_id)
    if (refusal !== null) {
      const { code, message, expected, actual } = refusal
      return claimOf(code, {
        ...at,
        ...decided,
        message: `The signature of ${approver} is right, and ${message}.`,
        expected,
        actual,
      })
    }
  }
  const [record] = records
  if (record === undefined) {
    return claimOf('passkey-unchecked', {
      ...at,
      ...decided,
      message: `What is here as a passkey’s signature of ${approver} has the form of one and was not checked: you pinned no approver of that id, and anyone can have written it.`,
    })
  }
  const [elsewhere] = found
  if (elsewhere !== undefined) {
    const { member, actual } = elsewhere
    return claimOf('origin-disputed', {
      ...at,
      ...signedOf(assertion, member),
      where: `${at.where}/${member}`,
      message: `The signature of ${approver} is right, and your trust files differ about where that passkey signs: ${placesOf(same)}. Take back the file that is out of date.`,
      expected: placesOf(same),
      ...(actual !== undefined && { actual }),
      shell: shellForAssertion(at.where, record),
    })
  }
  const ended = same.map(({ status }) => status).find((status) => status !== 'active')
  return claimOf('decision-signed', {
    ...at,
    message: `The passkey of ${approver} that you pinned signed “${decision.decision}” over everything up to ${frozen}.${validityOf(same, envelope.closing.seal_seq)}`,
    ...(ended && { ended }),
    expected: challenge,
    actual: record.public_key,
    ...decided,
    shell: shellForAssertion(at.where, record),
  })
}

/** What redoes it would find nothing wrong with what has only not the form of it, which is shown. */
function shellFor(
  { isMisformed, member }: AssertionFault,
  where: string,
  record: PinnedApprover | null,
): { shell?: string } {
  if (isMisformed) return member === '' ? {} : { shell: shellForBytes(`${where}/${member}`) }
  return record === null ? {} : { shell: shellForAssertion(where, record) }
}

const placesOf = (records: readonly PinnedApprover[]): string =>
  fewOf(
    records.map(({ origins, rp_id, of }) => `${fewOf(origins)} for ${rp_id} (${of})`),
    3,
  )

/** What was signed, in hex; of client data that says something else, its text, which was digested for that. */
function signedOf(assertion: Assertion, member: AssertionFault['member']): Pick<Claim, 'preimage'> {
  const parts = signedParts(assertion)
  if (parts === null || member === '') return {}
  return {
    preimage:
      member === 'client_data_json'
        ? beginningIn(parts.clientData)
        : bytesToHex(parts.signed.subarray(0, 1000)),
  }
}

/** Was this passkey to decide this? */
function entitlementFault(
  { may, status, ...validity }: TrustedApprover,
  { opening, closing }: Gated,
  step_id: string,
): {
  code: 'approver-not-entitled' | 'approver-retired' | 'approver-revoked'
  message: string
  expected: string
  actual: string
} | null {
  if (!counts({ status, ...validity }, closing.seal_seq)) {
    return {
      code: status === 'revoked' ? 'approver-revoked' : 'approver-retired',
      message: `the passkey is ${status} and does not count for this envelope`,
      expected: upTo(validity.last_seal_seq),
      actual: `number ${closing.seal_seq}`,
    }
  }
  const { name } = opening.definition
  const isWithin =
    (may.definitions?.includes(name) ?? true) && (may.gates?.includes(step_id) ?? true)
  return isWithin
    ? null
    : {
        code: 'approver-not-entitled',
        message: `you pinned the passkey for other definitions or gates than ${step_id} of ${name}`,
        expected: `definitions ${namesOf(may.definitions)}; gates ${namesOf(may.gates)}`,
        actual: `definition ${name}; gate ${step_id}`,
      }
}

const namesOf = (names: readonly string[] | null): string =>
  names === null ? 'any' : fewOf(names) || 'none'
