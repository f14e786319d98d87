import { dirname, join } from 'node:path'
import type { Opening, PlanStep } from '#contract/envelope.ts'
import type { ProblemCode } from '#contract/problem.ts'
import type { MaterializePreview, TableWait } from '#contract/provenance.ts'
import { digestOf } from '#evidence/digest.ts'
import { faultWords } from '#server/disk-fault.ts'
import { planOf, secretsOf, stepEnvironment, type Environment } from '#server/runs/plan.ts'
import {
  DefinitionError,
  type DefinitionStep,
  type LoadedProject,
  type ProjectReader,
} from '#server/runs/project.ts'
import type { Deriving } from '#server/runs/runner-link.ts'
import type { Process, Result } from '#server/runs/runner-protocol.ts'
import { ProblemError } from '#server/problem.ts'
import { StorageError, type CellStore } from '#server/storage/storage.ts'
import { basisOf, checkStates } from './check-states.ts'
import {
  createDeclaredFiles,
  DeclaredFileError,
  derivationOf,
  type Derivation,
} from './derivation-digest.ts'
import { deriveField } from './derive-field.ts'
import { lastingCells, type Lasting } from './lasting-cells.ts'
import { previewOf } from './preview.ts'
import { createJudge, membersOf, type Judge } from './judge-records.ts'
import { valueDigest, type ValueDigest } from './private-digest.ts'
import { SourceError } from './read-source.ts'
import { keyIn } from './record-key.ts'
import { recordedCells, type RecordedCells } from './record-cells.ts'
import { refreshSource } from './refresh-source.ts'
import { inputsOfRequest, requestIn, type MaterializeRequest } from './request.ts'
import {
  digestOfTables,
  derivedOf,
  fieldsOf,
  isDerivedIn,
  isPrivateInput,
  isPrivateLookup,
  stepIdOf,
  type DerivedField,
  type Tables,
} from './table-definition.ts'
import { writeTable } from './table-file.ts'
import { createTableLocks } from './table-locks.ts'

/** Derives the fields of tables: all of it but the process group, which is a step's like any other's. */
export type Materializer = {
  /** What a run of kind `materialize` will do. Where it can do nothing, one step says why when it is tried. */
  plan(request: MaterializeRequest): PlannedMaterialize
  /** One attempt of a step; null when its runner died. Never rejects but for the store. */
  derive(work: DeriveStep): Promise<DerivedStep | null>
  /** What an attempt has on record, also one that was cut off. */
  recorded(run_id: string, step_id: string, attempt: number): Promise<RecordedCells>
  /** The run has ended: others may write its tables, and what is made from what it made is looked at. */
  ended(run_id: string): void
  /** Reads what has changed and says of each cell what it is now; one call at a time, later ones are one. */
  check(): Promise<void>
  /** Nothing is looked at any more. */
  stop(): Promise<void>
  /** Of what is derived now, by `TABLE.FIELD`. */
  progress(): ReadonlyMap<string, Progress>
  /** Runs that wait for a table which another one has. */
  waits(): TableWait[]
  /** The tables as they are written now, or were when they last had no fault. */
  project(): LoadedProject
  /** What derives a field now; null while a declared file cannot be read. */
  derivationOf(field: DerivedField): Promise<Derivation | null>
  /** What a run would derive, after a look at what there is. A `ProblemError` where it could not. */
  preview(request: MaterializeRequest): Promise<MaterializePreview['fields']>
}

export type PlannedMaterialize = Pick<Opening, 'title' | 'definition' | 'inputs'> & {
  steps: readonly DefinitionStep[]
}

export type DeriveStep = {
  run_id: string
  opening: Opening
  step: PlanStep
  attempt: number
  deriving: Deriving
  signal: AbortSignal
  lasting: Lasting
}

/** `error_type`: why nothing could be derived at all. */
export type DerivedStep = { result: Result; skipped: number; error_type: string | null }

export type Progress = { run_id: string; done: number; total: number; started_at: string }

export type MaterializerOptions = {
  project: ProjectReader
  cells: CellStore
  /** The data folder. */
  data: string
  /** Of the server, and what a process has of it. */
  environment: { server: Environment; step: Environment }
  now: () => Date
  random: (bytes: number) => Buffer
  failed: (error: unknown) => void
}

/** Why a materialize can do nothing, with a word for programs. */
class CannotMaterialize extends Error {
  readonly error_type: string
  constructor(error_type: string, message: string) {
    super(message)
    this.error_type = error_type
  }
}

/** By `TABLE.FIELD`, the records of it that are needed; null: all. */
type Demand = ReadonlyMap<string, readonly string[] | null>

