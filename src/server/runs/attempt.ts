import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Artifact } from '#contract/envelope.ts'
import type { StepOutcome } from '#contract/status.ts'
import { faultWords } from '#server/disk-fault.ts'
import { keepArtifacts } from './artifact.ts'
import { emptyLog, LogWriter, markOf, type LogSummary } from './log.ts'
import type { Piece } from './mask.ts'
import { closePipe, eachChunk, openPipe, type OpenPipe } from './pipe.ts'
import { endGroup, groupsHolding, hasMembers, marking, type Marked } from './process-group.ts'
import { noteProcess, type ProcessNote } from './process-note.ts'
import type { FromRunner, Launch, Result } from './runner-protocol.ts'
import { startProcess } from './start-process.ts'
import { openStepFolder, type StepFolder } from './step-folder.ts'
import { WovenMask } from './woven-mask.ts'

/** How it came to its end, before that is dressed as an entry. */
type Exit = {
  exit_code: number | null
  signal: string | null
  outcome: StepOutcome
  reason: string | null
  artifacts: Artifact[]
}

/** One attempt of a step: a process group, its log, its artifacts. Lives in the runner. */
export class Attempt {
  /** Never rejects: whatever goes wrong is a failed attempt with its reason. */
  readonly ended: Promise<Result>
  readonly #launch: Launch
  readonly #say: (message: FromRunner) => void
  #cause: 'timed_out' | 'aborted' | 'interrupted' | null = null
  #group: Marked | null = null
  #begunAt = 0
  #exited = false
  #ending: Promise<void> | null = null
  /** What the pipes said and is not masked yet. */
  readonly #come: Piece<'stdout' | 'stderr'>[] = []
  #keeping: Promise<void> | null = null
  #kept = Promise.resolve()
  #toldBytes = 0
  #toldAt = 0
  #telling: NodeJS.Timeout | null = null

  constructor(launch: Launch, say: (message: FromRunner) => void) {
    this.#launch = launch
    this.#say = say
    this.ended = this.#run()
  }

  /** Ends the group: gently, then not. An attempt whose process has ended by itself keeps the outcome that it had. */
  end(cause: 'timed_out' | 'aborted' | 'interrupted'): void {
    if (this.#exited || this.#cause !== null) return
    this.#cause = cause
    this.#endGroup()
  }

  #endGroup(): void {
    if (this.#group !== null) this.#ending ??= endGroup(this.#group, this.#launch.grace_ms)
  }

  async #run(): Promise<Result> {
    const started = new Date()
    const begun = performance.now()
    const { result, log } = await this.#logged()
    const finished = new Date()
    return {
      ...result,
      started_at: started.toISOString(),
      finished_at: finished.toISOString(),
      duration_ms: Math.round(performance.now() - begun),
      log,
    }
  }

