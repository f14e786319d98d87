import { createHash, randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cell, StepEntry, Totals } from '#contract/envelope.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { sumOf } from '#evidence/summarise.ts'
import { flush, makeFolder } from '#server/seal/durable-file.ts'
import type { CellStore, VersionRow } from '#server/storage/storage.ts'
import { versionsOf } from './derive-field.ts'

/** What an attempt of a step derived, as its entry has it. `skipped` is not among it. */
export type RecordedCells = Pick<StepEntry, 'cells' | 'cells_part'> & {
  totals: Omit<Totals, 'skipped'>
}

/** Beyond so many, cells are in a part of their own, which is kept by its digest as artifacts are. */
const MOST_LISTED = 500

export async function recordedCells(
  store: CellStore,
  { run_id, step_id, attempt }: { run_id: string; step_id: string; attempt: number },
  artifacts: string,
): Promise<RecordedCells> {
  const totals = { materialized: 0, failures: 0, total_cost: '0' }
  let cells: Cell[] = []
  let part: PartWriter | null = null
  try {
    for await (const page of cellsOfAttempt(store, run_id, step_id, attempt)) {
      for (const { state } of page) totals[state === 'fresh' ? 'materialized' : 'failures'] += 1
      totals.total_cost = sumOf([totals.total_cost, ...page.flatMap(({ cost }) => cost ?? [])])
      cells.push(...page)
      if (cells.length <= MOST_LISTED && part === null) continue
      part ??= await PartWriter.create(artifacts)
      await part.write(cells)
      cells = []
    }
    return part === null ? { cells, totals } : { cells_part: await part.end(), totals }
  } finally {
    // On a disk that is full it is tried again and again, and must not fill it.
    await part?.drop()
  }
}

async function* cellsOfAttempt(
  store: CellStore,
  run_id: string,
  step_id: string,
  attempt: number,
): AsyncGenerator<Cell[]> {
  for (const act of await store.acts(run_id, step_id)) {
    if (act.attempt !== attempt) continue
    const { table, field } = await store.fieldName(act.field_id)
    for await (const versions of versionsOf(store, act.act_id))
      yield versions.map((version) => cellOf(table, field, version))
  }
}

// Members in canonical order, in which a million of them are written ten times as fast.
function cellOf(table: string, field: string, version: VersionRow): Cell {
  return {
    cost: version.cost,
    derivation_sha256: version.act.sha256,
    error: version.error,
    field,
    inputs_sha256: version.inputs_sha256,
    record_id: version.record_id,
    state: version.error === null ? 'fresh' : 'failed',
    table,
    value_sha256: version.value_sha256,
  }
}

/** Lines of canonical JSON in a file that takes the name of its digest when it is whole. */
class PartWriter {
  readonly #folder: string
  readonly #name: string
  readonly #file: Awaited<ReturnType<typeof open>>
  readonly #digest = createHash('sha256')
  #bytes = 0
  #count = 0

  constructor(folder: string, name: string, file: Awaited<ReturnType<typeof open>>) {
    this.#folder = folder
    this.#name = name
    this.#file = file
  }

  static async create(folder: string): Promise<PartWriter> {
    await makeFolder(folder)
    const name = join(folder, `.part-${randomUUID()}`)
    return new PartWriter(folder, name, await open(name, 'wx', 0o600))
  }

  async write(cells: readonly Cell[]): Promise<void> {
    const lines = Buffer.from(cells.map((cell) => `${canonicalize(cell)}\n`).join(''))
    this.#digest.update(lines)
    this.#bytes += lines.length
    this.#count += cells.length
    await this.#file.writeFile(lines)
  }

  async end(): Promise<NonNullable<StepEntry['cells_part']>> {
    const sha256 = this.#digest.digest('hex')
    await this.#file.sync()
    await rename(this.#name, join(this.#folder, sha256))
    await flush(this.#folder)
    return { sha256, bytes: this.#bytes, count: this.#count }
  }

  /** What has not become a part is gone. */
  async drop(): Promise<void> {
    await this.#file.close()
    await rm(this.#name, { force: true })
  }
}
