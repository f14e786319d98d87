import type { CellStore, RecordRow, SourceRow } from '#server/storage/storage.ts'
import { readSource, SourceError, stampOf, type Place } from './read-source.ts'
import { compareKeys } from './source-request.ts'

/**
 * Brings the stored records of a table to what its source has now: those that are new, another or gone are changed, and
 * nothing where the source is the one that was read before. A `SourceError` leaves the records as they were, and says so
 * in the table's row; `signal` ends it with its reason, and says nothing there.
 */
export async function refreshSource(
  cells: CellStore,
  place: Place,
  now: () => Date,
  signal: AbortSignal,
): Promise<SourceRow> {
  const { table } = place
  const before = (await cells.source(table.name)) ?? neverRead(table.name)
  // What is read is described here too: other fields of the same file are another source.
  const stamp = stampWith(await stampOf(place, now()), place)
  if (stamp !== '' && stamp === before.stamp && before.fault === null) return before
  const merge = new Merge(cells, before, table.private)
  try {
    const take = (records: readonly RecordRow[]) => merge.take(records)
    const end = await readSource(place, before.sha256, take, signal)
    if (end.end === 'read') await merge.end()
    const { sha256, records, fields } = end.end === 'read' ? end : before
    const after = {
      ...before,
      sha256,
      records,
      fields,
      private: [...table.private],
      generation: merge.left.generation,
      stamp,
      read_at: now().toISOString(),
      fault: null,
    }
    await cells.putSource(after)
    return after
  } catch (cause) {
    if (!(cause instanceof SourceError)) throw cause
    const fault = cause.message.slice(0, MAX_FAULT_CHARS).toWellFormed()
    await cells.putSource({ ...merge.left, stamp: '', fault })
    throw cause
  }
}

const MAX_FAULT_CHARS = 2000

function neverRead(table: string): SourceRow {
  return {
    table,
    sha256: null,
    stamp: '',
    generation: 0,
    records: 0,
    fields: [],
    private: [],
    read_at: null,
    fault: null,
  }
}

function stampWith(stamp: string, { root, table, needed }: Place): string {
  const { source, key, fields } = table
  const derived = table.derived.map(({ field }) => field)
  return stamp === ''
    ? ''
    : JSON.stringify([stamp, root, source, key, fields, [...table.private], needed, derived])
}

/** What is stored and what comes are both in the order of their keys, and are gone through side by side. */
class Merge {
  readonly #cells: CellStore
  readonly #before: SourceRow
  /** Of records of either reading. */
  readonly #private: readonly string[]
  readonly #stored: AsyncGenerator<RecordRow, null>
  #next: RecordRow | null = null
  #isBegun = false
  #put: RecordRow[] = []
  #gone: string[] = []
  /** The source, if no more records come: once one is changed, no reading is what is stored. */
  left: SourceRow

  constructor(cells: CellStore, before: SourceRow, hidden: ReadonlySet<string>) {
    this.#cells = cells
    this.#before = before
    this.#private = [...new Set([...before.private, ...hidden])]
    this.left = before
    this.#stored = storedRecords(cells, before.table)
  }

  async take(records: readonly RecordRow[]): Promise<void> {
    if (!this.#isBegun) await this.#step()
    for (const record of records) {
      while (this.#next !== null && compareKeys(this.#next.record_id, record.record_id) < 0)
        await this.#drop(this.#next)
      if (this.#next?.record_id !== record.record_id) this.#put.push(record)
      else {
        if (this.#next.body !== record.body) this.#put.push(record)
        await this.#step()
      }
    }
    await this.#write()
  }

  async end(): Promise<void> {
    if (!this.#isBegun) await this.#step()
    while (this.#next !== null) await this.#drop(this.#next)
    await this.#write()
  }

  async #drop({ record_id }: RecordRow): Promise<void> {
    this.#gone.push(record_id)
    if (this.#gone.length >= CHUNK) await this.#write()
    await this.#step()
  }

  async #step(): Promise<void> {
    this.#isBegun = true
    this.#next = (await this.#stored.next()).value
  }

  async #write(): Promise<void> {
    if (this.#put.length === 0 && this.#gone.length === 0) return
    if (this.left === this.#before) {
      // Said before the first change: a death in the middle leaves records that no state was judged by.
      const generation = this.#before.generation + 1
      this.left = { ...this.#before, sha256: null, generation, private: this.#private, stamp: '' }
      await this.#cells.putSource(this.left)
    }
    const change = { put: this.#put, gone: this.#gone }
    this.#put = []
    this.#gone = []
    await this.#cells.changeRecords(this.#before.table, change)
  }
}

const CHUNK = 2000

async function* storedRecords(cells: CellStore, table: string): AsyncGenerator<RecordRow, null> {
  let after: string | null = null
  for (;;) {
    const page: RecordRow[] = await cells.records(table, { after, limit: CHUNK })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < CHUNK) return null
    after = last.record_id
  }
}
