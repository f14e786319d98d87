import { Answered } from '#viewer/parts/answered.tsx'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { useRowKeys } from '#viewer/parts/row-keys.ts'
import { ShowMore } from '#viewer/parts/show-more.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { RunEnded } from '#viewer/parts/state.tsx'
import { When } from '#viewer/parts/time.tsx'
import { AsOf } from '#viewer/parts/told.tsx'
import { envelopesQuery, memoryQuery } from '#viewer/queries.ts'
import { seenHere } from '#viewer/trust-store.ts'
import { heldName } from '#evidence/place.ts'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link } from 'wouter'
import { ChangedHistory } from './changed-history.tsx'
import { LostMemory } from './lost-memory.tsx'
import { listUnlike } from './unlike-seen.ts'

/** Every sealed record that this server keeps. A list of the server's: each is verified when it is opened. */
export function EnvelopesPage() {
  const envelopes = useInfiniteQuery(envelopesQuery)
  const { data, hasNextPage } = envelopes
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data])
  const { data: memory } = useQuery(memoryQuery)
  const before = data?.pages[0]?.memory
  const changed = useMemo(() => {
    if (memory === undefined || before === undefined) return null
    const known = new Set(seenHere(before).map(heldName))
    const seen = seenHere(memory).filter((one) => known.has(heldName(one)))
    return listUnlike(items, seen, !hasNextPage)
  }, [before, items, memory, hasNextPage])
  const list = useRowKeys<HTMLUListElement>()
  return (
    <Page
      title="Evidence"
      actions={
        <div className="flex flex-wrap gap-2">
          <Link href="/verify" className="button">
            Verify a file
          </Link>
          <Link href="/evidence/chain" className="button">
            Walk the chain
          </Link>
          <Link href="/evidence/trust" className="button">
            Keys you trust
          </Link>
        </div>
      }
    >
      <LostMemory memory={memory} />
      <ChangedHistory now={changed} />
      <p className="max-w-prose text-ink-2">
        The sealed records as this server lists them: not checked. A record is evidence once your
        browser has verified it: open one.{' '}
        <span className="text-xs">
          <AsOf of={envelopes} />
        </span>
      </p>
      <Answered
        of={envelopes}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={6} height="h-14" />
          </div>
        }
      >
        {() =>
          items.length === 0 ? (
            <Notice
              title={changed === null ? 'No sealed record yet' : 'No record is listed'}
              action={
                <Link href="/runs" className="button">
                  Go to the runs
                </Link>
              }
            >
              {changed === null && 'Every run is sealed when it ends, however it ended.'}
            </Notice>
          ) : (
            <ul ref={list} className="card divide-y divide-line overflow-hidden">
              {items.map(
                ({ evidence_id, definition, outcome, seal_seq, sealed_at, bytes, run_id }) => (
                  <li key={evidence_id}>
                    <Link
                      href={`/evidence/${encodeURIComponent(evidence_id)}?run=${encodeURIComponent(run_id)}`}
                      data-row=""
                      className="grid grid-cols-[3.5rem_minmax(0,1fr)_auto] @max-[20rem]:grid-cols-[minmax(0,1fr)] items-center gap-x-4 px-4 py-2.5 hover:bg-hover focus-visible:-outline-offset-2"
                    >
                      <span className="text-ink-3">
                        <span className="sr-only">seal number </span>#{seal_seq}
                      </span>
                      <span className="min-w-0">
                        <span className="block truncate text-base font-medium">
                          <RunText text={definition} max={120} />
                        </span>
                        <code className="block truncate font-mono text-xs text-ink-3">
                          {evidence_id}
                        </code>
                      </span>
                      <span className="flex flex-col items-end @max-[20rem]:items-start gap-0.5">
                        <RunEnded outcome={outcome} />
                        <span className="text-xs text-ink-2">
                          <When at={sealed_at} ago /> ·{' '}
                          {Math.ceil(bytes / 1024).toLocaleString('en')} KiB
                        </span>
                      </span>
                    </Link>
                  </li>
                ),
              )}
            </ul>
          )
        }
      </Answered>
      <ShowMore of={envelopes} what="older records" />
    </Page>
  )
}
