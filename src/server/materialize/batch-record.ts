import { sumOf } from '#evidence/summarise.ts'
import type { ActRow, CellStore, NewVersion } from '#server/storage/storage.ts'
import type { Inputs } from './judge-cell.ts'
import type { Judged } from './judge-records.ts'
import type { ValueDigest } from './private-digest.ts'
import type { Answer } from './read-answers.ts'

/** A record that a process is given. `line` is what it is told of it. */
export type Job = { judged: Judged; inputs: Extract<Inputs, { state: 'here' }>; line: string }

export type Recording = {
  cells: CellStore
  act: ActRow
  digest: ValueDigest
  field: { private: boolean }
  /** More cells are done. */
  done: (cells: number) => void
  now: () => Date
}

/**
 * What is known of the records of a batch, and on record of that. What ends a cell, a value or what the last try failed
 * by, is written soon, with all that came while what came before was written. An answer to a record whose cell is on
 * record by then is a contradiction: that cell is made again at the end.
 */
export class BatchRecord {
  readonly #recording: Recording
  readonly #jobs: ReadonlyMap<string, Job>
  readonly #answers = new Map<string, Answer>()
  /** Those that are written, or about to be. */
  readonly #written = new Map<string, Answer>()
  /** By record, what came of the try before, and what all of them cost. */
  readonly #former = new Map<string, Answer>()
  readonly #spent = new Map<string, string[]>()
  #isLast = false
  #waiting: NewVersion[] = []
  #writing: Promise<unknown> | null = null

  constructor(recording: Recording, jobs: readonly Job[]) {
    this.#recording = recording
    this.#jobs = new Map(jobs.map((job) => [job.judged.record_id, job]))
  }

  /** These records are tried. */
  begin(record_ids: readonly string[], { isLast }: { isLast: boolean }): void {
    for (const record_id of record_ids) {
      const answer = this.#answers.get(record_id)
      if (answer === undefined) continue
      this.#answers.delete(record_id)
      this.#former.set(record_id, { ...answer, cost: null })
      const { cost } = answer
      if (cost !== null) this.#spent.set(record_id, [...(this.#spent.get(record_id) ?? []), cost])
    }
    this.#isLast = isLast
  }

  /** No other try can make another of it. */
  isEnded(record_id: string): boolean {
    const answer = this.#answers.get(record_id)
    return answer !== undefined && this.#isEnd(answer)
  }

  take(answers: ReadonlyMap<string, Answer>): void {
    const at = this.#now()
    for (const [record_id, answer] of answers) {
      this.#answers.set(record_id, answer)
      if (this.#isEnd(answer)) this.#put(record_id, answer, at)
    }
  }

  #isEnd(answer: Answer): boolean {
    return answer.ok || answer.isCostLost || this.#isLast
  }

  /** What waits to be written is, as soon as nothing else is. */
  writeSoon(): void {
    if (this.#writing !== null || this.#waiting.length === 0) return
    const writing = this.#write(0).then(() => {
      this.#writing = null
      this.writeSoon()
    })
    // A write that failed stays the last one, and the end tells of it.
    writing.catch(() => {})
    this.#writing = writing
  }

  /**
   * All that is finished is on record. What failed by a try that is not the last is not, unless no other will be made,
   * since the run is aborted.
   */
  async end(busy_ms: number, { isAborted }: { isAborted: boolean }): Promise<void> {
    while (this.#writing !== null) await this.#writing
    if (isAborted)
      for (const [record_id, answer] of this.#former)
        if (!this.#answers.has(record_id)) this.#answers.set(record_id, answer)
    const again: string[] = []
    const at = this.#now()
    for (const [record_id, answer] of this.#answers) {
      const isFinished = this.#isEnd(answer) || isAborted || this.#written.has(record_id)
      if (!isFinished) continue
      this.#put(record_id, answer, at)
      if (this.#written.get(record_id) !== answer) again.push(record_id)
    }
    if (this.#written.size > 0) await this.#write(busy_ms)
    if (again.length > 0) await this.#writeAgain(again)
  }

  // Asked once for many: to write a time out takes as long as a digest.
  #now(): string {
    return this.#recording.now().toISOString()
  }

  #put(record_id: string, answer: Answer, at: string): void {
    const job = this.#jobs.get(record_id)
    if (job === undefined || this.#written.has(record_id)) return
    this.#written.set(record_id, answer)
    const previous = job.judged.cell?.version?.version ?? null
    this.#waiting.push(this.#versionOf(job, answer, { previous, at }))
  }

  async #write(busy_ms: number): Promise<void> {
    const { cells, act, done } = this.#recording
    const versions = this.#waiting
    this.#waiting = []
    await cells.putVersions(act.act_id, versions, busy_ms)
    done(versions.length)
  }

  async #writeAgain(record_ids: readonly string[]): Promise<void> {
    const { cells, act } = this.#recording
    const at = this.#now()
    const versions = (await cells.cellsOf(act.field_id, record_ids)).flatMap((cell) => {
      const job = this.#jobs.get(cell.record_id)
      const answer = this.#answers.get(cell.record_id)
      if (job === undefined || answer === undefined || cell.version === null) return []
      return this.#versionOf(job, answer, { previous: cell.version.version, at })
    })
    await cells.putVersions(act.act_id, versions, 0)
  }

  #versionOf(
    { judged, inputs }: Job,
    answer: Answer,
    made: Pick<NewVersion, 'previous' | 'at'>,
  ): NewVersion {
    const { digest, field } = this.#recording
    const { record_id } = judged
    const before = this.#spent.get(record_id)
    const spent = answer.cost === null ? before : [...(before ?? []), answer.cost]
    return {
      ...made,
      record_id,
      value: answer.ok ? answer.value : null,
      value_sha256: answer.ok ? digest(answer.value, field.private) : null,
      inputs_sha256: inputs.sha256,
      inputs: inputs.inputs.map(({ sha256 }) => sha256),
      looked_up: inputs.looked_up,
      cost: spent === undefined ? null : sumOf(spent),
      error: answer.ok ? null : answer.error,
    }
  }
}
