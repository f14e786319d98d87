import type {
  ActRow,
  CellRow,
  CellStore,
  NewVersion,
  RecordRow,
  VersionRow,
} from '#server/storage/storage.ts'
import type { BatchResult, Output } from '#server/runs/runner-protocol.ts'
import { ProblemError } from '#server/problem.ts'
import { BatchRecord, type Job } from './batch-record.ts'
import { pagesOf } from './check-states.ts'
import { NO_INPUTS, stateOf, type Input } from './judge-cell.ts'
import type { Judge, Judged } from './judge-records.ts'
import type { ValueDigest } from './private-digest.ts'
import { AnswerReader, clip, type End } from './read-answers.ts'
import type { DerivedField } from './table-definition.ts'

export type DeriveField = {
  cells: CellStore
  judge: Judge
  digest: ValueDigest
  field: DerivedField
  act: ActRow
  /** null: of all records. */
  record_ids: readonly string[] | null
  force: boolean
  /** The field or an input of it is: what a process says is repeated nowhere. */
  isPrivate: boolean
  /** One process that is given `input`, and what it says; null when it is not known what came of it. */
  run: (slot: number, input: string, said: (lines: Output) => void) => Promise<BatchResult | null>
  /** Nothing more is begun; for SERVER_STOPS until the next start, and otherwise in this run. */
  signal: AbortSignal
  /** More cells are done. */
  done: (cells: number) => void
  now: () => Date
}

/** Why a signal is aborted where the run goes on after the next start. */
export const SERVER_STOPS = new Error('the server stops')

/** Cells that were fresh already. What was derived and what failed is on record by then. */
export type DerivedCells = { skipped: number }

/** Derives the cells of one field that are not fresh, or all by force: none twice in one run, whatever comes. */
export async function deriveField(work: DeriveField): Promise<DerivedCells> {
  const { cells, field, act, record_ids, force, signal } = work
  const row = await cells.field(field.table, field.field)
  const isAll = record_ids === null && !force
  let skipped = isAll ? row.cells.fresh - (await madeBefore(work)) : 0
  const pool = createPool(field.concurrency, signal)
  let batch: Job[] = []
  let chars = 0
  const begin = async () => {
    const jobs = batch
    batch = []
    chars = 0
    if (jobs.length > 0) await pool.run((slot) => runBatch(work, slot, jobs))
  }
  try {
    for await (const { records, own } of recordsToDo(work, row.field_id)) {
      if (signal.aborted) break
      const sorted = sortOut(work, await work.judge(field, records, own))
      skipped += sorted.fresh.length
      if (sorted.restored.length > 0) {
        await cells.setStates(row.field_id, sorted.restored)
        work.done(sorted.restored.length)
      }
      if (sorted.untried.length > 0) {
        await cells.putVersions(act.act_id, sorted.untried, 0)
        work.done(sorted.untried.length)
      }
      for (const job of sorted.jobs) {
        if (batch.length >= field.batch || chars > INPUT_CHARS) await begin()
        batch.push(job)
        chars += job.line.length
      }
    }
    if (!signal.aborted) await begin()
  } finally {
    // What is under way is on record before anybody counts what was derived, also where something failed.
    await pool.settled()
  }
  pool.raise()
  return { skipped: Math.max(0, skipped) }
}

const INPUT_CHARS = 16 * 1024 * 1024

/** Fresh cells that this run made itself, before it was cut off. */
async function madeBefore({ cells, act: { act_id, field_id, run_id, step_id } }: DeriveField) {
  let made = 0
  const acts = await cells.acts(run_id, step_id)
  if (!acts.some((one) => one.field_id === field_id && one.act_id !== act_id)) return made
  for (let after: string | null = null; ;) {
    const page: CellRow[] = await cells.cellsOfRun(field_id, run_id, { after, limit: PAGE })
    made += page.filter(
      ({ state, version }) => state === 'fresh' && version?.act.step_id === step_id,
    ).length
    after = page.at(-1)?.record_id ?? null
    if (after === null) return made
  }
}

