import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fact } from '#contract/fact.ts'
import type { Signer } from '#evidence/seal.ts'
import { createGates, type Gates } from '#server/gates/gates.ts'
import { createRecorder, type Recorder } from '#server/runs/record.ts'
import { openKey } from '#server/seal/key.ts'
import { createSealer, type Sealer } from '#server/seal/sealer.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import type { Storage } from '#server/storage/storage.ts'
import { AT } from '#test/recorded.ts'

/** The server below its executor, over a real data folder; `reopen` is a restart. */
export type DataFolder = {
  folder: string
  storage: Storage
  recorder: Recorder
  gates: Gates
  sealer: Sealer
  signer: Signer
  /** What the clock says; it moves only when it is set. */
  clock: { at: string }
  /** Every fact that subscribers were told. */
  told: Fact[]
  /** What was reported as failed. */
  faults: unknown[]
  reopen(): Promise<void>
  remove(): Promise<void>
}

export async function makeDataFolder(): Promise<DataFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-data-'))
  const clock = { at: AT }
  const told: Fact[] = []
  const faults: unknown[] = []
  const now = () => new Date(clock.at)

  async function open() {
    const storage = await openSqlite(folder, { server: true })
    const { status } = await storage.runs.counts()
    const isNew = Object.values(status).every((count) => count === 0)
    const signer = await openKey(folder, { make: isNew })
    const recorder = createRecorder(storage.runs)
    recorder.subscribe((fact) => told.push(fact))
    const failed = (error: unknown) => faults.push(error)
    const gates = createGates({ storage, recorder, now, random: randomBytes, failed })
    const envelopes = join(folder, 'envelopes')
    const sealer = createSealer({ storage, recorder, signer, folder: envelopes, now, failed })
    return { storage, signer, recorder, gates, sealer }
  }

  const data = {
    folder,
    clock,
    told,
    faults,
    ...(await open()),
    async reopen() {
      await close()
      Object.assign(data, await open())
    },
    async remove() {
      await close()
      await rm(folder, { recursive: true })
    },
  }
  async function close() {
    data.gates.stop()
    await data.storage.close()
  }
  return data
}
