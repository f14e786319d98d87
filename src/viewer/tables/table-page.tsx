import type { Table } from '#contract/provenance.ts'
import { CELL_STATE, keysOf, SOURCE_KIND } from '#contract/status.ts'
import { useWhyNot } from '#viewer/may.ts'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { counted } from '#evidence/counted.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { Failure } from '#viewer/parts/failure.tsx'
import { useHotkeys } from '#viewer/parts/hotkeys.ts'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { NoSuch } from '#viewer/parts/no-such.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { RunWaits } from '#viewer/parts/table-wait.tsx'
import { When } from '#viewer/parts/time.tsx'
import { AsOf } from '#viewer/parts/told.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { useTablesStatus, WHILE_RUNNING_MS } from '#viewer/tables-status.ts'
import { tablesQuery } from '#viewer/table-queries.ts'
import { part } from '#viewer/parts/part.ts'
import { useQuery } from '@tanstack/react-query'
import { Suspense, useDeferredValue, useRef, useState } from 'react'
import { useSearchParams } from 'wouter'
import { DeriveDialog, type DeriveScope } from './derive-dialog.tsx'
import { RecordGrid } from './record-grid.tsx'
import { HintedProgress, RunningField } from './table-progress.tsx'
import { statusOfTable, type TableStatus } from './table-status.ts'
import { useRecords } from './use-records.ts'

const CellPanel = part(() => import('./cell-panel.tsx').then((m) => m.CellPanel))
const ExportDialog = part(() => import('./export-dialog.tsx').then((m) => m.ExportDialog))

/** One table: its records and fields as a grid, and beside it the cell that was opened. */
export function TablePage({ table: name }: { table: string }) {
  const tables = useQuery(tablesQuery)
  const table = tables.data?.items.find((one) => one.table === name)
  if (table) return <OneTable table={table} />
  return (
    <Page title="Table" wide>
      <Answered
        of={tables}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={10} height="h-9" />
          </div>
        }
      >
        {() => (
          <NoSuch what="table" href="/tables" all="tables">
            This project defines no table <RunText text={name} max={140} />.
          </NoSuch>
        )}
      </Answered>
    </Page>
  )
}

