import { type RequiredDefinition } from '#contract/trust.ts'
import { holdingOf } from './holding.ts'
import { requiredPlanOf } from './plan.ts'
import { type VerifiedEnvelope } from './verify.ts'

/* What a reader keeps of an envelope that they verified, for the next one. */

/**
 * "Require this definition, these gates", for the `required` of a trust file. `any version` leaves its digest and its
 * plan open and holds later versions to the same gates. A question that repeats an input of this run is another in the next run, so
 * it is not pinned; an empty one may stand anywhere in it, and be something in the next run.
 */
export function requirementOf(
  { opening }: VerifiedEnvelope,
  pin: 'this version' | 'any version',
): RequiredDefinition {
  const { definition, plan, inputs } = opening
  const repeating = holdingOf(
    plan.gates.map(({ question }) => question),
    Object.values(inputs),
  )
  return {
    name: definition.name,
    sha256: pin === 'this version' ? definition.sha256 : null,
    plan: pin === 'this version' ? requiredPlanOf(opening) : null,
    gates: plan.gates.map(({ step_id, question, policy }, nth) => ({
      step_id,
      quorum: policy.quorum,
      four_eyes: policy.four_eyes,
      sign: policy.sign,
      question: repeating?.[nth] === false ? question : null,
      roles: policy.roles,
      users: policy.users,
      expires_ms: policy.expires_ms,
      inputs: policy.inputs,
    })),
  }
}
