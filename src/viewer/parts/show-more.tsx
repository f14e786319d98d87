/** The way to the next page of a list, where there is one. */
export function ShowMore({
  of: { hasNextPage, isFetchingNextPage, fetchNextPage },
  what,
}: {
  of: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown }
  what: string
}) {
  if (!hasNextPage) return null
  return (
    <button
      type="button"
      className="button self-center"
      // Not switched off while it asks: the focus would go.
      aria-busy={isFetchingNextPage}
      onClick={() => {
        if (!isFetchingNextPage) void fetchNextPage()
      }}
    >
      Show {what}
    </button>
  )
}