/** What a run, or a step of a pipeline, works on while it holds the tables. */
type Hold = {
  tables: Tables
  fields: readonly DerivedField[]
  /** With those that are only written into a file, for which they have to be known. */
  looked: readonly DerivedField[]
  derivations: ReadonlyMap<string, Derivation>
  judge: Judge
  /** Of each field the records that are asked for; null: all. */
  demand: Demand | null
  force: boolean
  leave: () => void
}

export function createMaterializer({
  project,
  cells,
  data,
  environment,
  now,
  random,
  failed,
}: MaterializerOptions): Materializer {
  const locks = createTableLocks()
  const digestOfDeclared = createDeclaredFiles(now)
  const holds = new Map<string, Promise<Hold>>()
  const progress = new Map<string, Progress>()
  let digest: Promise<ValueDigest> | null = null
  let checking: Promise<void> | null = null
  let isToBeChecked = false
  const halt = new AbortController()

  function digestOfValues(): Promise<ValueDigest> {
    digest ??= cells.digestKey(random(32)).then(valueDigest)
    return digest
  }

  function loaded(): LoadedProject {
    try {
      return project.now()
    } catch (error) {
      if (!(error instanceof DefinitionError)) throw error
      const words = error.message.replaceAll(`${dirname(project.lastGood().file)}/`, '')
      throw new CannotMaterialize(words.includes(': cycle: ') ? 'cycle' : 'bad_definition', words)
    }
  }

  function fieldsFor(
    { tables }: LoadedProject,
    targets: readonly string[] | null,
  ): readonly DerivedField[] {
    const { fields, unknown } = fieldsOf(tables, targets)
    if (fields === null)
      throw new CannotMaterialize('unknown_target', `no table derives ${unknown}`)
    return fields
  }

  /** What the run was opened for, as the project has it now. */
  function resolve({ opening, step }: DeriveStep) {
    const { kind, definition, inputs } = opening
    if (kind === 'pipeline') {
      const known = project.lastGood()
      if (known.definitions.get(definition.name)?.sha256 !== definition.sha256)
        throw new CannotMaterialize(
          'bad_definition',
          `${definition.name} has changed since the run began`,
        )
      const targets = step.argv.slice(2)
      const request = { targets, record_ids: null, force: false, lock_timeout_ms: PIPELINE_LOCK_MS }
      return { known, request, fields: fieldsFor(known, targets) }
    }
    const request = requestIn(inputs)
    const known = loaded()
    const fields = fieldsFor(known, request.targets)
    const isSame =
      digestOfTables(known.tables, fields) === definition.sha256 &&
      (opening.plan.root ?? known.rootNamed) === known.rootNamed
    if (!isSame)
      throw new CannotMaterialize('bad_definition', 'the tables have changed since the run began')
    return { known, request, fields }
  }

  async function refresh(
    { root, tables }: LoadedProject,
    fields: readonly DerivedField[],
    names: readonly string[],
    cells: CellStore,
    signal: AbortSignal,
  ): Promise<{ derivations: Map<string, Derivation>; judge: Judge }> {
    for (const name of names) {
      const table = tables.get(name)
      if (table !== undefined)
        await refreshSource(cells, { root, table, needed: neededOf(tables, name) }, now, signal)
    }
    const judge = createJudge(cells, tables, await digestOfValues())
    const derivations = new Map<string, Derivation>()
    for (const field of fields) {
      const derivation = await derivationOf(
        field,
        { tables, root },
        digestOfDeclared,
        environment.server,
      )
      derivations.set(stepIdOf(field), derivation)
      await checkStates(cells, tables, judge, field, derivation.sha256, signal)
    }
    return { derivations, judge }
  }

  async function takeHold(work: DeriveStep): Promise<Hold> {
    const { known, request, fields } = resolve(work)
    const handedOn = work.step.artifacts.length === 0 ? null : tablesMeant(request)
    const looked = handedOn === null ? fields : fieldsFor(known, handedOn)
    const names = tablesOf(looked)
    const leave = await locks.take(names, work.run_id, request.lock_timeout_ms, work.signal)
    if (leave === null) {
      const busy = names.find((name) => locks.holderOf(name) !== null)
      throw new CannotMaterialize(
        'lock_timeout',
        `${busy ?? 'a table'} is written by ${locks.holderOf(busy ?? '') ?? 'another run'}`,
      )
    }
    try {
      const { derivations, judge } = await refresh(
        known,
        looked,
        names,
        lastingCells(cells, work.lasting),
        work.signal,
      )
      const demand =
        request.record_ids === null ? null : await demandOf(known.tables, fields, request)
      const { tables } = known
      return { tables, fields, looked, derivations, judge, demand, force: request.force, leave }
    } catch (error) {
      leave()
      throw error
    }
  }

  /** For each field the records that are needed of it, from the last to the first. */
  async function demandOf(
    tables: Tables,
    fields: readonly DerivedField[],
    { targets, record_ids }: MaterializeRequest,
  ): Promise<Demand> {
    const wanted = new Map<string, Set<string>>()
    const whole = new Set<string>()
    const keysIn = (table: string) =>
      new Map((record_ids ?? []).map((written) => [written, keyIn(tables, table, written)]))
    const unknown = new Set(record_ids)
    for (const field of fields) {
      const { table } = field
      const isTarget =
        targets === null || targets.includes(table) || targets.includes(stepIdOf(field))
      if (!isTarget) continue
      const keys = keysIn(table)
      const asked = [...keys.values()].flatMap((key) => key ?? [])
      const found = new Set((await cells.recordsOf(table, asked)).map((one) => one.record_id))
      for (const [written, key] of keys) if (found.has(key ?? '')) unknown.delete(written)
      wanted.set(stepIdOf(field), found)
    }
    const [missing] = unknown
    if (missing !== undefined)
      throw new CannotMaterialize('unknown_record', `no record ${JSON.stringify(missing)}`)
    for (const field of fields.toReversed()) {
      const isWhole = whole.has(stepIdOf(field))
      const ids = [...(wanted.get(stepIdOf(field)) ?? [])]
      const records = await cells.recordsOf(field.table, ids)
      for (const from of field.from) {
        if (!isDerivedIn(tables)(from.table, from.field)) continue
        const { by } = from
        // To derive the ones that a private key leads to would be to tell which they are.
        if (isWhole || isPrivateLookup(tables, field.table, by)) whole.add(stepIdOf(from))
        const needed =
          by === null
            ? ids
            : records.flatMap(({ body }) => keyIn(tables, from.table, membersOf(body)[by]) ?? [])
        const known = wanted.get(stepIdOf(from)) ?? new Set()
        for (const one of needed) known.add(one)
        wanted.set(stepIdOf(from), known)
      }
    }
    return new Map(
      fields.map((field): [string, readonly string[] | null] => {
        const id = stepIdOf(field)
        return [id, whole.has(id) ? null : [...(wanted.get(id) ?? [])]]
      }),
    )
  }

  function holdOf(work: DeriveStep): Promise<Hold> {
    const name = holdName(work)
    const known = holds.get(name)
    if (known !== undefined) return known
    const made = takeHold(work)
    holds.set(name, made)
    return made
  }

  function release(name: string): void {
    const hold = holds.get(name)
    if (hold === undefined) return
    holds.delete(name)
    void hold.then(
      ({ leave }) => leave(),
      // Its step said so.
      () => {},
    )
  }

  async function fieldsOfStep(work: DeriveStep, hold: Hold): Promise<number> {
    const { opening, step } = work
    const meant =
      opening.kind === 'pipeline'
        ? hold.fields
        : hold.fields.filter((field) => stepIdOf(field) === step.step_id)
    let skipped = 0
    for (const field of meant) skipped += await deriveOne(work, hold, field)
    return skipped
  }

  /** A step of a pipeline may hand its table on to the steps behind it. Answers why it cannot. */
  async function writeArtifacts(
    { step, deriving, signal, lasting }: DeriveStep,
    { tables, fields, looked, derivations, judge }: Hold,
  ): Promise<string | null> {
    const [target = ''] = step.argv.slice(2)
    const table = tables.get(target.split('.')[0] ?? '')
    if (table === undefined || step.artifacts.length === 0) return null
    const kept = lastingCells(cells, lasting)
    // What was derived may have made others stale.
    for (const field of looked) {
      const derivation = derivations.get(stepIdOf(field))
      if (derivation === undefined || fields.includes(field)) continue
      await checkStates(kept, tables, judge, field, derivation.sha256, signal)
    }
    const env = stepEnvironment(step, {}, {}, environment.step)
    for (const path of step.artifacts) {
      const fault = await writeTable({ cells, tables, table }, path, deriving, env)
      if (fault !== null) return fault
    }
    return null
  }

  async function deriveOne(work: DeriveStep, hold: Hold, field: DerivedField): Promise<number> {
    const { run_id, opening, step, attempt, deriving, signal, lasting } = work
    const name = stepIdOf(field)
    const derivation = hold.derivations.get(name)
    if (derivation === undefined) throw new TypeError(`${name} was not prepared`)
    const kept = lastingCells(cells, lasting)
    const row = await kept.field(field.table, field.field)
    const act = await kept.beginAct({
      field_id: row.field_id,
      run_id,
      step_id: step.step_id,
      attempt,
      actor: opening.actor,
      sha256: derivation.sha256,
      body: derivation.body,
    })
    const record_ids = hold.demand?.get(name) ?? null
    const { cells: toDo } = await previewOf(kept, field, record_ids, hold.force)
    const one = {
      run_id,
      done: 0,
      total: toDo.fresh + toDo.stale + toDo.missing + toDo.failed,
      started_at: now().toISOString(),
    }
    progress.set(name, one)
    try {
      const process = processOf(field)
      const { skipped } = await deriveField({
        cells: kept,
        judge: hold.judge,
        digest: await digestOfValues(),
        field,
        act,
        record_ids,
        force: hold.force,
        isPrivate: isPrivateIn(hold.tables, field),
        run: (slot, input, said) => deriving.batch(slot, process, input, said),
        signal,
        done: (count) => {
          one.done += count
        },
        now,
      })
      if (record_ids === null && !signal.aborted) {
        const basis = await basisOf(kept, field, derivation.sha256, hold.tables)
        await kept.setChecked(row.field_id, basis)
      }
      return skipped
    } finally {
      progress.delete(name)
    }
  }

  function processOf(field: DerivedField): Process {
    const definition = { steps: [field.step], gates: [] }
    const [step] = planOf(definition, {}, environment.server).steps
    if (step === undefined) throw new TypeError('a plan without its step')
    const secrets = secretsOf(step, definition, environment.server)
    if (secrets.missing !== null)
      throw new CannotMaterialize(
        'bad_inputs',
        `the secret ${secrets.missing} is not there any more`,
      )
    return {
      argv: step.argv,
      cwd: step.cwd,
      env: stepEnvironment(step, {}, secrets.values, environment.step),
      secrets: Object.values(secrets.values),
      timeout_ms: step.timeout_ms,
    }
  }

  async function check(): Promise<void> {
    isToBeChecked = true
    checking ??= (async () => {
      while (isToBeChecked && !halt.signal.aborted) {
        isToBeChecked = false
        await checkNow()
      }
    })().finally(() => {
      checking = null
    })
    await checking
  }

  async function checkNow(): Promise<void> {
    const known = project.lastGood()
    const broken = new Set<string>()
    for (const name of known.tables.keys())
      await unlessHeld([name], (signal) =>
        refresh(known, [], [name], cells, signal).catch((error: unknown) => {
          broken.add(name)
          // It is in the table's row, for who looks at it.
          if (!(error instanceof SourceError)) throw error
        }),
      )
    for (const field of derivedOf(known.tables)) {
      const names = tablesOf([field])
      if (names.some((name) => broken.has(name))) continue
      await unlessHeld(names, (signal) =>
        refresh(known, [field], [], cells, signal).catch((error: unknown) => {
          if (!(error instanceof DeclaredFileError)) throw error
        }),
      )
    }
  }

  /**
   * Who holds tables has looked at them itself, and has them looked at again when it lets go. To wait for them here would
   * keep others from tables that nobody writes.
   */
  async function unlessHeld(
    names: readonly string[],
    look: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    const held = locks.look(names)
    if (held === null) return
    const signal = AbortSignal.any([halt.signal, held.signal])
    try {
      await look(signal)
    } catch (error) {
      // Left in the middle: it is looked at again.
      if (!signal.aborted) throw error
    } finally {
      held.leave()
    }
  }

  return {
    plan(request) {
      const inputs = inputsOfRequest(request)
      const name = 'materialize'
      const title = `Materialize ${request.targets?.join(', ') ?? 'all tables'}`.slice(0, 200)
      try {
        const known = loaded()
        const fields = fieldsFor(known, request.targets)
        const sha256 = digestOfTables(known.tables, fields)
        return {
          title,
          definition: { name, sha256 },
          inputs,
          steps: fields.map(({ step }) => step),
        }
      } catch (error) {
        if (!(error instanceof CannotMaterialize)) throw error
        const steps = [refusal(request)]
        return { title, definition: { name, sha256: digestOf(steps) }, inputs, steps }
      }
    },

    async derive(work) {
      const { deriving, signal } = work
      try {
        const hold = await holdOf(work)
        const skipped = await fieldsOfStep(work, hold)
        const result = await deriving.close(await writeArtifacts(work, hold))
        return result && { result, skipped, error_type: null }
      } catch (error) {
        const fault = faultOf(error)
        const result = await deriving.close(signal.aborted ? null : fault.message)
        if (error instanceof StorageError) failed(error)
        return (
          result && { result, skipped: 0, error_type: signal.aborted ? null : fault.error_type }
        )
      } finally {
        if (work.opening.kind === 'pipeline') {
          release(holdName(work))
          void check().catch(failed)
        }
      }
    },

    recorded: (run_id, step_id, attempt) =>
      recordedCells(cells, { run_id, step_id, attempt }, join(data, 'artifacts')),

    ended(run_id) {
      if (!holds.has(run_id)) return
      release(run_id)
      void check().catch(failed)
    },

    check,

    async stop() {
      halt.abort()
      await checking
    },

    progress: () => progress,

    waits: () =>
      locks
        .waits()
        .map(({ holder, table, heldBy }) => ({ run_id: holder, table, held_by: heldBy })),

    project() {
      try {
        return project.now()
      } catch (error) {
        if (error instanceof DefinitionError) return project.lastGood()
        throw error
      }
    },

    async derivationOf(field) {
      try {
        return await derivationOf(field, project.lastGood(), digestOfDeclared, environment.server)
      } catch (error) {
        if (error instanceof DeclaredFileError) return null
        throw error
      }
    },

    async preview(request) {
      try {
        const known = loaded()
        const fields = fieldsFor(known, request.targets)
        await check()
        for (const name of tablesOf(fields)) {
          const fault = (await cells.source(name))?.fault ?? null
          if (fault !== null) throw new CannotMaterialize('bad_source', fault)
        }
        const demand =
          request.record_ids === null ? null : await demandOf(known.tables, fields, request)
        return await Promise.all(
          fields.map((field) =>
            previewOf(cells, field, demand?.get(stepIdOf(field)) ?? null, request.force),
          ),
        )
      } catch (error) {
        if (error instanceof CannotMaterialize)
          throw new ProblemError(problemCodeOf(error.error_type), error.message)
        throw error
      }
    },
  }
}

