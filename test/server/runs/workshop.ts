import { randomBytes } from 'node:crypto'
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { LIMITS, type Envelope, type Limits } from '#contract/envelope.ts'
import type { Frame } from '#contract/frame.ts'
import type { Materialize } from '#contract/provenance.ts'
import type { Run } from '#contract/run.ts'
import { entriesOf } from '#evidence/chain.ts'
import { watchConsistency } from '#evidence/consistency.ts'
import { readEnvelope } from '#evidence/read.ts'
import { frameOf, lifecycleFrameOf } from '#server/events/frames.ts'
import { createGates } from '#server/gates/gates.ts'
import type { Asker } from '#server/identity/asker.ts'
import { createMaterializer } from '#server/materialize/materializer.ts'
import { requestOf } from '#server/materialize/request.ts'
import { createEngine, type EngineOptions } from '#server/runs/engine.ts'
import { logFile } from '#server/runs/log.ts'
import { openProject } from '#server/runs/project.ts'
import { createRecorder } from '#server/runs/record.ts'
import { openKey } from '#server/seal/key.ts'
import { createSealer } from '#server/seal/sealer.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import { timeOrderedId } from '#server/time-ordered-id.ts'

export const OPERATOR: Asker = {
  actor: 'user:ann',
  role: 'admin',
  owner: 'ann',
  authority: null,
}

export type Workshop = Awaited<ReturnType<typeof openWorkshop>>
type Options = Partial<
  Pick<EngineOptions, 'concurrency' | 'graceMs' | 'maxLogBytes' | 'maxArtifactBytes' | 'stepUser'>
> & {
  environment?: Record<string, string>
  folder?: string
  limits?: Partial<Limits>
  now?: () => Date
}

/** A whole executor, real to the disk, over a project of `runs` (YAML). Everything ends with the test. */
export async function workshop(runs: string, options: Options = {}): Promise<Workshop> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'runseal-'))
  if (options.folder === undefined)
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const root = join(folder, 'project')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'runseal.yaml'), `runs:\n${runs.replace(/^\n/, '')}`)
  const opened = await openWorkshop(folder, options)
  onTestFinished(() => opened.close())
  return opened
}

/** The same over a folder that has its project already. */
export async function openWorkshop(
  folder: string,
  {
    environment = { PATH: process.env['PATH'] ?? '' },
    now = () => new Date(),
    limits,
    ...bounds
  }: Options = {},
) {
  const root = join(folder, 'project')
  const data = join(folder, 'data')
  const faults: unknown[] = []
  const failed = (error: unknown) => void faults.push(error)
  const frames: Frame[] = []
  const storage = await openSqlite(data, { server: true })
  const signer = await openKey(data, { make: true })
  const recorder = createRecorder(storage.runs, { ...LIMITS, ...limits })
  recorder.subscribe((fact, { opening }) => {
    for (const frame of [frameOf(fact), lifecycleFrameOf(fact, opening)])
      if (frame !== null) frames.push(frame)
  })
  const gates = createGates({ storage, recorder, now, random: randomBytes, failed })
  const sealer = createSealer({
    storage,
    recorder,
    signer,
    folder: join(data, 'envelopes'),
    now,
    failed,
  })
  const project = openProject(root)
  const materializer = createMaterializer({
    project,
    cells: storage.cells,
    data,
    environment: {
      server: environment,
      step: bounds.stepUser ? { ...environment, HOME: bounds.stepUser.home } : environment,
    },
    now,
    random: randomBytes,
    failed,
  })
  const engine = createEngine({
    project,
    materializer,
    storage,
    recorder,
    sealer,
    publish: (frame) => frames.push(frame),
    data,
    stepUser: null,
    server: { key_id: signer.key_id, version: '0', environment },
    now,
    random: randomBytes,
    newId: (prefix) => timeOrderedId(prefix, now(), randomBytes),
    failed,
    graceMs: 300,
    ...bounds,
  })
  let closed = false

  async function runOf(run_id: string): Promise<Run> {
    const current = await recorder.read(run_id)
    if (current === null) throw new Error(`no run ${run_id}`)
    return current.run
  }

  /** Resolves with the first state of the run that is so. */
  async function until(run_id: string, isSo: (run: Run) => boolean): Promise<Run> {
    return await new Promise((resolve) => {
      recorder.subscribe((_, { run }) => {
        if (run.run_id === run_id && isSo(run)) resolve(run)
      })
      void runOf(run_id).then((run) => {
        if (isSo(run)) resolve(run)
      })
    })
  }

  /** The sealed run, whose envelope agrees with itself. */
  async function sealed(run_id: string): Promise<{ run: Run; envelope: Envelope }> {
    const run = await until(run_id, (run) => run.sealed !== null || run.seal_failed !== null)
    expect(run.seal_failed).toBeNull()
    const { bytes } = await sealer.read(run.sealed?.evidence_id ?? '')
    const envelope = readEnvelope(bytes, LIMITS)
    const consistency = watchConsistency(envelope)
    for (const entry of entriesOf(envelope)) consistency.add(entry)
    expect(consistency.claims().filter(({ state }) => state !== 'proven')).toEqual([])
    expect(faults).toEqual([])
    return { run, envelope }
  }

  return {
    root,
    data,
    frames,
    faults,
    storage,
    recorder,
    gates,
    sealer,
    engine,
    materializer,
    runOf,
    until,
    sealed,
    start: async (name: string, inputs: Record<string, string> = {}) =>
      (await engine.start(name, inputs, OPERATOR)).run_id,
    materialize: async (asked: Materialize = {}) =>
      await sealed((await engine.materialize(requestOf(asked), OPERATOR)).run_id),
    run: async (name: string, inputs: Record<string, string> = {}) =>
      await sealed((await engine.start(name, inputs, OPERATOR)).run_id),
    logBytes: (run_id: string, step_id: string, attempt = 1) =>
      readFileSync(logFile(join(data, 'logs'), run_id, step_id, attempt)),
    log: (run_id: string, step_id: string, attempt = 1) =>
      readFileSync(logFile(join(data, 'logs'), run_id, step_id, attempt), 'utf8'),
    async close() {
      if (closed) return
      closed = true
      gates.stop()
      await engine.stop()
      await storage.close()
    },
  }
}
