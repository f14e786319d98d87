import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MAIN } from './ready.ts'

/** Runs the command line as a user does: a real process, its output, its exit code. */
export async function runseal(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = '.',
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = begin(args, env, 'pipe', cwd)
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
  const [code] = await exitOf(child)
  return { code, stdout: await stdout, stderr: await stderr }
}

export function begin(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  stdout: 'pipe' | number = 'pipe',
  cwd = '.',
): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    cwd,
    stdio: ['ignore', stdout, 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  })
}

export async function exitOf(
  child: ChildProcess,
): Promise<[code: number | null, signal: string | null]> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return [child.exitCode, child.signalCode]
}

async function textOf(stream: ChildProcess['stdout']): Promise<string> {
  let text = ''
  stream?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  if (stream !== null) await once(stream, 'end')
  return text
}

/** A server over a project, on a port of its own; ready when it has printed its sign-in link. */
export async function serving(folder: string, args: readonly string[] = []) {
  const child = begin(['serve', folder, '--port', '0', ...args])
  let stdout = ''
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk
      if (/sign-in#\S+\n/.test(stdout)) resolve()
    })
    child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${stderr}`)))
  })
  await ready
  const [url = ''] = /http:\/\/localhost:\d+/.exec(stdout) ?? []
  return { child, url, stdout: () => stdout, stderr: () => stderr }
}
export type Serving = Awaited<ReturnType<typeof serving>>

export async function end(server: Serving): Promise<void> {
  server.child.kill('SIGINT')
  await exitOf(server.child)
}

const PROJECT = `
runs:
  good:
    inputs: { word: { default: hello } }
    steps: [{ id: say, run: 'echo "$INPUT_WORD"' }]
  bad:
    steps: [{ id: say, run: exit 3 }]
  patient:
    inputs: { until: {} }
    steps: [{ id: wait, run: 'until [ -e "$INPUT_UNTIL" ]; do echo not yet; sleep 0.1; done' }]
  slow:
    steps: [{ id: sleep, run: sleep 600, retries: 1 }]
  stubborn:
    steps: [{ id: sleep, run: 'trap "" TERM; echo deaf; while :; do sleep 1; done' }]
  gated:
    steps: [{ id: say, run: echo hello }]
    gates: [{ id: go, needs: [say], question: 'Go on?' }]
`

export async function project(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-cli-'))
  await writeFile(join(folder, 'runseal.yaml'), PROJECT)
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) }
}