  async #logged(): Promise<{ result: Exit; log: LogSummary }> {
    const log = await LogWriter.create(this.#launch.log, this.#launch.max_log_bytes).catch(
      faultWords,
    )
    if (typeof log === 'string')
      return { result: failed(`the log cannot be written: ${log}`), log: emptyLog() }
    const result = await this.#execute(log).catch((cause: unknown) => failed(faultWords(cause)))
    // Nothing ran, or not to its end: the log is where a person looks for the reason.
    if (result.reason !== null)
      await log.write('system', Buffer.from(`runseal: ${result.reason}\n`), new Date())
    const summary = await log.close()
    this.#tellOutput(summary.bytes)
    if (log.fault === null || result.outcome !== 'succeeded') return { result, log: summary }
    return { result: { ...result, outcome: 'failed', reason: log.fault }, log: summary }
  }

  async #execute(log: LogWriter): Promise<Exit> {
    const { argv, cwd, root, run_as, timeout_ms } = this.#launch
    const folder = openStepFolder(root, cwd, run_as)
    if (typeof folder === 'string') return failed(folder)
    const { pipes, note, exit, unnoted } = this.#begin(folder)
    // The log is both pipes in one: half of a secret by each is a secret there.
    const mask = new WovenMask<'stdout' | 'stderr'>(this.#launch.secrets)
    const reading = [
      this.#pump(pipes[0].read, 'stdout', mask, log),
      this.#pump(pipes[1].read, 'stderr', mask, log),
    ]
    const timer = timeout_ms === null ? null : setTimeout(() => this.end('timed_out'), timeout_ms)
    const { exit_code, signal, error } = await exit
    this.#exited = true
    if (timer !== null) clearTimeout(timer)
    await this.#endLeftovers()
    note.close()
    await this.#drain(reading, pipes)
    await this.#keep(mask.end(), log)
    if (error !== null) return failed(spawnFault(error, argv))
    if (unnoted !== null) return failed(`its process could not be noted: ${unnoted}`)
    return this.#resultOf(exit_code, signal)
  }

  #begin(folder: StepFolder) {
    const { argv, env, run_as, log, pid_file } = this.#launch
    try {
      const { pipes, note } = openNoted(pid_file, run_as)
      this.#begunAt = performance.now()
      const { pid, exit } = startProcess({
        argv,
        cwd: folder.path,
        env: { ...env, ...marking(markOf(log)) },
        run_as,
        stdio: [NOTHING, pipes[0].write, pipes[1].write],
      })
      const unnoted = pid === null ? null : this.#began(pid, note)
      for (const { write } of pipes) closeSync(write)
      return { pipes, note, exit, unnoted }
    } finally {
      folder.close()
    }
  }

  /** Why the group cannot be found by others, if so: then it does not run on. */
  #began(pid: number, note: ProcessNote): string | null {
    this.#group = { pgid: pid, mark: markOf(this.#launch.log) }
    try {
      note.began(pid)
    } catch (cause) {
      this.#endGroup()
      return faultWords(cause)
    }
    // It was to end before it began.
    if (this.#cause !== null) this.#endGroup()
    return null
  }

  /** A step is over when its process is: what it left in its group goes with it. */
  async #endLeftovers(): Promise<void> {
    const ageMs = performance.now() - this.#begunAt
    if (this.#group !== null && hasMembers(this.#group, ageMs)) this.#endGroup()
    await this.#ending
  }

  /** A process that left group and session may still hold the pipes: it is of this step, and is ended too. */
  async #drain(reading: Promise<void>[], pipes: Pipes): Promise<void> {
    if (!(await isReadSoon(reading))) {
      const mark = markOf(this.#launch.log)
      const holders = groupsHolding(pipes.map(({ inode }) => inode))
      await Promise.all(holders.map((pgid) => endGroup({ pgid, mark }, this.#launch.grace_ms)))
      await isReadSoon(reading)
    }
    // Whoever holds them now is another user's, and is not waited for.
    for (const { read } of pipes) read.destroy()
    await Promise.all(reading)
  }

  async #pump(
    pipe: Socket,
    from: 'stdout' | 'stderr',
    mask: WovenMask<'stdout' | 'stderr'>,
    log: LogWriter,
  ): Promise<void> {
    await eachChunk(pipe, async (bytes) => {
      this.#come.push({ bytes, from })
      await (mask.isIdle ? this.#keepCome(mask, log) : this.#keepSoon(mask, log))
      this.#outputSoon(log)
    })
    await this.#keep(mask.close(from), log)
  }

  /**
   * With what the other pipe says at the same time, since either may be read first; and after what was read before, since
   * a pipe that waits for the disk must not be overtaken by the other.
   */
  async #keepSoon(mask: WovenMask<'stdout' | 'stderr'>, log: LogWriter): Promise<void> {
    this.#keeping ??= this.#kept.then(bothRead).then(() => {
      this.#keeping = null
      this.#kept = this.#keepCome(mask, log)
      return this.#kept
    })
    await this.#keeping
  }

  async #keepCome(mask: WovenMask<'stdout' | 'stderr'>, log: LogWriter): Promise<void> {
    await this.#keep(mask.push(this.#come.splice(0)), log)
  }

  async #keep(pieces: readonly Piece<'stdout' | 'stderr'>[], log: LogWriter): Promise<void> {
    const now = new Date()
    // Asked of the log before any is waited for: the other pipe must not come between two of them.
    await Promise.all(pieces.map(({ bytes, from }) => log.write(from, bytes, now)))
  }

  #outputSoon(log: LogWriter): void {
    const wait = this.#toldAt + OUTPUT_EVERY_MS - Date.now()
    if (wait <= 0) this.#tellOutput(log.bytes)
    else this.#telling ??= setTimeout(() => this.#tellOutput(log.bytes), wait)
  }

  #tellOutput(bytes: number): void {
    if (this.#telling !== null) clearTimeout(this.#telling)
    this.#telling = null
    if (bytes === this.#toldBytes) return
    this.#toldBytes = bytes
    this.#toldAt = Date.now()
    this.#say({ type: 'output', id: this.#launch.id, bytes })
  }

  async #resultOf(exit_code: number | null, signal: string | null): Promise<Exit> {
    const { timeout_ms, artifacts, root, keep_in, run_as, max_artifact_bytes } = this.#launch
    const ended = { exit_code, signal, artifacts: [] }
    switch (this.#cause) {
      case 'timed_out':
        return { ...ended, outcome: 'timed_out', reason: `timed out after ${timeout_ms} ms` }
      case 'aborted':
        return { ...ended, outcome: 'aborted', reason: 'aborted' }
      case 'interrupted':
        return { ...ended, outcome: 'interrupted', reason: 'the server stopped' }
      case null:
        break
    }
    if (exit_code !== 0) return { ...ended, outcome: 'failed', reason: null }
    const allowance = { bytes: max_artifact_bytes, owner: run_as?.uid ?? null }
    const kept = await keepArtifacts(artifacts, root, keep_in, allowance)
    if (kept.fault !== null)
      return { ...ended, outcome: 'failed', reason: clip(kept.fault), artifacts: kept.artifacts }
    return { ...ended, outcome: 'succeeded', reason: null, artifacts: kept.artifacts }
  }
}