const PIPELINE_LOCK_MS = 3_600_000
// A timer of Node holds 2^31 - 1 ms.

/** A run of its own holds its tables to its end; a step of a pipeline, which may wait for days after it, to its own. */
function holdName({ run_id, opening, step, attempt }: DeriveStep): string {
  return opening.kind === 'pipeline' ? `${run_id}/${step.step_id}/${attempt}` : run_id
}

function faultOf(error: unknown): { error_type: string; message: string } {
  if (error instanceof CannotMaterialize)
    return { error_type: error.error_type, message: error.message }
  if (error instanceof ProblemError) return { error_type: error.code, message: error.detail }
  if (error instanceof SourceError) return { error_type: 'bad_source', message: error.message }
  if (error instanceof DeclaredFileError)
    return { error_type: 'bad_definition', message: error.message }
  return { error_type: 'internal', message: faultWords(error) }
}

/** The problem that says of a run why it derived nothing. */
export function problemCodeOf(error_type: string): ProblemCode {
  return (
    REFUSALS.find((code) => code === error_type) ??
    (error_type === 'cycle' ? 'bad_definition' : 'not_materialized')
  )
}

const REFUSALS = [
  'unknown_target',
  'unknown_record',
  'bad_definition',
  'bad_source',
  'bad_inputs',
  'lock_timeout',
] as const satisfies readonly ProblemCode[]

