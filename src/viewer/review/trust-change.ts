import type { RequiredDefinition, ServerKey, TrustedApprover, TrustFile } from '#contract/trust.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { passkeyFingerprint } from '#evidence/fingerprint.ts'
import { calledSaid, keyNamed, mayOf, requirementSaid, validitySaid } from '#evidence/trust-said.ts'

/**
 * What a trust file would make of what is trusted now, a sentence each; what is lost or loosened comes first. `isRefused`:
 * by the reader, whom a file does not overrule.
 */
export function trustChange(
  now: TrustFile,
  then: TrustFile,
  isRefused: (key: ServerKey) => boolean = () => false,
): string[] {
  const lost = [
    ...gone(now.server_keys, then.server_keys, keyOf).map(
      (key) => `${keySaid(key)} is pinned now, and would not be any more.`,
    ),
    ...gone(now.approvers, then.approvers, approverOf).map(
      (approver) => `${approverSaid(approver)} may approve now, and could not any more.`,
    ),
    ...gone(now.required, then.required, definitionOf).map(
      ({ name }) => `Something is required of ${name} now, and nothing would be any more.`,
    ),
  ]
  const changed = [
    ...both(now.server_keys, then.server_keys, keyOf).map(
      ([old, one]) =>
        `${keySaid(old)} is ${validitySaid(old)} now, and would be ${validitySaid(one)}.`,
    ),
    ...both(now.approvers, then.approvers, approverOf).map(
      ([old, one]) =>
        `${approverSaid(old)} may approve ${mayOf(old)} now, and ${mayOf(one)} then, as ${one.id}${calledSaid(one.name)}.`,
    ),
    ...both(now.required, then.required, definitionOf).map(
      ([old, one]) =>
        `Of ${old.name} is required now: ${requirementSaid(old).join('; ')}. Then: ${requirementSaid(one).join('; ')}.`,
    ),
  ]
  const brought = [
    ...gone(then.server_keys, now.server_keys, keyOf).map((key) =>
      isRefused(key)
        ? `${keySaid(key)} is one that you refused: no seal is checked with it until you pin it by itself.`
        : `${keySaid(key)} is new.`,
    ),
    ...gone(then.approvers, now.approvers, approverOf).map(
      (approver) => `${approverSaid(approver)} is new.`,
    ),
    ...gone(then.required, now.required, definitionOf).map(
      ({ name }) => `Nothing is required of ${name} now, and something would be.`,
    ),
  ]
  return [...lost, ...changed, ...brought]
}

const gone = <T>(now: readonly T[], then: readonly T[], idOf: (one: T) => string): T[] => {
  const kept = new Set(then.map(idOf))
  return now.filter((one) => !kept.has(idOf(one)))
}

function both<T>(now: readonly T[], then: readonly T[], idOf: (one: T) => string): [T, T][] {
  const byId = new Map(then.map((one) => [idOf(one), one]))
  return now.flatMap((old): [T, T][] => {
    const one = byId.get(idOf(old))
    return one === undefined || canonicalize(old) === canonicalize(one) ? [] : [[old, one]]
  })
}

const keyOf = ({ key_id }: ServerKey) => key_id
const definitionOf = ({ name }: RequiredDefinition) => name
// Another passkey under the same id is another approver.
const approverOf = ({ id, public_key }: TrustedApprover) => `${id} ${public_key}`

const keySaid = (key: ServerKey) => `The server key ${keyNamed(key)}`
const approverSaid = (approver: TrustedApprover) =>
  `${approver.id}${calledSaid(approver.name)} with the passkey ${passkeyFingerprint(approver).slice(0, 8)}…`
