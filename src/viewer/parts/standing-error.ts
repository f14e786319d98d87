import { useState } from 'react'

export type Asked = {
  error: Error | null
  isPending: boolean
  /** What is shown meanwhile is the answer to another question. */
  isPlaceholderData: boolean
  fetchStatus: 'fetching' | 'paused' | 'idle'
}

/**
 * Why a question has no answer, also while it is asked again: what is said of it stands until there is another answer,
 * and so does the button that has the focus. null once it is answered, and where asking was stopped.
 */
export function useStandingError({
  error,
  isPending,
  isPlaceholderData,
  fetchStatus,
}: Asked): Error | null {
  const [last, setLast] = useState<Error | null>(null)
  const isOpen = isPending || isPlaceholderData
  const standing = error ?? (isOpen && fetchStatus !== 'idle' ? last : null)
  if (standing !== last) setLast(standing)
  return standing
}
