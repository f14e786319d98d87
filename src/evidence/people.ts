import { type Approvers, pinnedHolders } from './trust.ts'

/**
 * Who an approver is among the server's people. A passkey is whom the reader pinned it as, in whichever of their files and
 * under whichever id; of one that was pinned as nobody it is only known that a namesake would be too near.
 */
export function peopleOf(
  approver: string,
  approvers: Approvers,
): { readonly people: readonly string[]; readonly isKnown: boolean } {
  if (approver.includes(':')) return { people: [approver], isKnown: isUser(approver) }
  const users = new Set(pinnedHolders(approvers, approver).map(({ user }) => user))
  const isKnown = users.size === 1 && !users.has(undefined)
  const named = isKnown ? users : new Set([approver, ...users])
  return {
    people: [...named].flatMap((user) => (user === undefined ? [] : [`user:${user}`])),
    isKnown,
  }
}

export const isUser = (actor: string): boolean => /^user:./.test(actor)

/** The names of those who may be meant. */
export const usersOf = (approver: string, approvers: Approvers): string[] =>
  approver.startsWith('user:')
    ? [approver.slice('user:'.length)]
    : pinnedHolders(approvers, approver).flatMap(({ user }) => user ?? [])
