import { GATE_OUTCOME, STEP_STATUS, type ToldBy } from '#contract/status.ts'
import { counted } from '#evidence/counted.ts'
import { useBlocksInSight } from '#viewer/parts/blocks-in-sight.ts'
import { bytesSaid } from '#viewer/parts/bytes-said.ts'
import { ErrorWords } from '#viewer/parts/failure.tsx'
import { LongText } from '#viewer/parts/long-text.tsx'
import { onEscape } from '#viewer/parts/on-escape.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { duration } from '#contract/duration.ts'
import { ToldWord } from '#viewer/parts/told.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { evidencePageQuery, PAGE_ROWS } from '#viewer/record-queries.ts'
import type { Page, PageView, Rows, SortBy, Summary } from '#viewer/verifier.ts'
import { useQueries, useQuery } from '@tanstack/react-query'
import { type ReactNode, useDeferredValue, useRef, useState } from 'react'
import { useSearchParams } from 'wouter'
import { EntryDetail } from './entry-detail.tsx'
import type { Origin } from './origin.ts'

/* Columns that have room where the page, by the size of its text, is wide, or of middle width. */
const WIDE = '@max-[56rem]:hidden'
const MIDDLE = '@max-[36rem]:hidden'

const VIEW = {
  steps: {
    label: 'Steps',
    one: 'step',
    searched: 'its name, kind, outcome, reason, signal, command or the paths of its artifacts',
    rowPx: 44,
    grid: 'grid-cols-[3rem_minmax(0,1fr)_auto] @min-[36rem]:grid-cols-[3rem_minmax(0,2fr)_8rem_minmax(0,3fr)] @min-[56rem]:grid-cols-[3rem_minmax(0,2fr)_8rem_5rem_6rem_minmax(0,3fr)_6rem]',
    columns: [
      { sort: 'seq', label: '#' },
      { sort: 'name', label: 'Step' },
      { sort: 'outcome', label: 'Outcome' },
      { sort: 'exit', label: 'Exit', only: WIDE },
      { sort: 'duration', label: 'Took', only: WIDE },
      { sort: null, label: 'Command', only: MIDDLE },
      { sort: 'log', label: 'Log', only: WIDE },
    ],
  },
  gates: {
    label: 'Gates',
    one: 'gate',
    searched: 'its name, question or outcome, or in who decided and what they said',
    rowPx: 64,
    grid: 'grid-cols-[3rem_minmax(0,1fr)_auto]',
    columns: [
      { sort: 'seq', label: '#' },
      { sort: 'name', label: 'Question' },
      { sort: 'outcome', label: 'Outcome' },
    ],
  },
  raw: {
    label: 'Raw record',
    one: 'line',
    searched: 'it: the whole record was searched, line by line',
    rowPx: 20,
    grid: '',
    columns: [],
  },
} as const satisfies Record<
  PageView,
  {
    label: string
    one: string
    /** What of a row is searched. */
    searched: string
    rowPx: number
    grid: string
    columns: readonly { sort: SortBy | null; label: string; only?: string }[]
  }
>

const VIEWS = ['steps', 'gates', 'raw'] as const

/** The verified document, a screenful at a time: it stays in the worker that verified it. */
export function AuditViews({
  document,
  origin,
  summary,
  told,
}: {
  document: string
  origin: Origin
  summary: Summary
  told: ToldBy
}) {
  const [params, setParams] = useSearchParams()
  const view = VIEWS.find((name) => name === params.get('view')) ?? 'steps'
  const [search, setSearch] = useState('')
  const rows: Rows = { view, ...sortOf(view, params.get('sort')), search: useDeferredValue(search) }
  const entry = Number(params.get('entry') ?? Number.NaN)
  const set = (changes: Readonly<Record<string, string | null>>) =>
    setParams(
      (now) => {
        const next = new URLSearchParams(now)
        for (const [name, value] of Object.entries(changes))
          if (value === null) next.delete(name)
          else next.set(name, value)
        return next
      },
      { replace: true },
    )
  const section = useRef<HTMLElement>(null)
  const close = () => {
    set({ entry: null })
    // Its row, or where that is not drawn the list, or where nothing is found the search.
    const places = [`[data-seq="${entry}"]`, 'section[tabindex="0"]', 'input']
    const found = places.map((place) => section.current?.querySelector<HTMLElement>(place))
    found.find((place) => place)?.focus()
  }
  return (
    <>
      <section ref={section} aria-label="What is on record" className="card overflow-hidden">
        <div className="flex min-h-10 flex-wrap items-center gap-x-1 border-b border-line px-2">
          {VIEWS.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={name === view}
              onClick={() => set({ view: name, sort: null, entry: null })}
              className="h-10 border-b-2 border-transparent px-2 font-medium text-ink-2 aria-pressed:border-ink aria-pressed:text-ink"
            >
              {VIEW[name].label}
            </button>
          ))}
          <span className="ml-auto flex flex-wrap items-center justify-end gap-x-3 gap-y-1 py-1 pr-2">
            <input
              type="search"
              className="field min-h-7 w-44 py-0"
              placeholder={`Search the ${VIEW[view].label.toLowerCase()}`}
              aria-label={`Search in ${VIEW[view].label.toLowerCase()}`}
              value={search}
              onChange={({ target }) => setSearch(target.value)}
            />
            <ToldWord by={told} />
          </span>
        </div>
        <Head rows={rows} onSort={(sort) => set({ sort })} />
        <Table
          key={JSON.stringify(rows)}
          document={document}
          rows={rows}
          summary={summary}
          chosen={entry}
          choose={(seq) => (seq === entry ? close() : set({ entry: String(seq) }))}
          leave={close}
          look={(name) => set({ view: name, sort: null, entry: null })}
        />
      </section>
      {Number.isInteger(entry) && (
        <EntryDetail
          key={entry}
          document={document}
          origin={origin}
          summary={summary}
          told={told}
          seq={entry}
          onClose={close}
        />
      )}
    </>
  )
}

