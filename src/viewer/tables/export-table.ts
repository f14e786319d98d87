import type { CellName, Provenance, RecordPage, Table } from '#contract/provenance.ts'
import { digesting } from '#evidence/digest.ts'
import { canonicalize } from '#evidence/canonical.ts'

/** The server, as far as an export asks it: pages, and one cell that is too long for a page. */
export type ExportRim = {
  records: (cursor: string, signal: AbortSignal) => Promise<RecordPage>
  provenance: (
    cursor: string,
    signal: AbortSignal,
  ) => Promise<{ items: Provenance[]; next_cursor: string | null }>
  cell: (name: CellName, signal: AbortSignal) => Promise<Provenance | null>
}

export type Exported = { csv: Blob; provenance: Blob; records: number; cells: number }
export type ExportProgress = { records: number; cells: number }

/**
 * A table as CSV, and beside it where each cell is from, as lines of JSON: the first says what it belongs to, with the
 * digest of the CSV, and each other is a cell as the server tells it, with its value as it is. Only a page of either is
 * held at a time; what is written is given to the browser a MiB at a time, outside of the page's memory. A value that a spreadsheet
 * would take for a formula is neutralised in the CSV [U24].
 */
export async function exportTable(
  table: Table,
  filter: object,
  rim: ExportRim,
  {
    signal,
    onProgress,
    now,
  }: { signal: AbortSignal; onProgress: (at: ExportProgress) => void; now: string },
): Promise<Exported> {
  const csv = writing('text/csv')
  const names = [
    table.key,
    ...table.fields.map(({ field }) => field).filter((one) => one !== table.key),
  ]
  csv.add(rowOf(names))
  const kept = new Set<string>()
  let progress: ExportProgress = { records: 0, cells: 0 }
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: RecordPage = await rim.records(cursor, signal)
    for (const record of page.items) {
      kept.add(record.record_id)
      const values: unknown[] = []
      for (const name of names) values.push(await valueOf(table, record, name, rim, signal))
      csv.add(rowOf(values))
    }
    progress = { ...progress, records: kept.size }
    onProgress(progress)
    cursor = page.next_cursor
  }
  const table_csv = csv.end()
  const sidecar = writing('application/jsonl')
  const { bytes, sha256 } = table_csv
  sidecar.add(
    lineOf({
      type: 'runseal/table-export/1',
      table: table.table,
      exported_at: now,
      filter,
      records: kept.size,
      csv: { bytes, sha256 },
    }),
  )
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: { items: Provenance[]; next_cursor: string | null } = await rim.provenance(
      cursor,
      signal,
    )
    const cells = page.items.filter(({ record_id }) => kept.has(record_id))
    for (const cell of cells) sidecar.add(lineOf(cell))
    progress = { ...progress, cells: progress.cells + cells.length }
    onProgress(progress)
    cursor = page.next_cursor
  }
  return { ...progress, csv: table_csv.blob, provenance: sidecar.end().blob }
}

async function valueOf(
  { table, key }: Table,
  record: RecordPage['items'][number],
  field: string,
  rim: ExportRim,
  signal: AbortSignal,
): Promise<unknown> {
  const { record_id, values, cells } = record
  if (field === key) return record_id
  const cell = Object.hasOwn(cells, field) ? cells[field] : undefined
  if (cell?.cut === true)
    return (await rim.cell({ table, record_id, field }, signal))?.value ?? null
  if (cell) return cell.value
  return Object.hasOwn(values, field) ? values[field] : null
}

const lineOf = (value: object): string => `${canonicalize(value)}\n`

/** One record of RFC 4180. Nothing and null are an empty field; what is no text is its JSON. */
export function rowOf(values: readonly unknown[]): string {
  return `${values.map(fieldOf).join(',')}\r\n`
}

function fieldOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value !== 'string') return quoted(JSON.stringify(value))
  return quoted(FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value)
}

// What a spreadsheet begins a formula with, also in its wide forms and behind blanks that it skips.
const FORMULA = /^[\s\u00A0\uFEFF]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20|%\t\r]/
const NUMBER = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/

const quoted = (text: string): string =>
  /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text

const PART_CHARS = 1024 * 1024

/** Collects text into parts that the browser keeps, with their digest. */
function writing(type: string): {
  add: (text: string) => void
  end: () => { blob: Blob; bytes: number; sha256: string }
} {
  const parts: Blob[] = []
  const digest = digesting()
  let text: string[] = []
  let chars = 0
  const flush = () => {
    const bytes = new TextEncoder().encode(text.join(''))
    digest.add(bytes)
    parts.push(new Blob([bytes]))
    text = []
    chars = 0
  }
  return {
    add: (more) => {
      text.push(more)
      chars += more.length
      if (chars >= PART_CHARS) flush()
    },
    end: () => {
      flush()
      const blob = new Blob(parts, { type })
      return { blob, bytes: blob.size, sha256: digest.hex() }
    },
  }
}
