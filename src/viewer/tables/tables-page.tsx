import type { Table, TableWait } from '#contract/provenance.ts'
import { CELL_STATE, keysOf, SOURCE_KIND } from '#contract/status.ts'
import { useWhyNot } from '#viewer/may.ts'
import { Answered } from '#viewer/parts/answered.tsx'
import { CellBar, CellCount } from '#viewer/parts/cell-counts.tsx'
import { ChangeButton } from '#viewer/parts/change-button.tsx'
import { counted } from '#evidence/counted.ts'
import { Notice, SkeletonRows } from '#viewer/parts/notice.tsx'
import { Page } from '#viewer/parts/page.tsx'
import { useRowKeys } from '#viewer/parts/row-keys.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { RunWaits } from '#viewer/parts/table-wait.tsx'
import { AsOf } from '#viewer/parts/told.tsx'
import { useTablesStatus } from '#viewer/tables-status.ts'
import { tablesQuery } from '#viewer/table-queries.ts'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'wouter'
import { DeriveDialog, type DeriveScope } from './derive-dialog.tsx'
import { tableHref } from './table-address.ts'
import { HintedProgress, RunningField } from './table-progress.tsx'
import { statusOfTable, type TableStatus } from './table-status.ts'

/** Every table with its derived fields: how many cells are in which state, what they cost, and what is running. */
export function TablesPage() {
  const tables = useQuery(tablesQuery)
  const { status, hinted, isRunning } = useTablesStatus()
  const [scope, setScope] = useState<DeriveScope | null>(null)
  const whyNot = useWhyNot('operate')
  const list = useRowKeys<HTMLUListElement>()
  const items = tables.data?.items ?? []
  return (
    <Page
      title="Tables"
      actions={
        items.length > 0 && (
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <span className="text-xs text-ink-2">
              <AsOf of={tables} />
            </span>
            <ChangeButton
              look="main"
              whyNot={whyNot}
              onPress={() => setScope({ what: 'all tables', targets: null, record_ids: null })}
            >
              Derive all
            </ChangeButton>
          </div>
        )
      }
    >
      {hinted && !isRunning && <HintedProgress />}
      <Answered
        of={tables}
        waiting={
          <div className="card overflow-hidden">
            <SkeletonRows rows={5} height="h-16" />
          </div>
        }
      >
        {() =>
          items.length === 0 ? (
            <NoTables />
          ) : (
            <ul ref={list} className="flex flex-col gap-4">
              {items.map((table) => (
                <TableCard
                  key={table.table}
                  table={table}
                  status={statusOfTable(table, status.data?.tables ?? [])}
                  waiting={status.data?.waiting.filter((wait) => wait.table === table.table) ?? []}
                  isKnown={status.data !== undefined}
                />
              ))}
            </ul>
          )
        }
      </Answered>
      <DeriveDialog scope={scope} onClose={() => setScope(null)} />
    </Page>
  )
}

function TableCard({
  table,
  status,
  waiting,
  isKnown,
}: {
  table: Table
  status: TableStatus
  waiting: readonly TableWait[]
  isKnown: boolean
}) {
  const derived = table.fields.filter((field) => field.derived !== null)
  return (
    <li className="card overflow-hidden">
      <Link
        href={tableHref(table.table)}
        data-row=""
        className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3 hover:bg-hover focus-visible:-outline-offset-2"
      >
        <span className="text-base font-semibold">
          <RunText text={table.table} max={64} />
        </span>
        <span className="min-w-0 truncate text-ink-2">
          {counted(table.records, 'record')} · {SOURCE_KIND[table.source.kind].label} ·{' '}
          <RunText text={table.source.path} max={120} />
        </span>
        <span className="ml-auto text-ink-2">
          {isKnown && derived.length > 0 && (
            <>
              <span className="text-ink-3">cost</span> {status.cost}
            </>
          )}
        </span>
      </Link>
      {table.fault !== null && (
        <p role="alert" className="border-t border-line px-4 py-2 text-bad">
          The source could not be read
          {table.read_at === null
            ? ', and never was'
            : ', so the records are those of before'}:{' '}
          <RunText text={table.fault} max={400} />
        </p>
      )}
      {waiting.map((wait) => (
        <div key={wait.run_id} className="border-t border-line px-4 py-2">
          <RunWaits wait={wait} who="the run" />
        </div>
      ))}
      {derived.length === 0 ? (
        <p className="border-t border-line px-4 py-2 text-ink-2">
          Nothing is derived from these records.
        </p>
      ) : (
        <>
          <ColumnNames />
          <dl className="border-t border-line">
            {derived.map(({ field, private: isPrivate }) => {
              const one = status.fields.find((its) => its.field === field)
              return (
                <div
                  key={field}
                  className={`grid items-center gap-x-4 gap-y-1.5 border-b border-line px-4 py-2 last:border-b-0 ${COLUMNS}`}
                >
                  <dt className="min-w-0 truncate font-medium">
                    <RunText text={field} max={64} />
                    {isPrivate && <span className="ml-2 font-normal text-ink-3">private</span>}
                  </dt>
                  {one ? (
                    <>
                      <dd>
                        <CellBar cells={one.cells} />
                      </dd>
                      <dd className="grid grid-cols-4 gap-x-3">
                        {keysOf(CELL_STATE).map((state) => (
                          <CellCount key={state} state={state} count={one.cells[state]} />
                        ))}
                      </dd>
                      <dd className="text-ink-2 sm:text-right">
                        <span className="text-ink-3 sm:sr-only">cost </span>
                        {one.cost}
                      </dd>
                    </>
                  ) : (
                    <dd className="text-ink-3">{isKnown ? 'not counted yet' : '…'}</dd>
                  )}
                  {one?.running && (
                    <dd className="sm:col-span-4">
                      <RunningField running={{ ...one.running, field }} />
                    </dd>
                  )}
                </div>
              )
            })}
          </dl>
        </>
      )}
    </li>
  )
}

/** Over the numbers where they stand in columns; to a screen reader each number has its own word. */
function ColumnNames() {
  return (
    <p
      aria-hidden="true"
      className={`hidden gap-x-4 border-t border-line px-4 py-1.5 text-xs text-ink-3 sm:grid ${COLUMNS}`}
    >
      <span className="col-span-2">Derived</span>
      <span className="grid grid-cols-4 gap-x-3">
        {keysOf(CELL_STATE).map((state) => (
          <span key={state}>{CELL_STATE[state].label}</span>
        ))}
      </span>
      <span className="text-right">Cost</span>
    </p>
  )
}

const COLUMNS = 'sm:grid-cols-[minmax(8rem,1fr)_minmax(8rem,16rem)_20rem_6rem]'

function NoTables() {
  return (
    <Notice title="This project defines no table">
      <p>
        A table is a file of records and fields that are derived from them, each cell with where it
        came from. Define one in <code className="font-mono">runseal.yaml</code> and start the
        server again:
      </p>
      <pre className="mt-2 rounded-md bg-sunken p-3 font-mono text-xs whitespace-pre-wrap text-ink">
        {EXAMPLE}
      </pre>
    </Notice>
  )
}

const EXAMPLE = `tables:
  packages:
    source: { kind: csv, path: packages.csv }
    key: name
    derive:
      licence:
        from: [name, version]
        argv: [node, licence.ts]   # JSON lines in, JSON lines out`
