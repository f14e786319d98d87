import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { MAIN } from '#test/cli/ready.ts'

/** The server as a person starts it: the command line, on a port of its own, over a data folder of its own. */
export type Companion = {
  url: string
  signInUrl: string
  data: string
  /** Runs another command beside it and answers its stdout. */
  command: (...args: string[]) => Promise<string>
  /** Ends it as Ctrl-C does, and answers its exit code. */
  stop: () => Promise<number | null>
  /** Ends it as a loss of power does. */
  kill: () => Promise<void>
}

export async function startCompanion({
  project,
  data,
  port = 0,
  options = [],
}: {
  project: string
  /** Default: a new folder, removed at the end. */
  data?: string
  port?: number
  /** Further ones of `serve`. */
  options?: readonly string[]
}): Promise<Companion> {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'runseal-e2e-')))
  const child = spawn(
    process.execPath,
    [MAIN, 'serve', project, '--data', folder, '--port', String(port), ...options],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = once(child, 'exit')
  const signInUrl = await linkOf(child)
  return {
    url: new URL(signInUrl).origin,
    signInUrl,
    data: folder,
    async command(...args) {
      const run = promisify(execFile)
      return (await run(process.execPath, [MAIN, ...args, '--data', folder])).stdout
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    async stop() {
      if (child.exitCode === null) child.kill('SIGINT')
      await ended
      if (data === undefined) await rm(folder, { recursive: true, force: true })
      return child.exitCode
    },
  }
}

async function linkOf(child: ChildProcessByStdio<null, Readable, null>): Promise<string> {
  for await (const line of createInterface({ input: child.stdout })) {
    const link = /https?:\/\/\S+\/sign-in#\S+/.exec(line)
    if (link) return link[0]
  }
  throw new Error(`the server ended with ${child.exitCode} before it printed a sign-in link`)
}
