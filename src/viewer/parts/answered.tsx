import type { ReactNode } from 'react'
import { Failure } from './failure.tsx'
import { Notice } from './notice.tsx'
import { type Asked, useStandingError } from './standing-error.ts'

/**
 * What stands where an answer would: what it is waited for with, why there is none, or the answer. One that is here stays
 * while it is asked for again, and so does a failure with the button that has the focus [U9]; how old it is says `AsOf`.
 */
export function Answered<T>({
  of,
  waiting,
  renderFailure = (error) => <Failure error={error} again={of.refetch} />,
  children,
}: {
  of: Asked & { data: T | undefined; refetch: () => unknown }
  waiting: ReactNode
  renderFailure?: (error: Error) => ReactNode
  children: (answer: T) => ReactNode
}) {
  const failed = useStandingError(of)
  const { data, isPlaceholderData, fetchStatus } = of
  if (failed !== null && (data === undefined || isPlaceholderData)) return renderFailure(failed)
  if (data !== undefined) return children(data)
  if (fetchStatus === 'paused')
    return (
      <Notice tone="waiting" title="This device has no network">
        It is asked for as soon as there is one.
      </Notice>
    )
  return waiting
}
