import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LIMITS, type Limits } from '#contract/envelope.ts'
import { sha256OfMany } from '#evidence/digest.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { signStatement, type Signer } from '#evidence/seal.ts'
import { faultWords } from '#server/disk-fault.ts'
import { ProblemError } from '#server/problem.ts'
import type { Current, Recorder } from '#server/runs/record.ts'
import { isDamage, StorageError, type PreparedSeal, type Storage } from '#server/storage/storage.ts'
import type { Place } from './draft.ts'
import { draft } from './drafting.ts'
import { makeFolder, writeDurably } from './durable-file.ts'

/** Makes the envelope of every ended run, one run at a time. */
export type Sealer = {
  /**
   * Resolves when the run is sealed, or when it is on record that it could not be (`seal_failed`): it can be called
   * again then, and goes on with the same number and the same statement. Nothing is done for a run that is sealed.
   * `not_found`, `run_not_ended`.
   */
  seal(run_id: string): Promise<void>
  /** Seals every run that ended and is not sealed: what a crash left, by the same way. */
  resume(): Promise<void>
  /**
   * The bytes as they are on disk now, and the digest that they had when they were sealed: whether the two fit is for
   * the reader to find out. `not_found`.
   */
  read(evidence_id: string): Promise<{ bytes: Uint8Array; sha256: string }>
}

export function createSealer({
  storage: { runs, seals },
  recorder,
  signer,
  folder,
  now,
  failed,
  limits = LIMITS,
}: {
  storage: Pick<Storage, 'runs' | 'seals'>
  recorder: Recorder
  signer: Signer
  /** Of the envelopes; made when the first is written. */
  folder: string
  now: () => Date
  /** Told what went wrong, in full; the record has the reason alone. */
  failed: (error: unknown) => void
  limits?: Limits
}): Sealer {
  let tail: Promise<unknown> = Promise.resolve()
  const pathOf = (evidence_id: string) => join(folder, `${evidence_id}.json`)

  function seal(run_id: string): Promise<void> {
    const done = tail.then(() => sealNow(run_id))
    tail = done.catch(() => null)
    return done
  }

  async function sealNow(run_id: string): Promise<void> {
    const current = await recorder.read(run_id)
    if (current === null) throw new ProblemError('not_found', `there is no run ${run_id}`)
    const { run, evidence_id } = current
    if (run.ended === null) throw new ProblemError('run_not_ended', `${run_id} has not ended`)
    if (run.sealed) return
    const timestamp = () => later(now().toISOString(), run.ended?.at ?? '')
    try {
      const { seal_seq } = await makeEnvelope(current, timestamp())
      await recorder.record(run_id, () => [
        { type: 'run_finalized', run_id, timestamp: timestamp(), evidence_id, seal_seq },
      ])
    } catch (error) {
      failed(error)
      const reason = reasonOf(error)
      await recorder.record(run_id, (current) => [
        recorder.fitted({ type: 'seal_failed', run_id, timestamp: timestamp(), reason }, current),
      ])
    }
  }

  async function makeEnvelope(
    { run: { run_id }, evidence_id, bytes: size }: Current,
    at: string,
  ): Promise<PreparedSeal> {
    const isLarge = size > LARGE_BYTES
    const facts = await runs.facts(run_id)
    const prepared = await seals.of(evidence_id)
    const place = prepared ?? (await nextPlace(at))
    // Read before it takes a number: one that no verifier would read must not stand in every later envelope's way.
    const order = { place, key_id: signer.key_id, limits: prepared ? null : limits }
    const drafting = await draft(facts, order, isLarge)
    try {
      const { statement } = drafting.drafted
      if (prepared && !Buffer.from(statement).equals(prepared.statement))
        throw new StorageError('damaged', 'the record is not the one whose statement was prepared')
      const row: PreparedSeal = prepared ?? { ...place, evidence_id, run_id, ...drafting.drafted }
      if (!prepared) await seals.prepare(row)
      const bytes = await drafting.sealed(await signStatement(row.statement, signer))
      await makeFolder(folder)
      await writeDurably(pathOf(evidence_id), bytes)
      await seals.written(evidence_id, { sha256: await sha256OfMany(bytes), bytes: bytes.length })
      return row
    } finally {
      await drafting.end()
    }
  }

  async function nextPlace(sealed_at: string): Promise<Place> {
    const last = await seals.last()
    return {
      seal_seq: (last?.seal_seq ?? 0) + 1,
      previous: last && { evidence_id: last.evidence_id, head: last.head },
      sealed_at,
    }
  }

  return {
    seal,
    async resume() {
      for (const run_id of await runs.unfinished())
        try {
          if ((await recorder.read(run_id))?.run.ended) await seal(run_id)
        } catch (error) {
          // One record that is damaged must not keep the others from being sealed, nor the server from starting.
          if (!isDamage(error)) throw error
          failed(error)
        }
    },
    async read(evidence_id) {
      const row = await seals.of(evidence_id)
      if (!row?.file) throw new ProblemError('not_found', `there is no envelope ${evidence_id}`)
      try {
        return { bytes: await readFile(pathOf(evidence_id)), sha256: row.file.sha256 }
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
        throw new ProblemError('not_found', `the file of envelope ${evidence_id} is gone`)
      }
    },
  }
}

/** About what takes as long to draft as a thread takes to start. */
const LARGE_BYTES = 256 * 1024

function reasonOf(error: unknown): string {
  if (error instanceof EvidenceError)
    return `no envelope can be made: ${error.where} ${error.message}`
  if (error instanceof StorageError && error.code === 'failed')
    return `the store could not be written: ${faultWords(error.cause)}`
  if (error instanceof StorageError) return `the store refused (${error.code}): ${error.message}`
  return codeOf(error) === null
    ? 'the envelope could not be made'
    : `the envelope could not be written: ${faultWords(error)}`
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : null
}

function later(a: string, b: string): string {
  return a > b ? a : b
}
