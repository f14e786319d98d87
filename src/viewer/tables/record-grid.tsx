import type { GridCell, Table, TableRecord } from '#contract/provenance.ts'
import { CELL_STATE, type CellState } from '#contract/status.ts'
import { CellBar, totalOf } from '#viewer/parts/cell-counts.tsx'
import { DataGrid, type GridColumn } from '#viewer/parts/data-grid.tsx'
import { keyEnd, KeyText } from '#viewer/parts/key-text.tsx'
import { useNarrow } from '#viewer/parts/narrow.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { useMemo } from 'react'
import { DerivedCell, SourceCell, WASH } from './grid-cell.tsx'
import type { TableStatus } from './table-status.ts'
import type { useRecords } from './use-records.ts'

const ROW_PX = 36
const HEAD_PX = 52
const STILL = 2
/** Derived fields that a wide page has in sight. */
const MOST_IN_SIGHT = 4

/** Records by fields, each derived cell in the colour of its state. */
export function RecordGrid({
  table,
  status,
  records,
  chosen,
  choose,
  open,
  opened,
  left,
  soughtField,
  derive,
}: {
  table: Table
  status: TableStatus
  records: ReturnType<typeof useRecords>
  chosen: ReadonlySet<string>
  choose: (record_id: string) => void
  open: (record_id: string, field: string) => void
  opened: { record_id: string; field: string } | null
  /** The cell that was closed last. */
  left: { record_id: string; field: string } | null
  /** Brought in sight, since the records are filtered by it; '' where by none. */
  soughtField: string
  /** Asks what deriving a field would do. */
  derive: (field: string) => void
}) {
  const { at, count, more } = records
  const isNarrow = useNarrow()
  const columns = useMemo(
    () => columnsOf({ table, status, at, chosen, choose, open, derive, isNarrow }),
    [table, status, at, chosen, choose, open, derive, isNarrow],
  )
  const isCell = (cell: typeof opened, row: number, column: string) =>
    cell !== null && column === cell.field && at(row)?.record_id === cell.record_id
  return (
    <DataGrid
      label={`Records of ${plain(table.table)}`}
      rows={count ?? 0}
      columns={columns}
      still={STILL}
      rowPx={ROW_PX}
      headPx={HEAD_PX}
      className={`min-h-0 ${(count ?? 0) > 12 || more ? 'h-[max(20rem,calc(100dvh-15rem))] max-sm:h-[70dvh]' : ''}`}
      onRange={records.onRange}
      isThere={(row) => at(row) !== null}
      onChoose={(row) => {
        const record = at(row)
        if (record) choose(record.record_id)
      }}
      isChosen={(row) => chosen.has(at(row)?.record_id ?? '')}
      openColumn={opened?.field ?? soughtField}
      isOpen={(row, column) => isCell(opened, row, column)}
      isLeft={(row, column) => isCell(left, row, column)}
    />
  )
}