function OneTable({ table }: { table: Table }) {
  const { table: name } = table
  const [search, setSearch] = useSearchParams()
  const filter = {
    state: keysOf(CELL_STATE).find((state) => state === search.get('state')) ?? '',
    field: table.fields.find(({ field }) => field === search.get('in'))?.field ?? '',
    q: search.get('q') ?? '',
  }
  const q = useDeferredValue(filter.q)
  const opened = cellIn(search)
  const { status: server, hinted, isRunning } = useTablesStatus()
  const status = statusOfTable(table, server.data?.tables ?? [])
  const waiting = server.data?.waiting.filter((wait) => wait.table === name) ?? []
  const records = useRecords(
    name,
    { ...filter, field: filter.state === '' ? '' : filter.field, q },
    status.running.length > 0 ? 2 * WHILE_RUNNING_MS : false,
  )
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [scope, setScope] = useState<DeriveScope | null>(null)
  const [exporting, setExporting] = useState(false)
  const [left, setLeft] = useState<CellAt | null>(null)
  const whyNot = useWhyNot('operate')
  const box = useRef<HTMLInputElement>(null)
  const set = (
    changes: Readonly<Record<string, string | null>>,
    how: { replace: boolean; state?: unknown } = { replace: true },
  ) =>
    setSearch((now) => {
      const next = new URLSearchParams(now)
      for (const [key, value] of Object.entries(changes))
        if (value === null || value === '') next.delete(key)
        else next.set(key, value)
      return next
    }, how)
  // Back closes what was opened in the grid, as Close does; another cell takes its place.
  const open = (record_id: string, field: string) =>
    set(
      { record: record_id, field },
      opened ? { replace: true, state: stateNow() } : { replace: false, state: OPENED_HERE },
    )
  const close = () => {
    setLeft(opened)
    focusLeftCell()
    if (isOpenedHere(stateNow())) history.back()
    else set({ record: null, field: null })
  }
  const deriveAll = () => setScope({ what: name, targets: [name], record_ids: null })
  useHotkeys({
    '/': () => box.current?.focus(),
    Escape: opened ? close : undefined,
    n: whyNot === null ? deriveAll : undefined,
  })
  const derived = table.fields.filter((field) => field.derived !== null)
  const isUnreadable = table.read_at === null && table.fault !== null
  const isFiltered = filter.state !== '' || filter.q !== ''
  return (
    <Page
      title={plain(name)}
      wide
      heading={
        <span className="flex flex-wrap items-baseline gap-x-3">
          <RunText text={name} max={64} />
          <span className="text-sm font-normal text-ink-2">
            {counted(table.records, 'record')} · {SOURCE_KIND[table.source.kind].label} ·{' '}
            <RunText text={table.source.path} max={200} />
            {table.read_at !== null && (
              <>
                {' '}
                · read <When at={table.read_at} ago />
              </>
            )}
          </span>
        </span>
      }
      actions={
        <div className="flex flex-wrap gap-2">
          <button type="button" className="button" onClick={() => setExporting(true)}>
            Export
          </button>
          <ChangeButton look="main" whyNot={whyNot} onPress={deriveAll}>
            Derive
          </ChangeButton>
        </div>
      }
    >
      {table.fault !== null && (
        <Notice tone="bad" title="The source could not be read">
          {table.read_at === null
            ? 'It never was, so that there are no records yet.'
            : 'The records are those of before.'}{' '}
          <RunText text={table.fault} max={600} />
        </Notice>
      )}
      {hinted && !isRunning && <HintedProgress />}
      {status.running.map((running) => (
        <RunningField key={running.field} running={running} />
      ))}
      {waiting.map((wait) => (
        <RunWaits key={wait.run_id} wait={wait} who="the run" />
      ))}
      <div
        className={`grid items-start gap-4 ${opened ? 'lg:grid-cols-[minmax(0,1fr)_minmax(24rem,30rem)]' : ''}`}
      >
        <div className={`flex min-w-0 flex-col gap-3 ${opened ? 'max-lg:hidden' : ''}`}>
          {/* Nothing can be found in what was never read. */}
          {!isUnreadable && (
            <div className="flex flex-wrap items-center gap-2">
              <StateFilter
                chosen={filter.state}
                status={status}
                field={filter.field}
                choose={(state) => set({ state })}
              />
              {filter.state !== '' && derived.length > 1 && (
                <label className="flex items-center gap-2 text-ink-2">
                  in
                  <select
                    className="field w-auto"
                    value={filter.field}
                    onChange={({ target }) => set({ in: target.value })}
                  >
                    <option value="">any field</option>
                    {derived.map(({ field }) => (
                      <option key={field} value={field}>
                        {plain(field)}
                      </option>
                    ))}
                  </select>
                </label>
              )}
              <input
                ref={box}
                type="search"
                className="field ml-auto sm:w-64"
                placeholder="Search keys and values   /"
                aria-label="Search records"
                maxLength={200}
                value={filter.q}
                onChange={({ target }) => set({ q: target.value })}
              />
            </div>
          )}
          {chosen.size > 0 && (
            <div className="flex flex-wrap items-center gap-2 rounded-md bg-active-wash px-3 py-1.5">
              <output className="font-medium">{counted(chosen.size, 'record')} chosen</output>
              <ChangeButton
                whyNot={whyNot}
                onPress={() =>
                  setScope({
                    what: `${counted(chosen.size, 'chosen record')} of ${name}`,
                    targets: [name],
                    record_ids: [...chosen],
                  })
                }
              >
                Derive these
              </ChangeButton>
              <button
                type="button"
                className="button"
                data-look="quiet"
                onClick={() => setChosen(new Set())}
              >
                Choose none
              </button>
            </div>
          )}
          {records.error !== null && records.count === null && (
            <Failure error={records.error} again={records.again} />
          )}
          {records.count === null && records.error === null ? (
            <div className="card overflow-hidden">
              <SkeletonRows rows={10} height="h-9" />
            </div>
          ) : records.count === 0 ? (
            isFiltered ? (
              <Notice
                title="No record fits"
                action={
                  <button
                    type="button"
                    className="button"
                    onClick={() => set({ state: null, in: null, q: null })}
                  >
                    Show all records
                  </button>
                }
              >
                The filters above leave nothing over.
              </Notice>
            ) : isUnreadable ? null : (
              <Notice title="No record">
                {table.read_at === null
                  ? 'The source was not read yet: derive, and it is read.'
                  : 'The source has none.'}
              </Notice>
            )
          ) : (
            records.count !== null && (
              <div className="card overflow-hidden">
                <RecordGrid
                  table={table}
                  status={status}
                  records={records}
                  chosen={chosen}
                  choose={(record_id) => setChosen((now) => toggled(now, record_id))}
                  open={open}
                  opened={opened}
                  left={left}
                  soughtField={filter.state === '' ? '' : filter.field}
                  derive={(field) =>
                    setScope({
                      what: `${name}.${field}`,
                      targets: [`${name}.${field}`],
                      record_ids: null,
                    })
                  }
                />
                <output className="block border-t border-line px-4 py-1 text-xs text-ink-2">
                  {records.count.toLocaleString('en')}
                  {records.more && ' or more'}{' '}
                  {records.count === 1 && !records.more ? 'record' : 'records'}
                  {isFiltered && ' found'}
                  {derived.length > 0 && `, cost of all ${status.cost}`}
                  {/* What is shown stays where it is: the page asks again by itself. */}
                  <span className="ml-2 empty:hidden">
                    <AsOf of={records} />
                  </span>
                </output>
              </div>
            )
          )}
        </div>
        {opened && (
          <Suspense fallback={<div className="card h-96" />}>
            <CellPanel
              key={`${opened.record_id} ${opened.field}`}
              name={{ table: name, ...opened }}
              onClose={close}
              onRetry={() =>
                setScope({
                  what: `${opened.field} of ${plain(opened.record_id, 60)}`,
                  targets: [`${name}.${opened.field}`],
                  record_ids: [opened.record_id],
                })
              }
            />
          </Suspense>
        )}
      </div>
      <DeriveDialog scope={scope} onClose={() => setScope(null)} />
      {exporting && (
        <Suspense>
          <ExportDialog table={table} filter={filter} onClose={() => setExporting(false)} />
        </Suspense>
      )}
    </Page>
  )
}

