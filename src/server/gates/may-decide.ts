import type { Opening, Policy } from '#contract/envelope.ts'
import { ROLE } from '#contract/status.ts'
import { may, type Asker } from '#server/identity/asker.ts'

/** Name of the person behind an actor; null for a token that nobody owns, and for the system. */
export type OwnerOf = (actor: string) => string | null

/** Why `asker` may not decide a gate of this policy; null when they may. */
export function whyNot(
  asker: Asker | null,
  policy: Policy,
  opening: StartedBy,
  ownerOf: OwnerOf,
): string | null {
  if (asker === null) return 'sign in to decide'
  if (!may(asker, 'decide')) return `the role ${asker.role} does not decide gates`
  if (!isNamed(asker, policy))
    return `this gate is for ${[...policy.roles, ...policy.users].join(' or ')}`
  if (policy.sign === 'passkey') return 'this gate wants a passkey, which this server cannot check'
  if (policy.quorum > 1 && asker.owner === null)
    return 'this gate asks several people: this token belongs to no person'
  return policy.four_eyes ? sharedEyes(asker, opening, ownerOf) : null
}

export type StartedBy = Pick<Opening, 'actor' | 'rerun_of'>

/** Whoever started the run, or one that it repeats. */
export function startersOf({ actor, rerun_of }: StartedBy): string[] {
  return [actor, ...(rerun_of?.starters ?? [])]
}

/** May whoever approved still? Approved by a token that was revoked, it is the person's own role that counts. */
export function mayStill(approver: Pick<Asker, 'role' | 'owner'> | null, policy: Policy): boolean {
  return approver !== null && ROLE[approver.role].decide && isNamed(approver, policy)
}

// By role or by name. An admin has every role, and is no other person than he is.
function isNamed(
  { role, owner }: Pick<Asker, 'role' | 'owner'>,
  { roles, users }: Policy,
): boolean {
  const byRole = roles.some((named) => named === role || role === 'admin')
  return byRole || (owner !== null && users.includes(owner))
}

// Four eyes need two people. Where one of them is not known to be a person, they are not known to be two.
function sharedEyes({ owner }: Asker, opening: StartedBy, ownerOf: OwnerOf): string | null {
  if (owner === null) return 'four eyes: this token belongs to no person'
  for (const starter of startersOf(opening)) {
    const person = ownerOf(starter)
    if (person === null) return `four eyes: ${starter} started the run and is no known person`
    if (person === owner) return `four eyes: you started the run, as ${starter}`
  }
  return null
}
