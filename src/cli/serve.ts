import { start } from '#server/main.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { dataFolderOf, projectOf } from './data-folder.ts'
import { DEFAULT_PORT, portOf } from './port.ts'
import { saidPlainly } from './said-plainly.ts'

export const serve: Command = {
  help: `Usage: runseal serve [PROJECT] [--data DIR] [--port ${DEFAULT_PORT}] [--host 127.0.0.1]

Serves the viewer and runs what the project's runseal.yaml defines, until Ctrl-C: that ends running
steps, records them as interrupted, and exits 0. A second Ctrl-C ends at once.

  PROJECT          folder with a runseal.yaml; default the folder one stands in, in a checkout of
                   Runseal examples/release
  --data DIR       data folder; default RUNSEAL_DATA, else .runseal in the project
  --port PORT      default RUNSEAL_PORT, else ${DEFAULT_PORT}; 0 takes any that is free
  --host HOST      an address of this machine alone; default 127.0.0.1
  --origin URL     a further address that browsers reach this server by; may be repeated
  --verbose        a line of JSON for each request on stderr`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        data: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        origin: { type: 'string', multiple: true },
        verbose: { type: 'boolean' },
      },
      [0, 1],
    )
    const port = portOf(values.port)
    const origins = (values.origin ?? []).map(originOf)
    const project = projectOf(positionals[0])
    const stopped = stopSignal()
    return await saidPlainly(async () => {
      const server = await start({
        project,
        data: dataFolderOf(values.data, project),
        host: values.host ?? '127.0.0.1',
        port,
        origins,
        log: (line) => console.error(line),
        ...(values.verbose === true && { logRequest: (line: string) => console.error(line) }),
      })
      console.log(`Runseal is at ${server.url} over ${server.project}`)
      console.log(`Sign in, once and within ten minutes: ${server.signInUrl}`)
      console.log('Whoever can use this machine can read; a change needs a sign-in or a token.')
      await stopped
      console.log('Stopping: running steps end and are recorded. Ctrl-C again ends at once.')
      await server.close()
      return 0
    })
  },
}

function originOf(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`--origin ${JSON.stringify(text)} is no http or https address`)
  return new URL(text).origin
}

const SAME_SIGNAL_MS = 1000
const LONGEST_STOP_MS = 9000

/** Resolves at the first SIGINT or SIGTERM, also while the server starts; a second one, or a stop that takes too long, ends the process. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | null = null
    const onSignal = () => {
      if (firstAt === null) {
        firstAt = Date.now()
        // What was not ended by now is ended by the next start, from what is on record.
        setTimeout(() => process.exit(0), LONGEST_STOP_MS).unref()
        resolve()
        return
      }
      // npm passes on the Ctrl-C that the terminal has sent here already: that is one signal, not two.
      if (Date.now() - firstAt >= SAME_SIGNAL_MS) process.exit(130)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