// In the address: the column, with a minus where it goes downwards.
function sortOf(view: PageView, said: string | null): Pick<Rows, 'sort' | 'descending'> {
  const descending = said?.startsWith('-') ?? false
  const named = VIEW[view].columns.find(({ sort }) => sort === said?.replace('-', ''))
  return { sort: named?.sort ?? 'seq', descending: named ? descending : false }
}

function Head({ rows, onSort }: { rows: Rows; onSort: (sort: string) => void }) {
  const { columns, grid } = VIEW[rows.view]
  if (columns.length === 0) return null
  return (
    <div className={`${GRID} ${grid} h-8 border-b border-line text-xs text-ink-2`}>
      {columns.map((column) => {
        const { sort, label } = column
        const only = 'only' in column ? column.only : ''
        if (sort === null)
          return (
            <span key={label} className={only}>
              {label}
            </span>
          )
        const isSorted = rows.sort === sort
        return (
          <button
            key={label}
            type="button"
            className={`flex h-full items-center gap-1 font-medium ${only} ${isSorted ? 'text-ink' : ''}`}
            aria-label={`Sort by ${label}${isSorted ? (rows.descending ? ', downwards' : ', upwards') : ''}`}
            aria-pressed={isSorted}
            onClick={() => onSort(isSorted && !rows.descending ? `-${sort}` : sort)}
          >
            {label}
            <span aria-hidden="true">{isSorted ? (rows.descending ? '↓' : '↑') : ''}</span>
          </button>
        )
      })}
    </div>
  )
}

const GRID = 'grid items-center gap-x-4 px-4'

function Table({
  document,
  rows,
  summary,
  chosen,
  choose,
  leave,
  look,
}: {
  document: string
  rows: Rows
  summary: Summary
  chosen: number
  choose: (seq: number) => void
  leave: () => void
  look: (view: PageView) => void
}) {
  const [line, setLine] = useState<RawLine | null>(null)
  const { blocks, onRange } = useBlocksInSight(PAGE_ROWS)
  const queryOf = (block: number) => evidencePageQuery(document, summary.head, rows, block)
  const pages = useQueries({ queries: blocks.map(queryOf) })
  const failed = pages.find(({ isError }) => isError)
  // However far the reader goes: a list that had no more rows for a moment would be at its start again.
  const count = useQuery(queryOf(0)).data?.total
  const { label, rowPx, grid } = VIEW[rows.view]
  const rowAt = (index: number): ReactNode => {
    const page = pages[blocks.indexOf(Math.floor(index / PAGE_ROWS))]
    if (!page?.data) return <span data-pending="" className="skeleton m-3 block h-3 w-1/3" />
    return drawRow(page.data, index % PAGE_ROWS, grid, chosen, choose, setLine)
  }
  if (failed) return <ErrorWords error={failed.error} className="p-4" />
  if (count === 0)
    return rows.search === '' ? (
      <p className="p-4 text-ink-2">The record has no {label.toLowerCase()}.</p>
    ) : (
      <NotFound document={document} rows={rows} head={summary.head} look={look} />
    )
  const isTall = rows.view === 'raw' || (count ?? 0) * rowPx > 560
  return (
    <>
      <VirtualList
        label={label}
        count={count ?? 1}
        rowPx={rowPx}
        className={`${isTall ? 'h-140' : ''} ${rows.view === 'raw' ? 'bg-sunken font-mono text-xs' : ''}`}
        walks={rows.view !== 'raw'}
        box={{
          'aria-busy': count === undefined,
          onKeyDown: (event) => {
            // Nothing to scroll yet: the browser would scroll the page away in its place.
            if (count === undefined && SCROLLS.has(event.key)) event.preventDefault()
            if (Number.isInteger(chosen)) onEscape(leave)(event)
          },
        }}
        onRange={onRange}
        renderRow={rowAt}
      />
      {line !== null && (
        <section aria-label={`Line ${line.line}`} className="border-t border-line p-4">
          <LongText key={line.line} text={line.text} max={4000} what={`line ${line.line}`} block />
        </section>
      )}
      <output className="block border-t border-line px-4 py-1 text-xs text-ink-2">
        {count === undefined ? (
          `${rows.search === '' ? 'Reading' : 'Searching'} the ${label.toLowerCase()}.`
        ) : (
          <>
            {counted(count, rows.view === 'raw' ? 'line' : 'row')}
            {rows.search !== '' && ' found'}
            {sortSaid(rows)}
          </>
        )}
      </output>
    </>
  )
}

