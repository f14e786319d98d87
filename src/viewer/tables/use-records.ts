import type { TableRecord } from '#contract/provenance.ts'
import {
  BLOCK_RECORDS,
  foundRecordsQuery,
  type RecordFilter,
  recordsQuery,
} from '#viewer/table-queries.ts'
import { useStandingError } from '#viewer/parts/standing-error.ts'
import { keepPreviousData, useInfiniteQuery, useQueries, useQuery } from '@tanstack/react-query'
import { useCallback, useRef, useState } from 'react'

const LEAP_RESTS_MS = 80

/**
 * The records of a table as a list that can be scrolled to any place: blocks of them, those in sight. Where only looking
 * at all of them would tell how many a filter leaves (a text, or a state of whichever field), they come one page after
 * the other instead, and `more` is whether there may be others.
 */
export function useRecords(
  table: string,
  filter: RecordFilter,
  refetchInterval: number | false,
): {
  count: number | null
  more: boolean
  at: (index: number) => TableRecord | null
  onRange: (from: number, to: number) => void
  /** Why what is in sight has no newer answer, also while it is asked for again. */
  error: Error | null
  /** When the oldest of what is here came, by this device's clock. */
  dataUpdatedAt: number
  again: () => void
} {
  const isSearch = filter.q !== '' || (filter.state !== '' && filter.field === '')
  // Says how many there are, wherever the reader is; while a filter changes, the number of before.
  const beginning = useQuery({
    ...recordsQuery(table, filter, 0),
    refetchInterval,
    placeholderData: keepPreviousData,
    enabled: !isSearch,
  })
  const [range, setRange] = useState({ first: 0, last: 0 })
  const asked = useRef(range)
  const leap = useRef<ReturnType<typeof setTimeout>>(undefined)
  const blocks = isSearch
    ? []
    : Array.from({ length: range.last - range.first + 1 }, (_, n) => range.first + n)
  const pages = useQueries({
    queries: blocks.map((block) => ({
      ...recordsQuery(table, filter, block),
      refetchInterval,
    })),
  })
  const found = useInfiniteQuery({
    ...foundRecordsQuery(table, filter),
    refetchInterval,
    enabled: isSearch,
  })
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found
  const items = found.data?.pages.flatMap((page) => page.items) ?? []
  const foundCount = items.length
  const onRange = useCallback(
    (from: number, to: number) => {
      const next = {
        first: Math.floor(from / BLOCK_RECORDS),
        last: Math.floor(Math.max(from, to - 1) / BLOCK_RECORDS),
      }
      const move = () => {
        asked.current = next
        setRange((now) => (now.first === next.first && now.last === next.last ? now : next))
      }
      const { first, last } = asked.current
      clearTimeout(leap.current)
      // The scroll bar passes by thousands of records: those that it stops at are asked for.
      if (next.first <= last + 1 && next.last >= first - 1) move()
      else leap.current = setTimeout(move, LEAP_RESTS_MS)
      if (isSearch && to >= foundCount && hasNextPage && !isFetchingNextPage) void fetchNextPage()
    },
    [isSearch, foundCount, hasNextPage, isFetchingNextPage, fetchNextPage],
  )
  const parts = isSearch ? [found] : [beginning, ...pages]
  const standing = useStandingError({
    error: parts.find(({ error }) => error !== null)?.error ?? null,
    isPending: parts.some(({ isPending }) => isPending),
    isPlaceholderData: !isSearch && beginning.isPlaceholderData,
    fetchStatus: parts.find(({ fetchStatus }) => fetchStatus !== 'idle')?.fetchStatus ?? 'idle',
  })
  const answer = {
    error: standing,
    dataUpdatedAt: Math.min(
      ...parts.map(({ dataUpdatedAt }) => dataUpdatedAt).filter((at) => at > 0),
    ),
    again: () => {
      for (const part of parts) if (part.isError) void part.refetch()
    },
  }
  if (isSearch)
    return {
      ...answer,
      count: found.data ? items.length : null,
      more: hasNextPage,
      at: (index) => items[index] ?? null,
      onRange,
    }
  // A number of before is none of what could not be had.
  const isOthers = standing !== null && beginning.isPlaceholderData
  return {
    ...answer,
    count: isOthers ? null : (beginning.data?.total ?? null),
    more: false,
    at: (index) => {
      const page = pages[blocks.indexOf(Math.floor(index / BLOCK_RECORDS))]
      return page?.data?.items[index % BLOCK_RECORDS] ?? null
    },
    onRange,
  }
}
