import type { Provenance, RecordPage, Table, TableRecord } from '#contract/provenance.ts'
import { digesting, digestOf } from '#evidence/digest.ts'
import { canonicalize } from '#evidence/canonical.ts'

/** The server, as far as an export asks it: pages, and a record that has what is too long for a page; null: it is gone. */
export type ExportRim = {
  records: (cursor: string, signal: AbortSignal) => Promise<RecordPage>
  provenance: (
    cursor: string,
    signal: AbortSignal,
  ) => Promise<{ items: Provenance[]; next_cursor: string | null }>
  record: (record_id: string, signal: AbortSignal) => Promise<TableRecord | null>
}

/** `changed`: cells that were derived again after the CSV had them. */
export type Exported = ExportProgress & { csv: Blob; provenance: Blob; changed: number }
export type ExportProgress = { records: number; cells: number }

/**
 * A table as CSV, and beside it where each cell is from, as lines of JSON: the first says what it belongs to, with the
 * digest of the CSV, and each other is a cell as the server tells it, with its value as it is; `changed_since_csv` where
 * that is not the one in the CSV any more. Only a page of either is held at a time; what is written is given to the
 * browser a MiB at a time, outside of the page's memory. A value that a spreadsheet
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
  const derived = table.fields.filter((one) => one.derived !== null).map(({ field }) => field)
  const kept = new Map<string, Uint32Array>()
  let progress: ExportProgress = { records: 0, cells: 0 }
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: RecordPage = await rim.records(cursor, signal)
    for (const told of page.items) {
      const record = isCut(told) ? await rim.record(told.record_id, signal) : told
      if (record === null) continue
      csv.add(rowOf(names.map((name) => valueOf(table, record, name))))
      const marks = derived.map((name) => markOf(record.cells[name]?.value ?? null))
      kept.set(record.record_id, Uint32Array.from(marks))
    }
    progress = { ...progress, records: kept.size }
    onProgress(progress)
    cursor = page.next_cursor
  }
  const table_csv = csv.end()
  let changed = 0
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
    for (const cell of page.items) {
      const marks = kept.get(cell.record_id)
      if (marks === undefined) continue
      const isSame = marks[derived.indexOf(cell.field)] === markOf(cell.value)
      sidecar.add(lineOf(isSame ? cell : { ...cell, changed_since_csv: true }))
      changed += isSame ? 0 : 1
      progress = { ...progress, cells: progress.cells + 1 }
    }
    onProgress(progress)
    cursor = page.next_cursor
  }
  return { ...progress, changed, csv: table_csv.blob, provenance: sidecar.end().blob }
}

function isCut({ cut, cells }: TableRecord): boolean {
  return cut.length > 0 || Object.values(cells).some((cell) => cell.cut)
}

/** Enough of a value's digest to see that it is another, since a million of them are held. */
function markOf(value: unknown): number {
  return Number.parseInt(digestOf(value).slice(0, 8), 16)
}

function valueOf(
  { key }: Table,
  { record_id, values, cells }: TableRecord,
  field: string,
): unknown {
  if (field === key) return record_id
  const cell = Object.hasOwn(cells, field) ? cells[field] : undefined
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
