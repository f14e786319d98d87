import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ENDPOINT } from '#contract/api.ts'
import { start } from '#server/main.ts'

/** The companion on a port of its own, in this process, over a project and a data folder that are removed at the end. */
export type Served = {
  url: string
  /** Starts a run of the project, as somebody who may, and answers its id. */
  startRun: (definition: string) => Promise<string>
  end: () => Promise<void>
}

export async function serveProject(yaml: string): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-bench-'))
  const data = join(folder, 'data')
  await writeFile(join(folder, 'runseal.yaml'), yaml)
  const server = await start({
    project: folder,
    data,
    host: '127.0.0.1',
    port: 0,
    log: (line) => console.error(line),
  })
  const create = ['src/cli/main.ts', 'token', 'create', '--role', 'operator', '--data', data]
  const { stdout: token } = await promisify(execFile)(process.execPath, create)

  return {
    url: server.url,
    async startRun(definition) {
      const response = await fetch(`${server.url}/api/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token.trim()}`, 'content-type': 'application/json' },
        body: JSON.stringify({ definition, inputs: {} }),
      })
      return ENDPOINT.startRun.answer.parse(await response.json()).run_id
    },
    async end() {
      await server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
