import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { parseJson } from '#contract/parse.ts'
import { compiledFrom } from '#server/compile-cache.ts'
import { jsonLine } from '#server/json-line.ts'
import { endGroup, groupEnded, identityOf, isStoppedProcess, survivorIn } from './process-group.ts'
import {
  FromRunner,
  type BatchResult,
  type Derive,
  type Launch,
  type Output,
  type Process,
  type Result,
  type ToRunner,
} from './runner-protocol.ts'

/** The server's end of its runner. A runner that died is replaced at the next launch. */
export type RunnerLink = {
  /**
   * How the attempt ended; null when its runner died with it, and what it left is to be looked for. Throws when there
   * is no runner and none can be started.
   */
  launch(launch: Launch, output: (bytes: number) => void): Promise<Result | null>
  /** A step of many processes; throws like `launch`. */
  derive(derive: Derive, output: (bytes: number) => void): Deriving
  end(id: string, as: 'aborted' | 'interrupted'): void
  /** false while the runner does not answer. It is ended for that, and so replaced. */
  answers(): boolean
  /** Ends what still runs, and the runner. */
  stop(): Promise<void>
}

export type Deriving = {
  /**
   * One process, given `input`; null when the runner died with it. No other one has its slot meanwhile. What it writes is
   * told in whole lines while it runs; the rest is in its result.
   */
  batch(
    slot: number,
    process: Process,
    input: string,
    said: (lines: Output) => void,
  ): Promise<BatchResult | null>
  /** How the step ended, when all that it began has, or by what fault; null as for a launch. */
  close(fault: string | null): Promise<Result | null>
}

/** `pidFile` says on disk which process the runner is; `failed` is told of one that was ended. */
export function createRunnerLink(
  pidFile: string,
  graceMs: number,
  failed: (error: unknown) => void,
): RunnerLink {
  const pending = new Map<string, Pending>()
  /** By step and slot. */
  const batches = new Map<string, PendingBatch>()
  let runner: Runner | null = null
  /** Beats since it was last heard. */
  let unanswered = 0

  function begin(): Runner {
    // Of its own session, so that Ctrl-C reaches the server alone; with nothing of the server's environment, so
    // that none of it can reach a step.
    const child = spawn('/bin/sh', ['-c', DEAF, process.execPath, ...QUIETLY, RUNNER], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: compiledFrom(),
      detached: true,
    })
    try {
      const identity = child.pid === undefined ? null : identityOf(child.pid)
      if (identity !== null) writeFileSync(pidFile, JSON.stringify(identity), { mode: 0o600 })
    } catch (cause) {
      // No later server would find it.
      child.kill('SIGKILL')
      throw cause
    }
    unanswered = 0
    const beating = setInterval(() => beat(child), BEAT_MS).unref()
    child.once('close', () => clearInterval(beating))
    // 'close' comes when all that it said was heard, 'exit' may come before.
    child.once('close', () => lost(child))
    child.once('error', () => lost(child))
    // Writing to one that died fails; its end tells the rest.
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) => {
      const read = parseJson<FromRunner>(FromRunner, line)
      if (read.ok) hear(read.value)
      else child.kill('SIGKILL')
    })
    return child
  }

  /**
   * Attacker: a step that stops its runner, which is then not dead: no timeout comes any more, no abort and no other
   * step. Counted in beats, not in time, since this process may have been busy itself and what was said not been read.
   */
  function beat(child: Runner): void {
    if (!isStopped(child) && unanswered < MOST_UNANSWERED) {
      unanswered += 1
      say(child, { type: 'ping' })
    } else if (!child.killed && child.kill('SIGKILL'))
      failed(new Error('the runner does not answer and is ended'))
  }

  function lost(gone: Runner): void {
    if (runner !== gone) return
    runner = null
    const orphans = [...pending.values()]
    const orphaned = [...batches.values()]
    pending.clear()
    batches.clear()
    for (const { ended } of orphaned) ended(null)
    for (const { ended } of orphans) ended(null)
  }

  function hear(message: FromRunner): void {
    unanswered = 0
    if (message.type === 'pong') return
    const attempt = pending.get(message.id)
    if (attempt === undefined) return
    switch (message.type) {
      case 'output':
        attempt.output(message.bytes)
        break
      case 'ended':
        pending.delete(message.id)
        attempt.ended(message.result)
        break
      case 'batch_ended': {
        const name = `${message.id} ${message.slot}`
        batches.get(name)?.ended(message.result)
        batches.delete(name)
        break
      }
      case 'batch_said':
        batches.get(`${message.id} ${message.slot}`)?.said(message)
        break
    }
  }

  return {
    launch(launch, output) {
      const child = (runner ??= begin())
      return new Promise((ended) => {
        pending.set(launch.id, { output, ended })
        say(child, launch)
      })
    },

    derive(derive, output) {
      const child = (runner ??= begin())
      const { id } = derive
      const ended = new Promise<Result | null>((ended) => {
        pending.set(id, { output, ended })
        say(child, derive)
      })
      const isLost = () => runner !== child || !pending.has(id)
      return {
        batch: (slot, process, input, said) =>
          new Promise((ended) => {
            if (isLost()) return ended(null)
            batches.set(`${id} ${slot}`, { said, ended })
            say(child, { type: 'batch', id, slot, ...process, input })
          }),
        close(fault) {
          if (!isLost()) say(child, { type: 'close', id, fault })
          return ended
        },
      }
    },

    end(id, as) {
      if (runner !== null && pending.has(id)) say(runner, { type: 'end', id, as })
    },

    answers: () => runner === null || (!isStopped(runner) && unanswered < FEW_UNANSWERED),

    async stop() {
      if (runner === null) return
      const child = runner
      const end = once(child, 'close')
      beat(child)
      child.stdin.end()
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs + STOP_MARGIN_MS)
      await end
      clearTimeout(late)
      await rm(pidFile, { force: true })
    },
  }
}