const SCROLLS: ReadonlySet<string> = new Set(['PageDown', 'PageUp', 'Home', 'End', ' '])

type RawLine = { line: number; text: string }

/** Also where the column is not shown. */
function sortSaid({ view, sort, descending }: Rows): string {
  const column = VIEW[view].columns.find((one) => one.sort === sort)
  if (column === undefined || (sort === 'seq' && !descending)) return ''
  return `, sorted by ${column.label}, ${descending ? 'downwards' : 'upwards'}`
}

/** What was searched, and where else in the record it is. */
function NotFound({
  document,
  rows: { view, search },
  head,
  look,
}: {
  document: string
  rows: Rows
  head: string
  look: (view: PageView) => void
}) {
  const others = VIEWS.filter((name) => name !== view)
  const found = useQueries({
    queries: others.map((name) =>
      evidencePageQuery(document, head, { view: name, sort: 'seq', descending: false, search }, 0),
    ),
  })
  return (
    <div className="flex flex-col items-start gap-2 p-4 text-ink-2">
      <p>
        No {VIEW[view].one} has this in {VIEW[view].searched}.
      </p>
      {others.map((name, nth) => {
        const total = found[nth]?.data?.total ?? 0
        if (total === 0) return null
        return (
          <button key={name} type="button" className="button" onClick={() => look(name)}>
            {VIEW[name].label}: found in {counted(total, VIEW[name].one)}
          </button>
        )
      })}
    </div>
  )
}

const MAX_RAW_CHARS = 2000

function drawRow(
  page: Page,
  at: number,
  grid: string,
  chosen: number,
  choose: (seq: number) => void,
  showLine: (line: RawLine) => void,
): ReactNode {
  switch (page.view) {
    case 'steps': {
      const row = page.rows[at]
      if (!row) return null
      const { entry, seq } = row
      return (
        <Row seq={seq} grid={grid} chosen={chosen} choose={choose}>
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
          <span className={`text-ink-2 ${WIDE}`}>
            {entry.exit_code === null ? (entry.signal ?? '—') : `exit ${entry.exit_code}`}
          </span>
          <span className={`text-ink-2 ${WIDE}`}>{duration(entry.duration_ms)}</span>
          <span className={`truncate font-mono text-xs text-ink-2 ${MIDDLE}`}>
            <RunText text={entry.argv.join(' ')} max={300} />
          </span>
          <span className={`text-xs text-ink-2 ${WIDE}`}>{bytesSaid(entry.log.bytes)}</span>
        </Row>
      )
    }
    case 'gates': {
      const row = page.rows[at]
      if (!row) return null
      const { entry, seq } = row
      return (
        <Row seq={seq} grid={grid} chosen={chosen} choose={choose}>
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
        </Row>
      )
    }
    case 'raw': {
      const row = page.rows[at]
      return (
        row && (
          <div className="flex h-5 gap-3 leading-5">
            <span aria-hidden="true" className="w-14 shrink-0 text-right text-ink-3 select-none">
              {row.line}
            </span>
            {/* Before the text: behind it would be far out of sight. */}
            {row.text.length > MAX_RAW_CHARS && (
              <button
                type="button"
                className="link shrink-0 font-sans whitespace-nowrap"
                onClick={() => showLine(row)}
              >
                Show the whole line
              </button>
            )}
            <span className="whitespace-pre">
              <RunText text={row.text} max={MAX_RAW_CHARS} />
            </span>
          </div>
        )
      )
    }
  }
}

function Row({
  seq,
  grid,
  chosen,
  choose,
  children,
}: {
  seq: number
  grid: string
  chosen: number
  choose: (seq: number) => void
  children: ReactNode
}) {
  return (
    <button
      type="button"
      className={`${GRID} ${grid} size-full border-b border-line text-left hover:bg-hover focus-visible:-outline-offset-2 aria-expanded:bg-hover`}
      data-seq={seq}
      aria-expanded={seq === chosen}
      onClick={() => choose(seq)}
    >
      <span className="text-ink-3" title="Place in the hash chain">
        {seq}
      </span>
      {children}
    </button>
  )
}
