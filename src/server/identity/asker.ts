import { ROLE, type Permission, type Role } from '#contract/status.ts'
import type { Authority } from '#server/storage/storage.ts'

/** Who asks, as a session or a token says it; the request's body is never asked. */
export type Asker = {
  /** `user:NAME` or `token:ID`. */
  actor: string
  role: Role
  /** Name of the user that a token belongs to, or the user's own; null for a token that nobody owns. */
  owner: string | null
  /** What they came by. Judged again in the transaction of whatever they change [ST15]; null: the server itself asks. */
  authority: Authority | null
}

/** Who needs no authority: the server, and whoever may write its data folder. */
export type Own = 'system' | `local:${string}`

/** What somebody comes by: a session by its id, a token as the actor that it is; or all that a person comes by. */
export type Whose = { id: string } | { user: string }

export function may(asker: Asker, permission: Permission): boolean {
  return ROLE[asker.role][permission]
}
