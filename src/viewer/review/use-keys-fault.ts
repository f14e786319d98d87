import { wordsOf } from '#viewer/api.ts'
import { useStandingError } from '#viewer/parts/standing-error.ts'
import { keysLateQuery, NO_KEYS_YET, trustQuery } from '#viewer/queries.ts'
import { useQuery } from '@tanstack/react-query'

/** Why the server's own list of keys is not had; null where it is, and as long as it may well still come. */
export function useKeysFault(): string | null {
  const trust = useQuery(trustQuery)
  const failed = useStandingError(trust)
  const { data: isLate = false } = useQuery(keysLateQuery)
  if (failed !== null) return wordsOf(failed).detail
  return trust.data === undefined && isLate ? NO_KEYS_YET : null
}
