import { ErrorWords } from './failure.tsx'

/** The way to the next page of a list, where there is one; where it could not be had that is said, and stands [U9]. */
export function ShowMore({
  of: { hasNextPage, isFetchingNextPage, isFetchNextPageError, error, fetchNextPage },
  what,
}: {
  of: {
    hasNextPage: boolean
    isFetchingNextPage: boolean
    isFetchNextPageError: boolean
    error: unknown
    fetchNextPage: () => unknown
  }
  what: string
}) {
  if (!hasNextPage) return null
  return (
    <div className="flex flex-col items-center gap-2">
      {isFetchNextPageError && <ErrorWords error={error} className="max-w-prose text-center" />}
      <button
        type="button"
        className="button"
        // Not switched off while it asks: the focus would go.
        aria-busy={isFetchingNextPage}
        onClick={() => {
          if (!isFetchingNextPage) void fetchNextPage()
        }}
      >
        {isFetchNextPageError ? `Ask for ${what} again` : `Show ${what}`}
      </button>
    </div>
  )
}
