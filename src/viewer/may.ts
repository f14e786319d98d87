import { type Permission, ROLE } from '#contract/status.ts'
import { useQuery } from '@tanstack/react-query'
import { sessionQuery } from './queries.ts'

/** Why this person may not do it, in words for a disabled button; null when they may. The server decides; this explains. */
export function useWhyNot(permission: Permission): string | null {
  const session = useQuery(sessionQuery)
  if (!session.data) return 'Who is signed in is not known yet'
  const { actor, role } = session.data
  if (actor === null || role === null) return 'Sign in first: open a sign-in link of this server'
  return ROLE[role][permission] ? null : `Your role, ${role}, may not ${DOES[permission]}`
}

const DOES = {
  read: 'read this',
  operate: 'start, abort or repeat runs',
  decide: 'decide gates',
  administer: 'administer this server',
} as const satisfies Record<Permission, string>
