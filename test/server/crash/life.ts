import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MAIN } from '#test/cli/ready.ts'
import type { Faults } from './faults.ts'

/** A server on the command line, with its faults. */
export type Life = {
  child: ChildProcess
  /** null when it died before it could say where it is. */
  url: string | null
  ended: Promise<[number | null, string | null]>
  said: () => string
}

export async function begin(project: string, data: string, faults: Faults): Promise<Life> {
  const preload = fileURLToPath(import.meta.resolve('./faults.ts'))
  const child = spawn(
    process.execPath,
    ['--import', preload, MAIN, 'serve', project, '--data', data, '--port', '0'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        RUNSEAL_FAULTS: JSON.stringify(faults),
        // Most of a short life is its start.
        NODE_COMPILE_CACHE: join(tmpdir(), 'runseal-compiled'),
      },
    },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = once(child, 'exit').then((): [number | null, string | null] => [
    child.exitCode,
    child.signalCode,
  ])
  const url = await new Promise<string | null>((resolve) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (/sign-in#\S+\n/.test(text)) resolve(/http:\/\/localhost:\d+/.exec(text)?.[0] ?? null)
    })
    child.once('exit', () => resolve(null))
  })
  return { child, url, ended, said: () => said }
}