const NOTHING = openSync('/dev/null', 'r')
const OUTPUT_EVERY_MS = 250
const DRAIN_MS = 500

/** Between two turns of the event loop whatever has come is read. */
async function bothRead(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

export async function isReadSoon(reading: Promise<void>[]): Promise<boolean> {
  return await new Promise((resolve, reject) => {
    const late = setTimeout(() => resolve(false), DRAIN_MS).unref()
    void Promise.all(reading)
      .then(() => resolve(true), reject)
      .finally(() => clearTimeout(late))
  })
}

function failed(reason: string): Exit {
  return { exit_code: null, signal: null, outcome: 'failed', reason: clip(reason), artifacts: [] }
}

export function spawnFault(cause: unknown, [program = '']: readonly string[]): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  if (code === 'ENOENT') return `no such program: ${program}`
  if (code === 'EACCES') return `not allowed to run: ${program}`
  if (code === 'E2BIG') return `arguments and environment are too long: ${program}`
  return `cannot run ${program}: ${code}`
}

export type Pipes = readonly [OpenPipe, OpenPipe]

/** What a process will say goes by these, which are noted before it is there. */
export function openNoted(
  pid_file: string,
  run_as: Launch['run_as'],
): { pipes: Pipes; note: ProcessNote } {
  const pipes = [openPipe(run_as), openPipe(run_as)] as const
  try {
    return {
      pipes,
      note: noteProcess(
        pid_file,
        pipes.map(({ inode }) => inode),
      ),
    }
  } catch (cause) {
    for (const pipe of pipes) closePipe(pipe)
    throw cause
  }
}

// A program may be named by 64 kB of text; a reason is for a person, and has to fit its entry.
function clip(reason: string): string {
  return reason.length <= 1024 ? reason : `${reason.slice(0, 1023).toWellFormed()}…`
}