type Pending = {
  output: (bytes: number) => void
  ended: (result: Result | null) => void
}

type PendingBatch = {
  said: (lines: Output) => void
  ended: (result: BatchResult | null) => void
}

type Runner = ChildProcessByStdio<Writable, Readable, null>

function isStopped({ pid }: Runner): boolean {
  return pid !== undefined && isStoppedProcess(pid)
}

function say({ stdin }: Runner, message: ToRunner): void {
  stdin.write(`${jsonLine(message)}\n`)
}

/**
 * The runner of a server that died ends its groups by itself: it knows best which they are. Only then may its logs be
 * read for good. One that does not come to an end is ended.
 */
export async function endFormerRunner(pidFile: string, graceMs: number): Promise<void> {
  const runner = await survivorIn(pidFile)
  if (runner !== null && !(await groupEnded(runner.pid, graceMs + STOP_MARGIN_MS)))
    await endGroup({ pgid: runner.pid, mark: null }, 0)
  await rm(pidFile, { force: true })
}

// Node tells of a process that a real-time signal ended that it exited with 0. A step therefore begins with those
// signals ignored, which outlasts every exec; who wants them handles or waits for them.
const DEAF = `trap '' ${Array.from({ length: 31 }, (_, index) => 34 + index).join(' ')}; exec "$0" "$@"`

// It starts processes by what Node calls experimental.
const QUIETLY = ['--disable-warning=ExperimentalWarning']

// The build carries what it finds named so.
const RUNNER = fileURLToPath(new URL('./runner.ts', import.meta.url))

const BEAT_MS = 2000
// On a machine that is very busy it may be late.
const FEW_UNANSWERED = 3
const MOST_UNANSWERED = 15

// The grace, the wait after SIGKILL and the last writes of the logs.
const STOP_MARGIN_MS = 3000