const OPENED_HERE = { cell: 'opened in the grid' }
const stateNow = (): unknown => history.state
const isOpenedHere = (state: unknown): boolean =>
  typeof state === 'object' && state !== null && 'cell' in state

/** Back to where the reader was in the grid, once that is drawn again. */
function focusLeftCell(frames = 0): void {
  requestAnimationFrame(() => {
    const find = (mark: string) => document.querySelector<HTMLElement>(mark)
    const cell = find('[data-left]') ?? (frames < LEFT_FRAMES ? null : find('[data-place]'))
    // What is not drawn, as the grid beside a cell on a narrow page, takes no focus.
    cell?.focus()
    if (frames < LEFT_FRAMES && (cell === null || document.activeElement !== cell))
      focusLeftCell(frames + 1)
  })
}
const LEFT_FRAMES = 30

type CellAt = { record_id: string; field: string }

function cellIn(search: URLSearchParams): CellAt | null {
  const [record_id, field] = [search.get('record'), search.get('field')]
  return record_id === null || field === null ? null : { record_id, field }
}

function toggled(chosen: ReadonlySet<string>, record_id: string): ReadonlySet<string> {
  const next = new Set(chosen)
  if (!next.delete(record_id)) next.add(record_id)
  return next
}

/** One state at a time; how many cells are in it, of all fields or of the one that is asked for. */
function StateFilter({
  chosen,
  status,
  field,
  choose,
}: {
  chosen: string
  status: TableStatus
  field: string
  choose: (state: string) => void
}) {
  const cells = status.fields.find((one) => one.field === field)?.cells ?? status.cells
  return (
    <fieldset className="flex flex-wrap gap-1">
      <legend className="sr-only">Only records with a cell that is</legend>
      {(['', ...keysOf(CELL_STATE)] as const).map((state) => (
        <label
          key={state}
          title={state === '' ? undefined : CELL_STATE[state].means}
          className="button min-h-8 cursor-pointer gap-1.5 px-2.5 text-ink-2 has-checked:border-ink has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-seal"
        >
          <input
            type="radio"
            name="state"
            className="sr-only"
            checked={chosen === state}
            onChange={() => choose(state)}
          />
          {state === '' ? 'All' : CELL_STATE[state].label}
          {state !== '' && (
            <span className="text-xs font-normal text-ink-3">
              {cells[state].toLocaleString('en')}
            </span>
          )}
        </label>
      ))}
    </fieldset>
  )
}