export async function* versionsOf(cells: CellStore, act_id: number): AsyncGenerator<VersionRow[]> {
  let after = 0
  for (;;) {
    const versions = await cells.versionsOf(act_id, after, PAGE)
    const last = versions.at(-1)
    if (last === undefined) return
    yield versions
    after = last.version
  }
}

const PAGE = 500

/** `own`: their cells of the field, where these were read on the way. */
type ToDo = { records: RecordRow[]; own?: readonly CellRow[] }

async function* recordsToDo(
  { cells, field: { table }, record_ids, force }: DeriveField,
  field_id: number,
): AsyncGenerator<ToDo> {
  if (record_ids !== null) {
    for (let at = 0; at < record_ids.length; at += PAGE)
      yield { records: await cells.recordsOf(table, record_ids.slice(at, at + PAGE)) }
    return
  }
  if (force) {
    for await (const records of pagesOf(cells, table)) yield { records }
    return
  }
  let after: string | null = null
  for (;;) {
    const own: CellRow[] = await cells.cellsToDo(field_id, { after, limit: PAGE })
    const last = own.at(-1)
    if (last === undefined) return
    const ids = own.map(({ record_id }) => record_id)
    yield { records: await cells.recordsOf(table, ids), own }
    after = last.record_id
  }
}

function sortOut({ act, force, now }: DeriveField, judged: readonly Judged[]) {
  const fresh: Judged[] = []
  const restored: { record_id: string; state: 'fresh' }[] = []
  const untried: NewVersion[] = []
  const jobs: Job[] = []
  for (const one of judged) {
    const { record_id, cell, inputs } = one
    if (isMadeHere(one, act)) continue
    if (inputs.state === 'failed')
      untried.push(untriedVersion(one, `not tried: ${inputs.because}`, now()))
    else if (inputs.state === 'awaited') continue
    else if (!force && stateOf(cell?.version ?? null, inputs, act.sha256) === 'fresh') {
      fresh.push(one)
      if (cell?.state !== 'fresh') restored.push({ record_id, state: 'fresh' })
    } else jobs.push({ judged: one, inputs, line: lineOf(record_id, inputs.inputs) })
  }
  return { fresh, restored, untried, jobs }
}

/**
 * By this step, before it was cut off: nothing is computed twice in one run. What it would be made from or by meanwhile
 * may be another, though, and then it is another computation.
 */
function isMadeHere({ cell, inputs }: Judged, act: ActRow): boolean {
  const version = cell?.version ?? null
  if (version?.act.run_id !== act.run_id || version.act.step_id !== act.step_id) return false
  if (inputs.state !== 'here') return version.inputs_sha256 === NO_INPUTS
  return version.inputs_sha256 === inputs.sha256 && version.act.sha256 === act.sha256
}

function lineOf(record_id: string, inputs: readonly Input[]): string {
  const members = inputs.map(({ from: { name }, value }) => `${JSON.stringify(name)}:${value}`)
  return `{"record_id":${JSON.stringify(record_id)},"inputs":{${members.join(',')}}}\n`
}

/** A part of the work by one process, and again for what failed while it may be tried again. Answers what ends its record. */
async function runBatch(
  work: DeriveField,
  slot: number,
  jobs: readonly Job[],
): Promise<() => Promise<void>> {
  const { field, run, signal, isPrivate } = work
  const record = new BatchRecord(work, jobs)
  let busy_ms = 0
  let left = jobs
  let fault: string | null = null
  const broken: unknown[] = []
  for (let tries = 0; tries <= field.retries && left.length > 0; tries += 1) {
    const record_ids = left.map(({ judged }) => judged.record_id)
    const reader = new AnswerReader(record_ids, { type: field.type, isPrivate })
    record.begin(record_ids, { isLast: tries === field.retries })
    const input = left.map(({ line }) => line).join('')
    const result = await run(slot, input, ({ output: text, invalid }) => {
      try {
        record.take(reader.read({ text, invalid }))
        record.writeSoon()
      } catch (cause) {
        // Told below: here it would end whoever listens to the runner, and with that the server.
        broken.push(cause)
      }
    })
    if (broken.length > 0) throw broken[0]
    // What it said before it was cut off stands; what it did not say is not failed but still to be done.
    const isCut = result === null || CUT.has(result.cause)
    if (result?.cause === 'disk_failed') fault = result.reason
    const { answers, missing } = reader.end(endOf(result, field))
    record.take(answers)
    if (!isCut) record.take(missing)
    busy_ms += result?.duration_ms ?? 0
    if (isCut || signal.aborted) break
    left = left.filter(({ judged }) => !record.isEnded(judged.record_id))
  }
  return async () => {
    // Also between two tries, and before one began.
    await record.end(busy_ms, { isAborted: signal.aborted && signal.reason !== SERVER_STOPS })
    // No fault of its cells: they stay as they are, and the step says why.
    if (fault !== null) throw new ProblemError('store_failed', fault)
  }
}

