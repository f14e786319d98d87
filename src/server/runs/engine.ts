import { availableParallelism } from 'node:os'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DefinitionSummary } from '#contract/api.ts'
import type { Opening, Plan, PlanStep, StepEntry } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Frame } from '#contract/frame.ts'
import type { Attempt, Run } from '#contract/run.ts'
import { reduce } from '#live/reduce.ts'
import { stepOf } from '#live/select.ts'
import { diskFault, faultWords } from '#server/disk-fault.ts'
import { openGate } from '#server/gates/gate-facts.ts'
import type { Asker } from '#server/identity/asker.ts'
import { SERVER_STOPS } from '#server/materialize/derive-field.ts'
import type { DerivedStep, Materializer } from '#server/materialize/materializer.ts'
import type { RecordedCells } from '#server/materialize/record-cells.ts'
import { requestIn, type MaterializeRequest } from '#server/materialize/request.ts'
import { ProblemError } from '#server/problem.ts'
import type { Sealer } from '#server/seal/sealer.ts'
import { isDamage, StorageError, type Authority, type Storage } from '#server/storage/storage.ts'
import { approvedFor } from './approved.ts'
import { endingFacts } from './ending.ts'
import { emptyLog, logFile, markOf, pidFileOf, slotOf, SLOTS, summaryOfLog } from './log.ts'
import { planOf, resolveInputs, secretsOf, stepEnvironment, type Environment } from './plan.ts'
import { endGroup, groupsHolding, groupsMarked } from './process-group.ts'
import { notedIn } from './process-note.ts'
import {
  DefinitionError,
  rootFrozen,
  type Definition,
  type LoadedProject,
  type ProjectReader,
} from './project.ts'
import { afterFact, latestIn, type Current, type Recorder, type Stop } from './record.ts'
import { createRunnerLink, endFormerRunner } from './runner-link.ts'
import type { Launch, Result } from './runner-protocol.ts'
import { later, timeAfter } from './run-time.ts'
import { agendaOf, type Agenda, type Next } from './schedule.ts'
import { sourceOf } from './source.ts'
import type { StepUser } from './step-user.ts'
import { linkLogs, pendingTakeovers, takeoversOf, type Takeovers } from './takeover.ts'

/** Brings runs from their start to their end. What a run does next is decided by what is on record, nowhere else. */
export type Engine = {
  /** Of the project's file as it is now; where it is broken, as it was. */
  definitions(): DefinitionSummary[]
  /** `unknown_definition`, `bad_definition`, `bad_inputs`; resolves when the start is on disk. */
  start(
    name: string,
    inputs: Readonly<Record<string, string>>,
    asker: Asker,
  ): Promise<{ run_id: string }>
  /** A run that derives tables. Whatever keeps it from deriving, it is on record and says so. `draining`, `bad_inputs`. */
  materialize(request: MaterializeRequest, asker: Asker): Promise<{ run_id: string }>
  /** Resolves when the run has ended as aborted. `run_ended` when it has ended otherwise. */
  abort(run_id: string, asker: Asker, reason: string): Promise<void>
  /** The same definition with the same inputs, from its start or taking over what succeeded. */
  rerun(run_id: string, from: 'start' | 'failed', asker: Asker): Promise<{ run_id: string }>
  /** After a start: ends what a former server left running, and goes on with every run that has not ended. */
  recover(): Promise<void>
  /** `runner_failed` while steps are neither started nor ended. */
  check(): void
  /** Ends what runs, as interrupted. Runs go on after the next start. */
  stop(): Promise<void>
}

