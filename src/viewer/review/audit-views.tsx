import { GATE_OUTCOME, STEP_STATUS } from '#contract/status.ts'
import { wordsOf } from '#viewer/api.ts'
import { Fingerprint } from '#viewer/parts/fingerprint.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { duration } from '#viewer/parts/time.tsx'
import { ToldWord } from '#viewer/parts/told.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { evidencePageQuery, PAGE_ROWS } from '#viewer/queries.ts'
import type { Page, PageView, Summary } from '#viewer/verifier.ts'
import { keepPreviousData, useQueries } from '@tanstack/react-query'
import { type ReactNode, useCallback, useState } from 'react'
import { useSearchParams } from 'wouter'

const VIEW = {
  steps: { label: 'Steps', rowPx: 44 },
  gates: { label: 'Gates', rowPx: 64 },
  raw: { label: 'Raw record', rowPx: 20 },
} as const satisfies Record<PageView, { label: string; rowPx: number }>

const VIEWS = ['steps', 'gates', 'raw'] as const

/** The verified document, a screenful at a time: it stays in the worker that verified it. */
export function AuditViews({ summary }: { summary: Summary }) {
  const [search, setSearch] = useSearchParams()
  const view = VIEWS.find((name) => name === search.get('view')) ?? 'steps'
  const choose = (next: PageView) =>
    setSearch(
      (now) => {
        const changed = new URLSearchParams(now)
        changed.set('view', next)
        return changed
      },
      { replace: true },
    )
  return (
    <section aria-label="What is on record" className="card overflow-hidden">
      <div className="flex h-10 items-center gap-1 border-b border-line px-2">
        {VIEWS.map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={name === view}
            onClick={() => choose(name)}
            className="h-full border-b-2 border-transparent px-2 font-medium text-ink-2 aria-pressed:border-ink aria-pressed:text-ink"
          >
            {VIEW[name].label}
          </button>
        ))}
        <span className="ml-auto pr-2">
          <ToldWord by="verified" />
        </span>
      </div>
      <View key={view} view={view} summary={summary} />
    </section>
  )
}

function View({ view, summary }: { view: PageView; summary: Summary }) {
  const [range, setRange] = useState({ first: 0, last: 0 })
  const onRange = useCallback(
    (from: number, to: number) =>
      setRange((now) => {
        const first = Math.floor(from / PAGE_ROWS)
        const last = Math.floor(Math.max(from, to - 1) / PAGE_ROWS)
        return now.first === first && now.last === last ? now : { first, last }
      }),
    [],
  )
  const blocks = Array.from({ length: range.last - range.first + 1 }, (_, n) => range.first + n)
  const pages = useQueries({
    queries: blocks.map((block) => ({
      ...evidencePageQuery(summary.evidence_id, view, block),
      placeholderData: keepPreviousData,
    })),
  })
  const failed = pages.find(({ isError }) => isError)
  const first = pages.find(({ data }) => data)?.data
  const count = countOf(view, summary, first)
  const rowAt = (index: number): ReactNode => {
    const at = blocks.indexOf(Math.floor(index / PAGE_ROWS))
    const page = pages[at]
    if (!page?.data || page.isPlaceholderData)
      return <span className="skeleton m-3 block h-3 w-1/3" />
    return drawRow(page.data, index % PAGE_ROWS, index)
  }
  if (failed)
    return (
      <p role="alert" className="p-4 text-bad">
        {wordsOf(failed.error).title}: {wordsOf(failed.error).detail}
      </p>
    )
  if (count === 0 && view !== 'raw')
    return <p className="p-4 text-ink-2">The record has no {VIEW[view].label.toLowerCase()}.</p>
  const { rowPx } = VIEW[view]
  return (
    <VirtualList
      label={VIEW[view].label}
      count={Math.max(count, 1)}
      rowPx={rowPx}
      className={`${count * rowPx > 560 || view === 'raw' ? 'h-140' : ''} ${view === 'raw' ? 'bg-sunken font-mono text-xs' : ''}`}
      onRange={onRange}
      renderRow={rowAt}
    />
  )
}

function countOf(view: PageView, { closing }: Summary, page: Page | undefined): number {
  switch (view) {
    case 'steps':
      return closing.counts.attempts
    case 'gates':
      return closing.counts.gates
    case 'raw':
      return page?.view === 'raw' ? page.total : 0
  }
}

function drawRow(page: Page, at: number, index: number): ReactNode {
  switch (page.view) {
    case 'steps': {
      const row = page.rows[at]
      if (!row) return null
      const { entry, seq } = row
      return (
        <div className="grid h-full grid-cols-[2.5rem_minmax(0,1fr)_auto] items-center gap-x-4 border-b border-line px-4 md:grid-cols-[2.5rem_minmax(8rem,2fr)_8rem_5rem_6rem_minmax(0,3fr)_7rem]">
          <span className="text-ink-3" title="Place in the hash chain">
            {seq}
          </span>
          <span className="truncate">
            <span className="font-medium">
              <RunText text={entry.step_id} max={140} />
            </span>{' '}
            <span className="text-xs text-ink-3">
              {entry.kind}
              {entry.attempt > 1 && `, attempt ${entry.attempt}`}
            </span>
          </span>
          <State of={STEP_STATUS[entry.outcome]} />
          <span className="text-ink-2 max-md:hidden">
            {entry.exit_code === null ? (entry.signal ?? '—') : `exit ${entry.exit_code}`}
          </span>
          <span className="text-ink-2 max-md:hidden">{duration(entry.duration_ms)}</span>
          <span className="truncate font-mono text-xs text-ink-2 max-md:hidden">
            <RunText text={entry.argv.join(' ')} max={300} />
          </span>
          <span className="text-right text-xs text-ink-2 max-md:hidden">
            log <Fingerprint hex={entry.log.sha256} short />
          </span>
        </div>
      )
    }
    case 'gates': {
      const row = page.rows[at]
      if (!row) return null
      const { entry, seq } = row
      return (
        <div className="grid h-full grid-cols-[2.5rem_minmax(0,1fr)_auto] items-center gap-x-4 border-b border-line px-4">
          <span className="text-ink-3" title="Place in the hash chain">
            {seq}
          </span>
          <span className="min-w-0">
            <span className="block truncate font-medium">
              <RunText text={entry.question} max={300} />
            </span>
            <span className="block truncate text-xs text-ink-2">
              {entry.decisions.length === 0
                ? 'no person decided'
                : entry.decisions.map(({ decision }) => (
                    <span key={decision.nonce}>
                      {decision.decision} by <RunText text={decision.approver} max={80} />
                      {decision.comment !== '' && (
                        <>
                          : “<RunText text={decision.comment} max={200} />”
                        </>
                      )}{' '}
                    </span>
                  ))}
            </span>
          </span>
          <State of={GATE_OUTCOME[entry.outcome]} />
        </div>
      )
    }
    case 'raw':
      return (
        <div className="flex h-5 gap-3 leading-5">
          <span aria-hidden="true" className="w-14 shrink-0 text-right text-ink-3 select-none">
            {index + 1}
          </span>
          <span className="whitespace-pre">
            <RunText text={page.rows[at] ?? ''} max={2000} />
          </span>
        </div>
      )
  }
}