function refusal({ targets }: MaterializeRequest): DefinitionStep {
  return {
    step_id: 'materialize',
    kind: 'materialize',
    needs: [],
    argv: ['runseal', 'materialize', ...(targets ?? [])],
    cwd: '.',
    env: {},
    retries: 0,
    timeout_ms: null,
    artifacts: [],
  }
}

function tablesMeant({ targets }: MaterializeRequest): string[] {
  return [...new Set((targets ?? []).map((target) => target.split('.')[0] ?? ''))]
}

function tablesOf(fields: readonly DerivedField[]): string[] {
  return [...new Set(fields.flatMap(({ table, from }) => [table, ...from.map((one) => one.table)]))]
}

function isPrivateIn(tables: Tables, field: DerivedField): boolean {
  return field.private || field.from.some((from) => isPrivateInput(tables, field.table, from))
}

/** Fields of a table's source that something is derived from. */
function neededOf(tables: Tables, table: string): string[] {
  const isDerived = isDerivedIn(tables)
  const needed = new Set<string>()
  for (const { from, table: own } of derivedOf(tables))
    for (const one of from) {
      if (one.table === table && !isDerived(table, one.field)) needed.add(one.field)
      if (own === table && one.by !== null) needed.add(one.by)
    }
  return [...needed].toSorted()
}
