import type { Cell } from '#contract/envelope.ts'
import { CELL_STATE } from '#contract/status.ts'
import { counted } from '#evidence/counted.ts'
import { wordsOf } from '#viewer/api.ts'
import { useBlocksInSight } from '#viewer/parts/blocks-in-sight.ts'
import { bytesSaid } from '#viewer/parts/bytes-said.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { Choose } from '#viewer/parts/choose.tsx'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { fetchCells, PAGE_ROWS, sealedCellsQuery } from '#viewer/record-queries.ts'
import type { CellsApart } from '#viewer/verifier.ts'
import { useMutation, useQueries, useQuery, useQueryClient } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import { Link } from 'wouter'
import type { Origin } from './origin.ts'

const ROW_PX = 36

/**
 * The cells that a step derived, as they are sealed: listed in its entry, or in a part of its own, which is fetched and
 * compared with the digest on record before one of them is shown [U10].
 */
export function SealedCells({
  document,
  origin,
  head,
  seq,
}: {
  document: string
  origin: Origin
  head: string
  seq: number
}) {
  const [search, setSearch] = useState('')
  const wanted = useDeferredValue(search)
  const { blocks, onRange } = useBlocksInSight(PAGE_ROWS)
  // The first block is asked for wherever one reads: the list stands by its count while others come.
  const first = useQuery(sealedCellsQuery(document, head, seq, wanted, 0))
  const pages = useQueries({
    queries: blocks.map((block) => sealedCellsQuery(document, head, seq, wanted, block)),
  })
  const failed = [first, ...pages].find(({ isError }) => isError)
  const known = first.data
  if (failed)
    return (
      <p role="alert" className="text-bad">
        The cells cannot be read: {wordsOf(failed.error).detail}
      </p>
    )
  if (!known) return <p className="text-ink-2">Reading the cells.</p>
  if (known.state === 'apart')
    return <Apart document={document} origin={origin} seq={seq} apart={known.apart} />
  const cellAt = (index: number): Cell | undefined => {
    const page = pages[blocks.indexOf(Math.floor(index / PAGE_ROWS))]
    if (page?.data?.state !== 'here' || page.isPlaceholderData) return undefined
    return page.data.rows[index % PAGE_ROWS]
  }
  return (
    <section aria-label="Cells" className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h3 className="font-semibold">Cells</h3>
        <output className="text-ink-2">
          {first.isPlaceholderData ? (
            'Searching the cells.'
          ) : (
            <>
              {counted(known.total, 'cell')}
              {wanted !== '' && ' found'}
            </>
          )}
        </output>
        <input
          type="search"
          className="field ml-auto min-h-7 w-44 py-0"
          placeholder="Search the cells"
          aria-label="Search in the cells"
          value={search}
          onChange={({ target }) => setSearch(target.value)}
        />
      </div>
      {known.total > 0 && (
        <VirtualList
          label="Sealed cells"
          className={`rounded-md border border-line ${known.total > 10 ? 'h-90' : ''}`}
          count={known.total}
          rowPx={ROW_PX}
          onRange={onRange}
          renderRow={(index) => <CellRow cell={cellAt(index)} isHere={origin.from === 'server'} />}
        />
      )}
    </section>
  )
}

function CellRow({ cell, isHere }: { cell: Cell | undefined; isHere: boolean }) {
  if (!cell) return <span className="skeleton m-3 block h-3 w-1/3" />
  return (
    <div className="flex h-full items-center gap-x-4 border-b border-line px-3">
      <span className="w-24 shrink-0">
        <State
          of={
            // What a record says of a cell is what became of it then, not what it is now.
            cell.state === 'fresh' ? { ...CELL_STATE.fresh, label: 'Derived' } : CELL_STATE.failed
          }
        />
      </span>
      <span className="min-w-0 flex-1 truncate">
        {isHere ? (
          <Link
            href={`/tables/${encodeURIComponent(cell.table)}?${new URLSearchParams({ record: cell.record_id, field: cell.field }).toString()}`}
            className="link font-medium"
          >
            <RunText text={cell.record_id} max={120} />
          </Link>
        ) : (
          <span className="font-medium">
            <RunText text={cell.record_id} max={120} />
          </span>
        )}{' '}
        <span className="text-ink-2">
          <RunText text={`${cell.table}.${cell.field}`} max={140} />
        </span>
      </span>
      <span className="min-w-0 truncate text-ink-2 max-sm:hidden">
        {cell.error === null ? (
          cell.cost !== null && `cost ${cell.cost}`
        ) : (
          <span className="text-bad">
            <RunText text={cell.error} max={200} />
          </span>
        )}
      </span>
      <span className="max-sm:hidden">
        {cell.value_sha256 === null ? (
          <span className="text-ink-3">no value</span>
        ) : (
          <Fingerprint hex={cell.value_sha256} short />
        )}
      </span>
    </div>
  )
}

function Apart({
  document,
  origin,
  seq,
  apart,
}: {
  document: string
  origin: Origin
  seq: number
  apart: CellsApart
}) {
  const client = useQueryClient()
  const take = useMutation({
    ...fetchCells(document, seq, apart.sha256),
    onSuccess: () => client.invalidateQueries({ queryKey: ['cells', document] }),
  })
  return (
    <section aria-label="Cells" className="flex flex-col gap-2">
      <h3 className="font-semibold">Cells</h3>
      <p className="text-ink-2">
        {counted(apart.count, 'cell')} in a part of {bytesSaid(apart.bytes)}, of which the record
        has the digest: <Fingerprint hex={apart.sha256} short />
      </p>
      <div className="flex flex-wrap items-center gap-2">
        {origin.from === 'server' && (
          <button
            type="button"
            className="button"
            disabled={take.isPending}
            onClick={() => take.mutate(null)}
          >
            {take.isPending ? 'Comparing' : 'Fetch and compare the cells'}
          </button>
        )}
        <Choose
          button="Compare a file with the cells"
          onChosen={([one]) => {
            if (one) take.mutate(one)
          }}
        />
        <span className="text-ink-2">not checked</span>
      </div>
      {take.isError && <ErrorWords error={take.error} />}
      {take.data?.same === false && (
        <p role="alert" className="rounded-md border border-broken bg-broken-wash p-3 text-broken">
          {take.data.expected === take.data.actual
            ? 'These are the cells that are on record, and they contradict it'
            : 'These are not the cells that are on record'}
          , so none of them is shown: {take.data.fault}.
        </p>
      )}
    </section>
  )
}
