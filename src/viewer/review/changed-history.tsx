import { Notice } from '#viewer/parts/notice.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { When } from '#viewer/parts/time.tsx'
import { keptQuery, unlikeQuery } from '#viewer/queries.ts'
import { useQuery } from '@tanstack/react-query'
import { Link } from 'wouter'

/**
 * What was seen here before is not here as it was, or the last walk found something wrong [U12]. `now`: what this page itself
 * finds, which is said on the others too; `isHere`: where the chain is walked.
 */
export function ChangedHistory({
  now = null,
  isHere = false,
}: {
  now?: string | null
  isHere?: boolean
}) {
  useQuery(unlikeQuery(now))
  const { data: kept } = useQuery(keptQuery)
  const { unlike = null, walk = null } = kept ?? {}
  const isWalked = now === null && walk?.is_broken === true
  if (now === null && unlike === null && !isWalked) return null
  const said = now ?? unlike?.said
  const at = now === null ? (unlike ?? walk)?.at : undefined
  return (
    <Notice
      tone="bad"
      title={
        isWalked
          ? 'This server’s chain was not whole when this browser last walked it'
          : 'This server’s history has changed underneath you'
      }
      action={
        isHere ? undefined : (
          <Link href="/evidence/chain" className="button">
            Walk the chain
          </Link>
        )
      }
    >
      {said !== undefined && (
        <>
          <RunText text={said} max={600} />{' '}
        </>
      )}
      {at !== undefined && (
        <>
          That was found on <When at={at} />.{' '}
        </>
      )}
      Walk the chain to see what is missing, forked or sealed anew.
    </Notice>
  )
}
