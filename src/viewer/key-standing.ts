import type { ServerKey } from '#contract/trust.ts'

/** How far a key counts by somebody's word. */
export type Standing = Pick<ServerKey, 'status' | 'last_seal_seq'>

/**
 * A key as it counts after `said` of it as well: ended sooner or revoked, and never given back. Whoever has a key that was
 * revoked can say otherwise in its server's place.
 */
export function lowered<T extends Standing>(key: T, said: Standing): T {
  const status = RANK[said.status] > RANK[key.status] ? said.status : key.status
  const reach = Math.min(reachOf(key), reachOf(said))
  const last_seal_seq = status === 'active' || reach < 0 ? null : reach
  const next = { ...key, status, last_seal_seq }
  return isAsFar(key, next) ? key : next
}

export const isAsFar = (one: Standing, other: Standing): boolean =>
  one.status === other.status && one.last_seal_seq === other.last_seal_seq

/** Does `said` take back something of `key`? */
export const lowers = (said: Standing, key: Standing): boolean => lowered(key, said) !== key

const RANK = { active: 0, retired: 1, revoked: 2 } as const satisfies Record<
  Standing['status'],
  number
>

// One that has ended and names no number counts for none.
const reachOf = ({ status, last_seal_seq }: Standing): number =>
  status === 'active' ? Number.POSITIVE_INFINITY : (last_seal_seq ?? -1)
