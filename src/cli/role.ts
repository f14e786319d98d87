import { keysOf, ROLE, type Role } from '#contract/status.ts'
import { UsageError } from './command.ts'

export const ROLES = keysOf(ROLE).join(', ')

export function roleOf(option: string | undefined): Role {
  const role = keysOf(ROLE).find((known) => known === option)
  if (role === undefined) throw new UsageError(`--role is one of ${ROLES}`)
  return role
}
