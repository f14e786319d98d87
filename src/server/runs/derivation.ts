import { closeSync, openSync, writeFileSync } from 'node:fs'
import { chown, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { isUtf8 } from 'node:buffer'
import { diskFault, faultWords } from '#server/disk-fault.ts'
import { keepArtifacts } from './artifact.ts'
import { isReadSoon, openNoted, spawnFault, type Pipes } from './attempt.ts'
import { emptyLog, LogWriter, markOf, pidFileOf, slotOf } from './log.ts'
import { Mask } from './mask.ts'
import { eachChunk } from './pipe.ts'
import { linesWithin } from './secret-finder.ts'
import { endGroup, groupsHolding, hasMembers, marking, type Marked } from './process-group.ts'
import type { ProcessNote } from './process-note.ts'
import type { Batch, BatchResult, Derive, FromRunner, Output, Result } from './runner-protocol.ts'
import { startProcess } from './start-process.ts'
import { openStepFolder, type StepFolder } from './step-folder.ts'

type Cause = 'aborted' | 'interrupted'

/** One attempt of a step that derives: a process for each batch, and one log. Lives in the runner. */
export class Derivation {
  /** Never rejects. */
  readonly ended: Promise<Result>
  readonly #derive: Derive
  readonly #say: (message: FromRunner) => void
  readonly #log: Promise<LogWriter | string>
  readonly #running = new Map<number, BatchProcess>()
  #cause: Cause | null = null
  #close: (fault: string | null) => void = () => {}
  #toldBytes = 0

  constructor(derive: Derive, say: (message: FromRunner) => void) {
    this.#derive = derive
    this.#say = say
    this.#log = LogWriter.create(derive.log, derive.max_log_bytes).catch(faultWords)
    const closed = new Promise<string | null>((resolve) => {
      this.#close = resolve
    })
    this.ended = this.#run(closed)
  }

  begin(batch: Batch): void {
    const { slot } = batch
    const one = new BatchProcess(this.#derive, batch, this.#log, {
      logged: () => this.#tellOutput(),
      said: (lines) => {
        // The slot may be another's by now.
        if (this.#running.get(slot) !== one) return
        this.#say({ type: 'batch_said', id: this.#derive.id, slot, ...lines })
      },
    })
    this.#running.set(slot, one)
    if (this.#cause !== null) one.end(this.#cause)
    void one.ended.then((result) => {
      this.#running.delete(slot)
      this.#say({ type: 'batch_ended', id: this.#derive.id, slot, result })
    })
  }

  /** What keeps it from going on, if anything does. */
  close(fault: string | null): void {
    this.#close(fault)
  }

  end(cause: Cause): void {
    this.#cause ??= cause
    for (const one of this.#running.values()) one.end(cause)
    // The server may not be there any more to say so.
    if (cause === 'interrupted') this.#close(null)
  }

  async #run(closed: Promise<string | null>): Promise<Result> {
    const started = new Date()
    const begun = performance.now()
    const said = await closed
    await Promise.all(Array.from(this.#running.values(), ({ ended }) => ended))
    const log = await this.#log
    const logFault = typeof log === 'string' ? `the log cannot be written: ${log}` : log.fault
    const { artifacts, ...end } = await this.#keeping(endOf(this.#cause, said ?? logFault))
    if (typeof log !== 'string' && end.reason !== null)
      await log.write('system', Buffer.from(`runseal: ${end.reason}\n`), new Date())
    const summary = typeof log === 'string' ? emptyLog() : await log.close()
    this.#tellOutput()
    return {
      ...end,
      signal: null,
      started_at: started.toISOString(),
      finished_at: new Date().toISOString(),
      duration_ms: Math.round(performance.now() - begun),
      log: summary,
      artifacts,
    }
  }

  async #keeping(end: End): Promise<End & Pick<Result, 'artifacts'>> {
    if (end.outcome !== 'succeeded') return { ...end, artifacts: [] }
    const { artifacts: paths, root, keep_in, run_as, max_artifact_bytes } = this.#derive
    const allowance = { bytes: max_artifact_bytes, owner: run_as?.uid ?? null }
    const { artifacts, fault } = await keepArtifacts(paths, root, keep_in, allowance)
    return { ...endOf(this.#cause, fault), artifacts }
  }

  #tellOutput(): void {
    void this.#log.then((log) => {
      if (typeof log === 'string' || log.bytes === this.#toldBytes) return
      this.#toldBytes = log.bytes
      this.#say({ type: 'output', id: this.#derive.id, bytes: log.bytes })
    })
  }
}

type End = Pick<Result, 'exit_code' | 'outcome' | 'reason'>

function endOf(cause: Cause | null, fault: string | null): End {
  if (cause === 'aborted') return { exit_code: null, outcome: cause, reason: 'aborted' }
  if (cause === 'interrupted')
    return { exit_code: null, outcome: cause, reason: 'the server stopped' }
  if (fault !== null) return { exit_code: null, outcome: 'failed', reason: fault }
  // Of the step, which did all that it was to do; how each process ended is told with what it was given.
  return { exit_code: 0, outcome: 'succeeded', reason: null }
}

/** A process that is given records and answers them: a process group of its own, as a step's is. */
class BatchProcess {
  /** Never rejects: what went wrong is a process that was not started, with its reason. */
  readonly ended: Promise<BatchResult>
  readonly #derive: Derive
  readonly #batch: Batch
  readonly #name: string
  readonly #log: Promise<LogWriter | string>
  readonly #heard: Heard
  #cause: BatchResult['cause'] = null
  #group: Marked | null = null
  #exited = false
  #ending: Promise<void> | null = null

  constructor(derive: Derive, batch: Batch, log: Promise<LogWriter | string>, heard: Heard) {
    this.#derive = derive
    this.#batch = batch
    this.#name = slotOf(derive.log, batch.slot)
    this.#log = log
    this.#heard = heard
    this.ended = this.#run()
  }

  end(cause: NonNullable<BatchResult['cause']>): void {
    if (this.#exited || this.#cause !== null) return
    this.#cause = cause
    this.#endGroup()
  }

  #endGroup(): void {
    if (this.#group !== null) this.#ending ??= endGroup(this.#group, this.#derive.grace_ms)
  }

  async #run(): Promise<BatchResult> {
    const begun = performance.now()
    const result = await this.#execute().catch((cause: unknown) =>
      notStarted(faultWords(cause), diskFault(cause) !== null),
    )
    return { ...result, duration_ms: Math.round(performance.now() - begun) }
  }

  async #execute(): Promise<Outcome> {
    const { root, run_as } = this.#derive
    const { argv, cwd, timeout_ms } = this.#batch
    // It makes the folder of what is written beside it.
    await this.#log
    if (this.#cause !== null) return { ...NOTHING, invalid: [], cause: this.#cause }
    const folder = openStepFolder(root, cwd, run_as)
    if (typeof folder === 'string') return notStarted(folder)
    const { pipes, note, exit, unnoted, begunAt } = await this.#begin(folder)
    const output = new LinesSoon(this.#heard.said)
    const reading = [this.#collect(pipes[0].read, output), this.#pump(pipes[1].read)]
    const timer = timeout_ms === null ? null : setTimeout(() => this.end('timed_out'), timeout_ms)
    const { exit_code, signal, error } = await exit
    this.#exited = true
    if (timer !== null) clearTimeout(timer)
    const ageMs = performance.now() - begunAt
    if (this.#group !== null && hasMembers(this.#group, ageMs)) this.#endGroup()
    await this.#ending
    note.close()
    await this.#drain(reading, pipes)
    if (error !== null) return notStarted(spawnFault(error, argv))
    if (unnoted !== null) return notStarted(`its process could not be noted: ${unnoted}`, true)
    return {
      exit_code,
      signal,
      cause: this.#cause,
      reason: null,
      ...output.rest(),
    }
  }

  async #begin(folder: StepFolder) {
    const { run_as } = this.#derive
    const { argv, env, input } = this.#batch
    try {
      const stdin = await this.#given(input)
      const { pipes, note } = openNoted(pidFileOf(this.#name), run_as)
      const begunAt = performance.now()
      const { pid, exit } = startProcess({
        argv,
        cwd: folder.path,
        env: { ...env, ...marking(markOf(this.#name)) },
        run_as,
        stdio: [stdin, pipes[0].write, pipes[1].write],
      })
      const unnoted = pid === null ? null : this.#began(pid, note)
      for (const fd of [stdin, pipes[0].write, pipes[1].write]) closeSync(fd)
      return { pipes, note, exit, unnoted, begunAt }
    } finally {
      folder.close()
    }
  }

  /** A file, and no pipe: a process that does not read holds back nobody, and one that opens /dev/stdin can. */
  async #given(input: string): Promise<number> {
    const file = `${this.#name}.in`
    const { run_as } = this.#derive
    try {
      await rm(file, { force: true })
      writeFileSync(file, input, { flag: 'wx', mode: 0o600 })
      if (run_as !== null) await chown(file, run_as.uid, run_as.gid)
      return openSync(file, 'r')
    } finally {
      await rm(file, { force: true })
    }
  }

  #began(pid: number, note: ProcessNote): string | null {
    this.#group = { pgid: pid, mark: markOf(this.#name) }
    try {
      note.began(pid)
    } catch (cause) {
      this.#endGroup()
      return faultWords(cause)
    }
    if (this.#cause !== null) this.#endGroup()
    return null
  }

  async #drain(reading: Promise<void>[], pipes: Pipes): Promise<void> {
    if (!(await isReadSoon(reading))) {
      const mark = markOf(this.#name)
      const holders = groupsHolding(pipes.map(({ inode }) => inode))
      await Promise.all(holders.map((pgid) => endGroup({ pgid, mark }, this.#derive.grace_ms)))
      await isReadSoon(reading)
    }
    for (const { read } of pipes) read.destroy()
    await Promise.all(reading)
  }

  async #collect(pipe: Socket, output: LinesSoon): Promise<void> {
    let room = this.#derive.max_output_bytes
    // A value or an error is recorded, told and sealed: a secret is in none of them, as JSON writes it neither.
    const mask = new Mask<'stdout'>(
      this.#batch.secrets
        .flatMap((secret) => [secret, ...linesWithin(secret)])
        .flatMap((form) => [form, JSON.stringify(form).slice(1, -1)]),
    )
    const keep = (pieces: ReturnType<typeof mask.end>) => {
      for (const { bytes } of pieces) output.push(bytes)
    }
    await eachChunk(pipe, async (bytes) => {
      if (bytes.length <= room) keep(mask.push({ bytes, from: 'stdout' }))
      else this.end('flooded')
      room -= Math.min(room, bytes.length)
    })
    keep(mask.end())
  }

  async #pump(pipe: Socket): Promise<void> {
    const log = await this.#log
    const mask = new Mask<'stderr'>(this.#batch.secrets)
    const keep = async (pieces: ReturnType<typeof mask.end>) => {
      if (typeof log === 'string') return
      const now = new Date()
      await Promise.all(pieces.map(({ bytes, from }) => log.write(from, bytes, now)))
      this.#heard.logged()
    }
    await eachChunk(pipe, (bytes) => keep(mask.push({ bytes, from: 'stderr' })))
    await keep(mask.end())
  }
}

type Heard = { logged: () => void; said: (lines: Output) => void }

/** Tells whole lines soon after they came: many at one time, since each telling is a message and a commit. */
class LinesSoon {
  readonly #tell: (lines: Output) => void
  #held: Buffer[] = []
  #bytes = 0
  #hasLine = false
  #telling: NodeJS.Timeout | null = null

  constructor(tell: (lines: Output) => void) {
    this.#tell = tell
  }

  push(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#bytes += bytes.length
    this.#hasLine ||= bytes.includes(LINE_FEED)
    if (!this.#hasLine) return
    if (this.#bytes >= SOON_BYTES) this.#tellNow()
    else this.#telling ??= setTimeout(() => this.#tellNow(), SOON_MS)
  }

  /** All that was not told. */
  rest(): Output {
    this.#stop()
    return linesOf(Buffer.concat(this.#held))
  }

  #tellNow(): void {
    this.#stop()
    const bytes = Buffer.concat(this.#held)
    const end = bytes.lastIndexOf(LINE_FEED) + 1
    const rest = bytes.subarray(end)
    this.#held = [rest]
    this.#bytes = rest.length
    this.#hasLine = false
    this.#tell(linesOf(bytes.subarray(0, end)))
  }

  #stop(): void {
    if (this.#telling !== null) clearTimeout(this.#telling)
    this.#telling = null
  }
}

const LINE_FEED = 10
const SOON_MS = 20
const SOON_BYTES = 128 * 1024

type Outcome = Omit<BatchResult, 'duration_ms'>

const NOTHING = { exit_code: null, signal: null, reason: null, output: '', invalid: [] } as const

function notStarted(reason: string, isDisk = false): Outcome {
  return { ...NOTHING, invalid: [], cause: isDisk ? 'disk_failed' : 'not_started', reason }
}

function linesOf(bytes: Buffer): Output {
  if (isUtf8(bytes)) return { output: bytes.toString('utf8'), invalid: [] }
  const lines: string[] = []
  const invalid: number[] = []
  for (let from = 0; from <= bytes.length;) {
    const next = bytes.indexOf(LINE_FEED, from)
    const line = bytes.subarray(from, next === -1 ? bytes.length : next)
    const isText = isUtf8(line)
    lines.push(isText ? line.toString('utf8') : '')
    if (!isText) invalid.push(lines.length)
    from = next === -1 ? bytes.length + 1 : next + 1
  }
  return { output: lines.join('\n'), invalid }
}