export type EngineOptions = {
  project: ProjectReader
  storage: Pick<Storage, 'runs' | 'journal'>
  recorder: Recorder
  sealer: Pick<Sealer, 'seal' | 'resume'>
  materializer: Pick<Materializer, 'plan' | 'derive' | 'recorded' | 'ended' | 'stop'>
  publish: (frame: Frame) => void
  /** The data folder. */
  data: string
  /** Whom steps run as; null: the server's own user. */
  stepUser: StepUser | null
  /** Of the server: the fingerprint of its sealing key, its version, and what it was started with. */
  server: { key_id: string; version: string; environment: Environment }
  now: () => Date
  random: (bytes: number) => Buffer
  /** A time-ordered id with this prefix. */
  newId: (prefix: 'run' | 'ev' | 'gate') => string
  /** Told what could not be recorded or sealed. The run stays as it is on record. */
  failed: (error: unknown) => void
  /** Attempts at one time, over all runs. */
  concurrency?: number
  graceMs?: number
  maxLogBytes?: number
  /** Of one attempt's artifacts together. */
  maxArtifactBytes?: number
  /** Of what one process of a derivation writes. */
  maxOutputBytes?: number
}

export function createEngine({
  project,
  storage,
  recorder,
  sealer,
  materializer,
  publish,
  data,
  stepUser,
  server,
  now,
  random,
  newId,
  failed,
  concurrency = Math.max(2, availableParallelism()),
  graceMs = 5000,
  maxLogBytes = 64 * 1024 * 1024,
  maxArtifactBytes = 1024 * 1024 * 1024,
  maxOutputBytes = 32 * 1024 * 1024,
}: EngineOptions): Engine {
  const runAs = stepUser === null ? null : { uid: stepUser.uid, gid: stepUser.gid }
  const environment =
    stepUser === null ? server.environment : { ...server.environment, HOME: stepUser.home }
  const logs = join(data, 'logs')
  const pidFile = join(data, 'runner.json')
  const link = createRunnerLink(pidFile, graceMs, failed)
  /** Why runs are being stopped: somebody asked, which is on record, or the record takes no more. */
  const stops = new Map<string, Stop>()
  /** Aborts that a store took no record of: with the next fact of their run they are on record before it. */
  const wishes = new Map<string, Stop>()
  const takeovers = new Map<string, Takeovers>()
  /** What ends a derivation that waits, or between two of its processes. */
  const cancels = new Map<string, AbortController>()
  /** Of runs that go on, with the number of facts that are in it. */
  const agendas = new Map<string, { agenda: Agenda; facts: number }>()
  /** Runs that would start more if there were room. */
  const crowded = new Set<string>()
  const busy = new Set<Promise<void>>()
  const halt = new AbortController()
  let attempts = 0
  let stopping = false
  let recovering = false

  /** Told when their run has ended. */
  const waiting = new Map<string, (() => void)[]>()

  recorder.subscribe((fact, { run, stop }) => {
    if (fact.type === 'abort_asked' && stop !== null) stops.set(run.run_id, stop)
    if (run.ended === null) {
      if (fact.type === 'gate_resolved') keep(advance(run.run_id))
      return
    }
    materializer.ended(run.run_id)
    for (const resume of waiting.get(run.run_id) ?? []) resume()
    waiting.delete(run.run_id)
  })

  /** Work that nobody waits for but `stop`. */
  function keep(work: Promise<void>): void {
    const kept = work.catch(failed).finally(() => busy.delete(kept))
    busy.add(kept)
  }

  /**
   * Again and again until the store can be written: what happened is not forgotten because a disk was full for a while,
   * and goes on without a restart. `write` may have been done already when its failure was told. A server that starts
   * or stops does not wait: the next start finds what is on record.
   */
  async function lasting<T>(write: () => Promise<T>): Promise<T> {
    for (let waitMs = AGAIN_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_AGAIN_MS)) {
      try {
        return await write()
      } catch (error) {
        const isStore = error instanceof StorageError && error.code === 'failed'
        const isPassing = isStore || diskFault(error) !== null
        if (!isPassing || recovering || stopping) throw error
        if (waitMs === AGAIN_MS) failed(error)
      }
      await sleep(waitMs, undefined, { signal: halt.signal }).catch(() => {})
    }
  }

  /**
   * Records what `said` says has happened and what comes next, and does it. Any number of calls: what is under way is on
   * record and not begun again.
   */
  async function advance(run_id: string, said: Said = NOTHING): Promise<void> {
    const fitted: Said = (before) => said(before).map((fact) => recorder.fitted(fact, before))
    if ((await refusalOf(() => proceed(run_id, said))) === null) return
    const refusal = await refusalOf(() => proceed(run_id, fitted))
    if (refusal === null) return
    // The record is full, or what comes next is none. It must still be sealed, so the run ends here.
    const isKnown = refusal instanceof ProblemError
    if (!isKnown) failed(refusal)
    const reason = isKnown ? refusal.detail : 'what comes next cannot be recorded'
    if (!stops.has(run_id)) stops.set(run_id, { actor: 'system', reason })
    await lasting(() => proceed(run_id, fitted))
  }

  /** Why it was not done; null where it was. A store or a disk that fails is no reason of the run's own. */
  async function refusalOf(work: () => Promise<void>): Promise<unknown> {
    try {
      await lasting(work)
      return null
    } catch (error) {
      if (error instanceof StorageError || diskFault(error) !== null) throw error
      return error
    }
  }

  async function proceed(run_id: string, said: Said): Promise<void> {
    let begun: Next['start'] = []
    let isOver = false
    let isStopped = false
    let again = false
    const current = await recorder
      .record(run_id, (before) => {
        const wish = wishedOf(before)
        const happened = [...wish, ...said(wish.reduce(afterFact, before))]
        const run = happened.reduce(reduce, before.run)
        if (run.ended !== null || stopping) return happened
        const agenda = agendaAt(before)
        for (const fact of happened) agenda.note(fact)
        const next = agenda.next(concurrency - attempts)
        isStopped = next.stop || stops.has(run_id)
        isOver = next.over || (isStopped && !isAnyRunning(run))
        const taken = next.start.flatMap(({ step }) => takenOver(before, step.step_id))
        again = taken.length > 0
        let more = taken
        if (isOver || isStopped) more = []
        else if (!again) {
          if (next.start.length >= concurrency - attempts) crowded.add(run_id)
          else crowded.delete(run_id)
          begun = next.start
          attempts += begun.length
          more = openingFacts(before, happened, next)
        }
        for (const fact of more) agenda.note(fact)
        agendas.set(run_id, { agenda, facts: before.facts + happened.length + more.length })
        // In one commit with what follows from it: that halves the waiting for the disk.
        return [...happened, ...more]
      })
      .catch((error: unknown) => {
        attempts -= begun.length
        agendas.delete(run_id)
        throw error
      })
    for (const { step, attempt } of begun) keep(execute(current, step, attempt))
    if (isStopped) endRunning(current.run)
    if (isOver) await finish(run_id)
    else if (again && !isStopped) await advance(run_id)
  }

  function wishedOf(current: Current): Fact[] {
    const { run, stop } = current
    const wish = wishes.get(run.run_id)
    if (wish === undefined || stop !== null || run.ended !== null) return []
    const timestamp = timeAfter(current, now())
    return [{ type: 'abort_asked', run_id: run.run_id, timestamp, ...wish }]
  }

  /** Of this record; made anew where somebody else has added to it. */
  function agendaAt({ run, opening, facts }: Current): Agenda {
    const known = agendas.get(run.run_id)
    return known?.facts === facts ? known.agenda : agendaOf(opening.plan, run)
  }

  function openingFacts(before: Current, happened: readonly Fact[], next: Next): Fact[] {
    const { run_id } = before.run
    const timestamp = happened.map(latestIn).reduce(later, timeAfter(before, now()))
    const started = next.start.map(({ step: { step_id, kind }, attempt }): Fact => ({
      type: 'step_started',
      run_id,
      timestamp,
      step_id,
      kind,
      attempt,
    }))
    if (next.open.length === 0) return started
    const { run, chain } = [...happened, ...started].reduce(afterFact, before)
    const asked = { run, chain }
    const opened = next.open.map((gate) => openGate(asked, gate, newId('gate'), timestamp))
    return [...started, ...opened]
  }

  function takenOver(current: Current, step_id: string): Fact[] {
    const { run_id } = current.run
    const entry = takeovers.get(run_id)?.get(step_id)
    if (entry === undefined) return []
    const { from: _, totals, ...taken } = entry
    const salted = { ...taken, salt: random(16).toString('hex') }
    const timestamp = timeAfter(current, now())
    return [{ type: 'step_finished', run_id, timestamp, entry: salted, ...(totals && { totals }) }]
  }

  function endRunning(run: Run): void {
    for (const { step_id, attempts } of run.steps)
      for (const { attempt, finished } of attempts)
        if (finished === null) {
          const id = idOf(run.run_id, step_id, attempt)
          cancels.get(id)?.abort()
          link.end(id, 'aborted')
        }
  }

  /** One attempt, from its start on record to its end on record, and what comes after it. */
  async function execute(current: Current, step: PlanStep, attempt: number): Promise<void> {
    const { run_id } = current.run
    let isRunning = true
    const over = () => {
      if (isRunning) attempts -= 1
      isRunning = false
    }
    try {
      const begin = isDeriving(step) ? derive : launch
      const result =
        (await begin(current, step, attempt)) ?? (await cutOff(current.run, step, attempt))
      const cells = await lasting(() => cellsOf(run_id, step, attempt))
      const ending = finishing(step, attempt, result, cells)
      await advance(run_id, (before) => {
        over()
        return ending(before)
      })
    } finally {
      over()
    }
    for (const other of crowded) if (other !== run_id) keep(advance(other))
  }

  async function launch(
    { run, opening: { definition, inputs, runner, plan } }: Current,
    step: PlanStep,
    attempt: number,
  ): Promise<Ended | null> {
    const kept = keptFrom(runner)
    if (kept !== null) return kept
    const { run_id } = run
    const { step_id, argv, cwd, timeout_ms, artifacts } = step
    const known = project.lastGood()
    const root = rootFrozen(known, plan.root)
    if (root === null) return withoutRoot(plan)
    const secrets = secretsOf(step, known.definitions.get(definition.name), server.environment)
    if (secrets.missing !== null)
      return notStarted(now(), `the secret ${secrets.missing} is not there any more`)
    const approved = approvedFor(run, plan, step)
    const id = idOf(run_id, step_id, attempt)
    const log = logFile(logs, run_id, step_id, attempt)
    const launch: Launch = {
      type: 'launch',
      id,
      argv,
      cwd,
      root,
      run_as: runAs,
      env: {
        ...stepEnvironment(step, inputs, secrets.values, environment),
        ...(approved !== null && { RUNSEAL_APPROVED: approved }),
      },
      secrets: Object.values(secrets.values),
      timeout_ms,
      log,
      pid_file: pidFileOf(log),
      max_log_bytes: maxLogBytes,
      artifacts,
      max_artifact_bytes: maxArtifactBytes,
      keep_in: join(data, 'artifacts'),
      grace_ms: graceMs,
    }
    let ending: ReturnType<typeof link.launch>
    try {
      ending = link.launch(launch, (bytes) =>
        publish({ type: 'step_output', run_id, step_id, attempt, bytes }),
      )
    } catch (error) {
      return notStarted(now(), `no runner can be started: ${faultWords(error)}`)
    }
    // A stop that came between the record and the launch found nothing to end.
    if (stops.has(run_id)) link.end(id, 'aborted')
    return await ending
  }

  /** A step that derives: what it is given and what it answers is the materializer's. */
  async function derive(
    { run: { run_id }, opening }: Current,
    step: PlanStep,
    attempt: number,
  ): Promise<Ended | null> {
    const kept = keptFrom(opening.runner)
    if (kept !== null) return kept
    const root = rootFrozen(project.lastGood(), opening.plan.root)
    if (root === null) return withoutRoot(opening.plan)
    const { step_id } = step
    const id = idOf(run_id, step_id, attempt)
    const cancel = new AbortController()
    cancels.set(id, cancel)
    try {
      const deriving = link.derive(
        {
          type: 'derive',
          id,
          root,
          run_as: runAs,
          log: logFile(logs, run_id, step_id, attempt),
          max_log_bytes: maxLogBytes,
          max_output_bytes: maxOutputBytes,
          artifacts: step.artifacts,
          max_artifact_bytes: maxArtifactBytes,
          keep_in: join(data, 'artifacts'),
          grace_ms: graceMs,
        },
        (bytes) => publish({ type: 'step_output', run_id, step_id, attempt, bytes }),
      )
      // A stop that came between the record and the launch found nothing to end.
      if (stops.has(run_id)) {
        cancel.abort()
        link.end(id, 'aborted')
      }
      const { signal } = cancel
      const derived = await materializer.derive({
        run_id,
        opening,
        step,
        attempt,
        deriving,
        signal,
        lasting,
      })
      if (derived === null) return null
      const { result, skipped, error_type } = derived
      return { ...result, derived: { skipped, error_type } }
    } catch (error) {
      if (error instanceof StorageError) throw error
      return notStarted(now(), `no runner can be started: ${faultWords(error)}`)
    } finally {
      cancels.delete(id)
    }
  }

  /** Why a step that is on record as started is not. */
  function keptFrom(runner: Opening['runner']): Result | null {
    if (stopping) return { ...notStarted(now(), 'the server stopped'), outcome: 'interrupted' }
    // What the run's opening says of its isolation is sealed already.
    if (runner.isolation === 'user' && stepUser === null)
      return notStarted(
        now(),
        'the run has its steps run as another user, and this server does not',
      )
    return null
  }

  function withoutRoot({ root }: Plan): Result {
    return notStarted(now(), `the root of the run is not there any more: ${root}`)
  }

  /** What an attempt derived, also one that was cut off; null where it is not one that derives. */
  async function cellsOf(
    run_id: string,
    step: PlanStep,
    attempt: number,
  ): Promise<RecordedCells | null> {
    return isDeriving(step) ? await materializer.recorded(run_id, step.step_id, attempt) : null
  }

  /** That the attempt has ended, where it is not on record already. */
  function finishing(
    { step_id, kind, argv }: PlanStep,
    attempt: number,
    { derived, ...result }: Ended,
    cells: RecordedCells | null,
  ): Said {
    const { totals, ...listed } = cells ?? { totals: null }
    const told = {
      ...(totals && { totals: { ...totals, skipped: derived?.skipped ?? 0 } }),
      ...(derived?.error_type && { error_type: derived.error_type }),
    }
    const salt = random(16).toString('hex')
    return (before) => {
      const { run_id } = before.run
      const known = attemptOf(before.run, step_id, attempt)
      if (known?.finished) return []
      // The start that is on record is the one: a second instant for one fact would look like another history.
      const started_at = known?.started_at ?? result.started_at
      const finished_at = later(result.finished_at, started_at)
      const times = { started_at, finished_at }
      const entry: StepEntry = {
        step_id,
        kind,
        attempt,
        argv,
        ...result,
        ...listed,
        ...times,
        ...(result.outcome === 'aborted' &&
          before.stop !== null && { reason: `aborted by ${before.stop.actor}` }),
        // Measured by a clock that is not set: where the other was set back, the times are what is on record.
        duration_ms: Math.min(result.duration_ms, Date.parse(finished_at) - Date.parse(started_at)),
        salt,
      }
      const timestamp = timeAfter(before, now())
      return [{ type: 'step_finished', run_id, timestamp, entry, ...told }]
    }
  }

  /** How an attempt ended whose runner died, or whose server did: what is left of it is ended. */
  async function cutOff(run: Run, step: PlanStep, attempt: number): Promise<Result> {
    const { run_id } = run
    const { step_id } = step
    const file = logFile(logs, run_id, step_id, attempt)
    const slots = Array.from({ length: SLOTS }, (_, slot) => slotOf(file, slot))
    const names = isDeriving(step) ? slots : [file]
    const noted = await Promise.all(names.map((name) => notedIn(pidFileOf(name))))
    const groups = new Set([
      ...noted.flatMap(({ survivor }) => survivor?.pid ?? []),
      ...groupsHolding(noted.flatMap(({ pipes }) => pipes)),
      ...groupsMarked(names.map(markOf)),
    ])
    await Promise.all(Array.from(groups, (pgid) => endGroup({ pgid, mark: null }, graceMs)))
    await Promise.all(names.map((name) => rm(pidFileOf(name), { force: true })))
    const log = await summaryOfLog(file, maxLogBytes).catch(faultWords)
    const lost = typeof log === 'string' ? `; its log cannot be read: ${log}` : ''
    const at = now()
    const started_at = attemptOf(run, step_id, attempt)?.started_at ?? at.toISOString()
    return {
      ...notStarted(at, `cut off: its runner or the server died${lost}`),
      outcome: 'interrupted',
      started_at,
      duration_ms: Math.max(0, at.getTime() - Date.parse(started_at)),
      ...(typeof log === 'string' ? {} : { log }),
    }
  }

  /** The run ends, by its entries in the order of their links; then it is sealed. */
  async function finish(run_id: string): Promise<void> {
    const ending = { isOurs: false }
    if (!(await lasting(() => end(run_id, ending)))) return
    stops.delete(run_id)
    wishes.delete(run_id)
    takeovers.delete(run_id)
    crowded.delete(run_id)
    agendas.delete(run_id)
    await lasting(() => sealer.seal(run_id))
  }

  /** Is it to be sealed from here? */
  async function end(run_id: string, ending: { isOurs: boolean }): Promise<boolean> {
    for (;;) {
      const facts = (await storage.runs.facts(run_id)).map(({ fact }) => fact)
      const before = { isEnded: false, isKnown: false }
      await recorder.record(run_id, (current) => {
        before.isEnded = current.run.ended !== null
        before.isKnown = current.facts === facts.length
        if (before.isEnded || !before.isKnown) return []
        ending.isOurs = true
        const salt = () => random(16).toString('hex')
        const at = timeAfter(current, now())
        const ends = endingFacts(current, facts, stops.get(run_id) ?? null, at, salt)
        return ends.map((fact) => recorder.fitted(fact, current))
      })
      if (before.isEnded || before.isKnown) return ending.isOurs
    }
  }

  function readProject(): LoadedProject {
    try {
      return project.now()
    } catch (error) {
      // What is answered names no folder of this machine.
      if (error instanceof DefinitionError)
        throw new ProblemError(
          'bad_definition',
          error.message.replaceAll(`${dirname(project.lastGood().file)}/`, ''),
        )
      throw error
    }
  }

  function definitionOf(name: string): { definition: Definition; root: string } {
    const { definitions, root } = readProject()
    const definition = definitions.get(name)
    if (definition === undefined)
      throw new ProblemError('unknown_definition', `the project defines no run ${name}`)
    return { definition, root }
  }

  async function open(
    { definition, root }: { definition: Definition; root: string },
    given: Readonly<Record<string, string>>,
    { actor, authority }: Asker,
    rerun: { of: Opening['rerun_of']; taking: Takeovers },
  ): Promise<{ run_id: string }> {
    if (stopping) throw new ProblemError('draining', 'no run starts any more')
    const inputs = resolveInputs(definition, given)
    const plan = {
      root: definition.root,
      ...planOf(definition, inputs, server.environment),
    }
    const run_id = newId('run')
    // Before the run is on record: after a crash their presence says what was to be taken over.
    await linkLogs(logs, run_id, rerun.taking)
    if (rerun.taking.size > 0) takeovers.set(run_id, new Map(rerun.taking))
    await begin(
      run_id,
      root,
      {
        kind: 'pipeline',
        title: definition.title,
        definition: { name: definition.name, sha256: definition.sha256 },
        plan,
        actor,
        inputs,
        rerun_of: rerun.of,
      },
      authority,
    )
    return { run_id }
  }

  async function openMaterialize(
    request: MaterializeRequest,
    { actor, authority }: Asker,
    rerun_of: Opening['rerun_of'],
  ): Promise<{ run_id: string }> {
    if (stopping) throw new ProblemError('draining', 'no run starts any more')
    const { steps, ...planned } = materializer.plan(request)
    const { root, rootNamed } = project.lastGood()
    const plan = { root: rootNamed, ...planOf({ steps, gates: [] }, {}, server.environment) }
    const run_id = newId('run')
    const opened = { kind: 'materialize', ...planned, plan, actor, rerun_of } as const
    await begin(run_id, root, opened, authority)
    return { run_id }
  }

  /** The run is on record from here. */
  async function begin(
    run_id: string,
    root: string,
    opened: Omit<Opening, 'server' | 'started_at' | 'source' | 'runner'>,
    authority: Authority | null,
  ): Promise<void> {
    const source = await sourceOf(root, stepUser !== null)
    const timestamp = now().toISOString()
    await recorder.open(
      {
        type: 'run_started',
        run_id,
        timestamp,
        evidence_id: newId('ev'),
        opening: {
          ...opened,
          server: server.key_id,
          started_at: timestamp,
          ...(source === undefined ? {} : { source }),
          runner: { version: server.version, isolation: stepUser === null ? 'none' : 'user' },
        },
      },
      authority,
    )
    keep(advance(run_id))
  }

  /** Ends and records what a former server left running of the run. */
  async function pickUp(run_id: string): Promise<void> {
    const { run, opening, stop } = await read(run_id)
    if (run.ended !== null) return
    if (stop !== null) stops.set(run_id, stop)
    if (opening.rerun_of !== null)
      takeovers.set(
        run_id,
        await pendingTakeovers(logs, run, await storage.runs.facts(opening.rerun_of.run_id)),
      )
    await Promise.all(
      opening.plan.steps.map(async (step) => {
        const last = stepOf(run, step.step_id)?.attempts.at(-1)
        if (last?.finished !== null) return
        const result = await cutOff(run, step, last.attempt)
        const cells = await cellsOf(run_id, step, last.attempt)
        const ending = finishing(step, last.attempt, result, cells)
        await recorder.record(run_id, (before) =>
          ending(before).map((fact) => recorder.fitted(fact, before)),
        )
      }),
    )
  }

  /** Nothing goes on from a damaged record, and it keeps neither the others nor the server from it. */
  async function unlessDamaged(run_id: string, act: (run_id: string) => Promise<void>) {
    try {
      await act(run_id)
    } catch (error) {
      if (!isDamage(error)) throw error
      failed(new Error(`run ${run_id} stays as it is: ${faultWords(error)}`, { cause: error }))
    }
  }

  async function read(run_id: string): Promise<Current> {
    const current = await recorder.read(run_id)
    if (current === null) throw new ProblemError('not_found', `there is no run ${run_id}`)
    return current
  }

  return {
    definitions() {
      try {
        return summaries(project.now())
      } catch (error) {
        if (error instanceof DefinitionError) return summaries(project.lastGood())
        throw error
      }
    },

    async start(name, inputs, asker) {
      return await open(definitionOf(name), inputs, asker, { of: null, taking: new Map() })
    },

    async materialize(request, asker) {
      return await openMaterialize(request, asker, null)
    },

    async abort(run_id, { actor, authority }, reason) {
      // On record before anything is ended by it: a server that dies meanwhile knows whose wish it was.
      let asked: Stop | null = null
      const ask = (current: Current): Fact[] => {
        const { run } = current
        const stop = current.stop ?? wishes.get(run_id) ?? null
        if (run.ended !== null)
          throw new ProblemError('run_ended', `run ${run_id} has ${run.ended.outcome}`)
        const timestamp = timeAfter(current, now())
        asked = stop
        return stop === null ? [{ type: 'abort_asked', run_id, timestamp, actor, reason }] : []
      }
      try {
        await recorder.record(run_id, ask, authority)
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== 'failed' || stopping) throw error
        // What fills the disk may be what is to be ended: it ends without a record, which comes with its ending.
        const wish = { actor, reason }
        const { run } = await read(run_id)
        wishes.set(run_id, wishes.get(run_id) ?? wish)
        stops.set(run_id, stops.get(run_id) ?? wish)
        endRunning(run)
        keep(advance(run_id))
        throw error
      }
      // It stays the abort of whoever asked first; that others did too is theirs to answer for.
      if (asked !== null) {
        const act = { act: 'run_aborted', about: run_id, detail: null } as const
        await storage.journal.add({ at: now().toISOString(), actor, ...act, authority })
      }
      const ended = new Promise<void>((resolve) => {
        waiting.set(run_id, [...(waiting.get(run_id) ?? []), resolve])
      })
      await advance(run_id)
      await ended
      const after = (await read(run_id)).run.ended
      if (after?.outcome !== 'aborted')
        throw new ProblemError('run_ended', `run ${run_id} has ${after?.outcome}`)
    },

    async rerun(run_id, from, asker) {
      const { run, opening } = await read(run_id)
      if (run.ended === null) throw new ProblemError('run_not_ended', `run ${run_id} goes on`)
      const starters = [...(opening.rerun_of?.starters ?? []), opening.actor]
      // What was derived is fresh and skipped: there is nothing to take over.
      if (opening.kind === 'materialize')
        return await openMaterialize(requestIn(opening.inputs), asker, { run_id, starters })
      const found = definitionOf(opening.definition.name)
      if (from === 'failed' && run.sealed === null)
        throw new ProblemError('run_not_ended', `run ${run_id} is not sealed yet`)
      if (from === 'failed' && found.definition.sha256 !== opening.definition.sha256)
        throw new ProblemError(
          'bad_definition',
          `${opening.definition.name} has changed since: run it again from its start`,
        )
      return await open(found, opening.inputs, asker, {
        of: { run_id, starters },
        taking: from === 'failed' ? takeoversOf(await storage.runs.facts(run_id)) : new Map(),
      })
    },

    async recover() {
      recovering = true
      await endFormerRunner(pidFile, graceMs)
      const unfinished = await storage.runs.unfinished()
      await Promise.all(unfinished.map((run_id) => unlessDamaged(run_id, pickUp)))
      // Before anything goes on, so that no run is sealed from two sides.
      await sealer.resume()
      recovering = false
      for (const run_id of await storage.runs.unfinished())
        keep(unlessDamaged(run_id, (run_id) => advance(run_id)))
    },

    check() {
      if (!link.answers())
        throw new ProblemError('runner_failed', 'the process that starts steps does not answer')
    },

    async stop() {
      stopping = true
      halt.abort()
      for (const cancel of cancels.values()) cancel.abort(SERVER_STOPS)
      await link.stop()
      while (busy.size > 0) await Promise.all(busy)
      await materializer.stop()
    },
  }
}

