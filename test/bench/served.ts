import { getRequestListener } from '@hono/node-server'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ENDPOINT } from '#contract/api.ts'
import { compose } from '#server/main.ts'

/** The whole companion on a port of its own, over a project and a data folder that are removed at the end. */
export type Served = {
  url: string
  /** Starts a run of the project, as somebody who may, and answers its id. */
  startRun: (definition: string) => Promise<string>
  end: () => Promise<void>
}

/** `onStream`: told each answer to `GET /events` before its first byte. */
export async function serveProject(
  yaml: string,
  onStream: (response: ServerResponse) => void = () => {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-bench-'))
  await writeFile(join(folder, 'runseal.yaml'), yaml)
  let url = ''
  const companion = await compose(
    { project: folder, data: join(folder, 'data'), log: (line) => console.error(line) },
    () => url,
  )
  const listener = getRequestListener(companion.answer, {
    errorHandler: companion.answerFault,
    overrideGlobalObjects: false,
  })
  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith('/events')) onStream(outgoing)
    void listener(incoming, outgoing)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a port was asked for')
  url = `http://localhost:${address.port}`
  await companion.begin()
  const token = await companion.people.makeToken('operator', null)

  return {
    url,
    async startRun(definition) {
      const response = await fetch(`${url}/api/runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ definition, inputs: {} }),
      })
      return ENDPOINT.startRun.answer.parse(await response.json()).run_id
    },
    async end() {
      await companion.stop()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await companion.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
