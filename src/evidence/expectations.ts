import { type Envelope, type PlanGate } from '#contract/envelope.ts'
import { type RequiredDefinition } from '#contract/trust.ts'
import { type Claim, claimOf, type ClaimName, fails } from './claims.ts'
import { counted } from './counted.ts'
import { type Trusted } from './trust.ts'

/** What the reader says on the spot that the record must be. Which record it must be is what they *asked* for. */
export type Expectation = { readonly kind: 'definition' | 'outcome'; readonly value: string }

/**
 * What the reader requires: on the spot, and in the files that they pinned. A server's own offer of requirements binds
 * nobody. `found` is what was already found of the gates.
 */
export function* checkExpectations(
  envelope: Envelope,
  expected: readonly Expectation[],
  trust: readonly Trusted[],
  found: readonly Claim[],
): Generator<Claim> {
  for (const expectation of expected) yield ofExpectation(envelope, expectation)
  const { name } = envelope.opening.definition
  const required = trust
    .filter(({ source }) => source === 'pinned')
    .flatMap(({ file }) => file.required.filter((definition) => definition.name === name))
  for (const definition of required) yield* ofDefinition(envelope, definition, found)
  if (!required.some(({ gates }) => gates.length > 0)) {
    yield claimOf('nothing-required', { message: `You required no gate of ${name}.` })
  }
}

function ofExpectation(envelope: Envelope, { kind, value: expected }: Expectation): Claim {
  const { value: actual, where } = said(envelope, kind)
  return actual === expected
    ? claimOf('expectation-holds', {
        where,
        message: `The ${kind} is ${expected}, as you expected.`,
        expected,
        actual,
      })
    : claimOf('expectation-fails', {
        where,
        message: `The ${kind} is ${actual}, and you expected another.`,
        expected,
        actual,
      })
}

function said(
  { opening, closing }: Envelope,
  kind: Expectation['kind'],
): { value: string; where: string } {
  switch (kind) {
    case 'definition':
      return { value: opening.definition.name, where: '/opening/definition/name' }
    case 'outcome':
      return { value: closing.outcome, where: '/closing/outcome' }
  }
}

function* ofDefinition(
  envelope: Envelope,
  required: RequiredDefinition,
  found: readonly Claim[],
): Generator<Claim> {
  const { definition, plan } = envelope.opening
  if (required.sha256 !== null) {
    const at = {
      where: '/opening/definition/sha256',
      expected: required.sha256,
      actual: definition.sha256,
    }
    yield required.sha256 === definition.sha256
      ? claimOf('expectation-holds', {
          ...at,
          message: `The definition ${definition.name} is the one that you pinned.`,
        })
      : claimOf('definition-differs', {
          ...at,
          message: `The definition ${definition.name} is another than the one that you pinned.`,
        })
  }
  for (const gate of required.gates) {
    const index = plan.gates.findIndex(({ step_id }) => step_id === gate.step_id)
    const planned = plan.gates[index]
    const at = {
      step_id: gate.step_id,
      where: planned === undefined ? '/opening/plan/gates' : `/opening/plan/gates/${index}`,
    }
    const weakness = planned === undefined ? null : weaknessOf(planned, gate)
    if (planned === undefined)
      yield claimOf('gate-missing', {
        ...at,
        message: `You require the gate ${gate.step_id}, and the plan has none.`,
      })
    else if (weakness !== null)
      yield claimOf('gate-weaker', { ...at, message: `The gate ${gate.step_id} ${weakness}.` })
    else yield ofKept(envelope, gate, found, at)
  }
}

type RequiredGate = RequiredDefinition['gates'][number]

function weaknessOf({ policy, question }: PlanGate, required: RequiredGate): string | null {
  if (policy.quorum < required.quorum)
    return `asks for ${counted(policy.quorum, 'approval')}, and you require ${required.quorum}`
  if (required.four_eyes && !policy.four_eyes) return 'lets whoever started the run decide'
  if (required.sign === 'passkey' && policy.sign !== 'passkey')
    return 'asks for no passkey signature'
  if (required.question !== null && required.question !== question)
    return 'asks another question than you require'
  const { roles } = required
  if (roles === null) return null
  // A policy without roles admits by name, and the reader pinned roles.
  const isWithin =
    policy.roles.length > 0 &&
    policy.users.length === 0 &&
    policy.roles.every((role) => roles.includes(role))
  return isWithin ? null : 'lets others decide than you require'
}

/** A policy as strong as required is worth what was found of its being kept. */
function ofKept(
  { opening, gates }: Envelope,
  required: RequiredGate,
  found: readonly Claim[],
  at: { step_id: string; where: string },
): Claim {
  const asked: ClaimName[] = ['gate']
  if (required.four_eyes) asked.push('four-eyes')
  if (required.sign === 'passkey') asked.push('gate-signature')
  const about = found.filter(
    ({ claim, step_id }) => step_id === required.step_id && asked.includes(claim),
  )
  if (about.some(fails))
    return claimOf('expectation-fails', {
      ...at,
      message: `The gate ${required.step_id} was not kept.`,
    })
  const open = about.find(({ state }) => state !== 'proven')
  if (open !== undefined)
    return claimOf('requirement-unchecked', {
      ...at,
      message: `The gate ${required.step_id} is as you require, but for what could not be checked: ${open.message}`,
    })
  const outcome = gates.find(({ step_id }) => step_id === required.step_id)?.outcome
  const message =
    outcome === undefined
      ? 'is planned as you require, and the run ended before it'
      : outcome === 'approved'
        ? 'is as you require'
        : `was kept as you require, and was ${outcome}`
  const { steps, gates: others } = opening.plan
  const isWaitedFor = [...steps, ...others].some(({ needs }) => needs.includes(required.step_id))
  return claimOf('expectation-holds', {
    ...at,
    message: `The gate ${required.step_id} ${message}${isWaitedFor ? '' : '; no step of the plan waits for it'}.`,
  })
}