/** `derived`: of a step that derives, what its cells do not say. */
type Ended = Result & { derived?: Omit<DerivedStep, 'result'> }

function isDeriving({ kind }: PlanStep): boolean {
  return kind === 'materialize'
}

const AGAIN_MS = 100
const LONGEST_AGAIN_MS = 5000

function notStarted(at: Date, reason: string): Result {
  return {
    exit_code: null,
    signal: null,
    outcome: 'failed',
    reason,
    started_at: at.toISOString(),
    finished_at: at.toISOString(),
    duration_ms: 0,
    log: emptyLog(),
    artifacts: [],
  }
}

/** What is new on record, by what is on record. */
type Said = (before: Current) => readonly Fact[]
const NOTHING: Said = () => []

function attemptOf(run: Run, step_id: string, attempt: number): Attempt | undefined {
  return stepOf(run, step_id)?.attempts.find((one) => one.attempt === attempt)
}

function idOf(run_id: string, step_id: string, attempt: number): string {
  return `${run_id}/${step_id}/${attempt}`
}

function isAnyRunning({ steps }: Run): boolean {
  return steps.some(({ attempts }) => attempts.some(({ finished }) => finished === null))
}

function summaries({ definitions }: LoadedProject): DefinitionSummary[] {
  return Array.from(definitions.values(), ({ name, title, sha256, steps, gates, inputs }) => ({
    name,
    title,
    sha256,
    steps: steps.length,
    gates: gates.length,
    inputs: Object.entries(inputs).map(([name, { description, default: value, options }]) => ({
      name,
      description: description ?? null,
      default: value ?? null,
      options: options ?? null,
    })),
  }))
}
