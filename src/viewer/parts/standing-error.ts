import { useState } from 'react'

/**
 * Why a question has no answer, also while it is asked again: what is said of it stands until there is another answer,
 * and so does the button that has the focus. null once it is answered, and where asking was stopped.
 */
export function useStandingError({
  error,
  isPending,
  fetchStatus,
}: {
  error: Error | null
  isPending: boolean
  fetchStatus: 'fetching' | 'paused' | 'idle'
}): Error | null {
  const [last, setLast] = useState<Error | null>(null)
  const standing = error ?? (isPending && fetchStatus !== 'idle' ? last : null)
  if (standing !== last) setLast(standing)
  return standing
}
