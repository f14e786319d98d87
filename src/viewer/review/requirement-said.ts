import type { RequiredDefinition, RequiredGate } from '#contract/trust.ts'
import { duration } from '#viewer/parts/time.tsx'

/** What is required of a definition, a sentence each: its version first, then its gates. */
export function requirementSaid({ sha256, plan = null, gates }: RequiredDefinition): string[] {
  const version =
    plan !== null
      ? `only the plan ${plan.sha256.slice(0, 8)}…${plan.kind === undefined ? '' : `, ${plan.kind}`}`
      : sha256 !== null
        ? `only the version ${sha256.slice(0, 8)}…`
        : 'any version'
  return [version, ...(gates.length === 0 ? ['no gate'] : gates.map(gateSaid))]
}

function gateSaid({ step_id, question, quorum, four_eyes, sign, ...gate }: RequiredGate): string {
  const { expires_ms = null, inputs = null } = gate
  const parts = [
    `gate ${step_id}`,
    `${quorum} ${quorum === 1 ? 'approves' : 'approve'}${sign === 'passkey' ? ', each by a passkey' : ''}`,
    ...(four_eyes ? ['four eyes'] : []),
    ...(question === null ? [] : [`asks “${question}”`]),
    ...(isAnybody(gate) ? [] : [`decided by ${decidersOf(gate)}`]),
    ...(expires_ms === null ? [] : [`answered within ${duration(expires_ms)}`]),
    ...(inputs === null || inputs.length === 0
      ? []
      : [`asks for ${inputs.map(({ label }) => `“${label}”`).join(', ')}`]),
  ]
  return parts.join(', ')
}

export const isAnybody = ({ roles, users = null }: Pick<RequiredGate, 'roles' | 'users'>) =>
  roles === null && users === null

export function decidersOf({ roles, users = null }: Pick<RequiredGate, 'roles' | 'users'>): string {
  const named = [...(roles ?? ['any role']), ...(users ?? [])]
  return named.length === 0 ? 'nobody' : named.join(' or ')
}