const CUT: ReadonlySet<BatchResult['cause']> = new Set(['aborted', 'interrupted', 'disk_failed'])

function endOf(result: BatchResult | null, { step: { timeout_ms } }: DerivedField): End {
  if (result === null)
    return { text: '', invalid: [], unanswered: '', isWhole: false, isFlood: false }
  const { output: text, invalid, cause, exit_code, signal, reason } = result
  const isWhole = cause === null && exit_code === 0
  return { text, invalid, isWhole, isFlood: cause === 'flooded', unanswered: reasonOf() }

  function reasonOf(): string {
    switch (cause) {
      case 'timed_out':
        return `its process timed out after ${timeout_ms} ms`
      case 'flooded':
        return 'its process wrote more than a batch may, and what it cost is not known: make the batch smaller'
      case 'not_started':
        return clip(`its process could not be started: ${reason}`)
      case 'aborted':
      case 'interrupted':
      case 'disk_failed':
        return 'its process was ended'
      case null:
        if (signal !== null) return `its process was ended by ${signal} before it answered`
        if (exit_code !== 0) return `its process exited with ${exit_code} before it answered`
        return 'its process ended without an answer'
    }
  }
}

function untriedVersion({ record_id, cell }: Judged, because: string, at: Date): NewVersion {
  return {
    record_id,
    previous: cell?.version?.version ?? null,
    value: null,
    value_sha256: null,
    inputs_sha256: NO_INPUTS,
    inputs: [],
    looked_up: [],
    cost: null,
    error: clip(because),
    at: at.toISOString(),
  }
}

type Pool = {
  /**
   * Resolves when there is a slot for it. What it answers is done when the slot is free again: the next process works
   * while what the one before made is written. What goes wrong in either is told by the next call.
   */
  run(work: (slot: number) => Promise<() => Promise<void>>): Promise<void>
  /** When nothing is under way any more. */
  settled(): Promise<void>
  /** What went wrong, if anything did. */
  raise(): void
}

function createPool(slots: number, signal: AbortSignal): Pool {
  const free = Array.from({ length: slots }, (_, slot) => slot)
  const working = new Set<Promise<void>>()
  const writing = new Set<Promise<void>>()
  const faults: unknown[] = []
  const raise = () => {
    if (faults.length > 0) throw faults[0]
  }
  function keep(active: Set<Promise<void>>, work: Promise<void>, over: () => void = () => {}) {
    const one = work
      .catch((cause: unknown) => void faults.push(cause))
      .finally(() => {
        over()
        active.delete(one)
      })
    active.add(one)
  }
  return {
    async run(work) {
      // What waits for the disk is held in memory: no more of it than there are slots.
      while (free.length === 0 || writing.size >= slots)
        await Promise.race(free.length === 0 ? working : writing)
      raise()
      // Before a slot is taken: one that nobody gives back is waited for, for ever.
      if (signal.aborted) return
      const slot = free.pop()
      if (slot === undefined) return
      const done = work(slot).then((write) => keep(writing, write()))
      keep(working, done, () => void free.push(slot))
    },
    async settled() {
      await Promise.all(working)
      await Promise.all(writing)
    },
    raise,
  }
}
