import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, extname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { Count } from '#contract/scalar.ts'
import { endSurvivors, groupEnded, identityOf, type ProcessIdentity } from './process-group.ts'
import { FromRunner, type Result, type Launch, type ToRunner } from './runner-protocol.ts'

/** The server's end of its runner. A runner that died is replaced at the next launch. */
export type RunnerLink = {
  /** How the attempt ended; null when its runner died with it, and what it left is to be looked for. */
  launch(launch: Launch, told: Told): Promise<Result | null>
  end(id: string, as: 'aborted' | 'interrupted'): void
  /** Ends what still runs, and the runner. */
  stop(): Promise<void>
}

export type Told = {
  spawned: (process: ProcessIdentity) => void
  output: (bytes: number) => void
}

/** `pidFile` says on disk which process the runner is. */
export function createRunnerLink(pidFile: string, graceMs: number): RunnerLink {
  const pending = new Map<string, Told & { ended: (result: Result | null) => void }>()
  let runner: Runner | null = null

  function begin(): Runner {
    // Of its own session, so that Ctrl-C reaches the server alone; with an empty environment, so that nothing of the
    // server's can reach a step through it.
    const child = spawn(process.execPath, [RUNNER], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {},
      detached: true,
    })
    const begun = { child, known: writePid(pidFile, child.pid) }
    begun.known.catch(() => child.kill('SIGKILL'))
    child.once('error', () => lost(begun))
    child.once('exit', () => lost(begun))
    // Writing to one that died fails; its exit tells the rest.
    child.stdin.on('error', () => {})
    createInterface({ input: child.stdout }).on('line', (line) => {
      const read = parseJson<FromRunner>(FromRunner, line)
      if (read.ok) hear(read.value)
      else child.kill('SIGKILL')
    })
    return begun
  }

  function lost(gone: Runner): void {
    if (runner !== gone) return
    runner = null
    const orphans = [...pending.values()]
    pending.clear()
    for (const { ended } of orphans) ended(null)
  }

  function hear(message: FromRunner): void {
    const attempt = pending.get(message.id)
    if (attempt === undefined) return
    switch (message.type) {
      case 'spawned': {
        const { pid, start_ticks, boot_id } = message
        attempt.spawned({ pid, start_ticks, boot_id })
        break
      }
      case 'output':
        attempt.output(message.bytes)
        break
      case 'ended':
        pending.delete(message.id)
        attempt.ended(message.result)
        break
    }
  }

  return {
    launch(launch, told) {
      const begun = (runner ??= begin())
      return new Promise((ended) => {
        pending.set(launch.id, { ...told, ended })
        say(begun, launch)
      })
    },

    end(id, as) {
      if (runner !== null && pending.has(id)) say(runner, { type: 'end', id, as })
    },

    async stop() {
      if (runner === null) return
      const { child } = runner
      const exit = once(child, 'exit')
      child.stdin.end()
      const late = setTimeout(() => child.kill('SIGKILL'), graceMs + STOP_MARGIN_MS)
      await exit
      clearTimeout(late)
      await rm(pidFile, { force: true })
    },
  }
}

type Runner = { child: ChildProcessByStdio<Writable, Readable, null>; known: Promise<void> }

// Nothing is started by a runner that a restart would not know of. Messages keep their order.
function say({ child, known }: Runner, message: ToRunner): void {
  void known.then(
    () => child.stdin.write(`${JSON.stringify(message)}\n`),
    () => {},
  )
}

/**
 * The runner of a server that died ends its groups by itself: it knows best which they are. Only then may its logs be
 * read for good. One that does not come to an end is ended.
 */
export async function endFormerRunner(pidFile: string, graceMs: number): Promise<void> {
  const text = await readFile(pidFile, 'utf8').catch(() => '')
  const read = parseJson<ProcessIdentity>(Identity, text)
  if (!read.ok) return
  const { pid, start_ticks } = read.value
  const there = await identityOf(pid)
  if (there?.start_ticks === start_ticks && there.boot_id === read.value.boot_id)
    await groupEnded(pid, graceMs + STOP_MARGIN_MS)
  await endSurvivors(read.value, 0)
  await rm(pidFile, { force: true })
}

const Identity = z.object({ pid: Count, start_ticks: Count, boot_id: z.string() })

// Beside this file, as source and as it is built.
const RUNNER = fileURLToPath(new URL(`./runner${extname(import.meta.url)}`, import.meta.url))

// The grace, the wait after SIGKILL and the last writes of the logs.
const STOP_MARGIN_MS = 3000

async function writePid(pidFile: string, pid: number | undefined): Promise<void> {
  const identity = pid === undefined ? null : await identityOf(pid)
  if (identity === null) return
  await mkdir(dirname(pidFile), { recursive: true, mode: 0o700 })
  await writeFile(pidFile, JSON.stringify(identity), { mode: 0o600 })
}