function columnsOf({
  table,
  status,
  at,
  chosen,
  choose,
  open,
  derive,
  isNarrow,
}: {
  table: Table
  status: TableStatus
  at: ReturnType<typeof useRecords>['at']
  chosen: ReadonlySet<string>
  choose: (record_id: string) => void
  open: (record_id: string, field: string) => void
  derive: (field: string) => void
  isNarrow: boolean
}): GridColumn[] {
  const derivedFields = table.fields.filter(({ derived }) => derived !== null)
  const isManyFields = derivedFields.length > (isNarrow ? 1 : MOST_IN_SIGHT)
  return [
    {
      key: '#chosen',
      widthPx: 40,
      head: <span className="sr-only">Chosen</span>,
      cell: (row) => {
        const record = at(row)
        return (
          record && (
            <input
              type="checkbox"
              tabIndex={-1}
              className="size-4 accent-seal"
              aria-label={`Choose ${plain(record.record_id, 60)}`}
              checked={chosen.has(record.record_id)}
              onChange={() => choose(record.record_id)}
            />
          )
        )
      },
      open: null,
    },
    {
      key: '#key',
      widthPx: isNarrow ? 160 : 240,
      head: <ColumnHead name={table.key} note="key" />,
      cell: (row) => {
        const record = at(row)
        return record ? (
          <span className="flex min-w-0 grow flex-col gap-0.5 font-medium">
            <KeyText text={record.record_id} />
            {isManyFields && <StatesOf record={record} />}
          </span>
        ) : (
          <span className="skeleton h-3 w-2/3" />
        )
      },
      open: null,
    },
    // What is derived comes first, or its states would be out of sight behind the columns of the source.
    ...[
      ...derivedFields,
      ...table.fields.filter(({ field, derived }) => derived === null && field !== table.key),
    ].map(({ field, derived, private: isPrivate, type }): GridColumn => {
      const isNumber = type === 'number'
      if (derived === null)
        return {
          key: field,
          widthPx: isNarrow ? 110 : 150,
          head: <ColumnHead name={field} note={isPrivate ? 'private' : type} isNumber={isNumber} />,
          cell: (row) => {
            const record = at(row)
            return (
              record && (
                <SourceCell
                  record={record}
                  field={field}
                  isPrivate={isPrivate}
                  isNumber={isNumber}
                />
              )
            )
          },
          open: null,
        }
      const its = status.fields.find((one) => one.field === field)
      return {
        key: field,
        widthPx: isNarrow ? 150 : 190,
        head: (
          <button
            type="button"
            tabIndex={-1}
            className="flex w-full flex-col gap-1 text-left"
            title={`Derive ${plain(field)}`}
            onClick={() => derive(field)}
          >
            <span className="sr-only">Derive</span>
            <ColumnHead
              name={field}
              note={its ? `cost ${its.cost}` : 'derived'}
              isNumber={isNumber}
            />
            {its && <CellBar cells={its.cells} />}
          </button>
        ),
        cell: (row) => {
          const record = at(row)
          if (!record) return <span className="skeleton h-3 w-1/2" />
          return (
            <DerivedCell cell={cellOf(record, field)} isPrivate={isPrivate} isNumber={isNumber} />
          )
        },
        wash: (row) => {
          const record = at(row)
          const cell = record && cellOf(record, field)
          return cell ? WASH[CELL_STATE[cell.state].tone] : ''
        },
        open: (row) => {
          const record = at(row)
          if (record) open(record.record_id, field)
        },
      }
    }),
  ]
}

// A field may be called as a member that every object has.
const cellOf = ({ cells }: TableRecord, field: string): GridCell | undefined =>
  Object.hasOwn(cells, field) ? cells[field] : undefined

/** A stroke under the key, which stays in sight: where not all of a record is fresh, how much of it is what. */
function StatesOf({ record }: { record: TableRecord }) {
  const cells: Record<CellState, number> = { fresh: 0, stale: 0, missing: 0, failed: 0 }
  for (const { state } of Object.values(record.cells)) cells[state] += 1
  return cells.fresh < totalOf(cells) && <CellBar cells={cells} isThin />
}

/** The name, with both its ends where there is no room for all of it: names are told apart by either. */
function ColumnHead({
  name,
  note,
  isNumber = false,
}: {
  name: string
  note: string
  isNumber?: boolean
}) {
  const end = name.length > 2 * END_CHARS ? keyEnd(name, END_CHARS) : ''
  return (
    <span
      className={`flex min-w-0 grow flex-col ${isNumber ? 'items-end' : 'items-start'}`}
      title={`${plain(name)}, ${note}`}
    >
      <span className="flex max-w-full min-w-0 font-semibold text-ink">
        <span className="truncate">
          <RunText text={name.slice(0, name.length - end.length)} max={64} />
        </span>
        {end !== '' && (
          <span className="shrink-0">
            <RunText text={end} />
          </span>
        )}
      </span>
      <span className="max-w-full truncate text-ink-3">{note}</span>
    </span>
  )
}

const END_CHARS = 7
