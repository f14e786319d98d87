import { start, StartError } from '#server/main.ts'
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
  --host HOST      default 127.0.0.1; beyond this machine only over HTTPS and with --origin
  --origin URL     a further address that browsers reach this server by; may be repeated
  --run-as USER    run steps as this user, who cannot read the data folder; needs root
  --private        reading needs a sign-in too; so it does wherever others than this machine can come
  --tls-cert FILE  certificate in PEM, with --tls-key FILE: serve HTTPS
  --trusted-proxy ADDR
                   a proxy that does HTTPS for this server: its X-Forwarded-* count; may be repeated
  --allow-origin ORIGIN
                   pages from there may read, and never change; may be repeated
  --chaos SEED     a proxy before the server lies to every page on purpose, by that seed the same again;
                   for this machine alone
  --lies N         with --chaos: it stops after so many lies
  --log            a line of JSON for each request on stderr, without anything that lets one in`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        data: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string' },
        origin: { type: 'string', multiple: true },
        'run-as': { type: 'string' },
        private: { type: 'boolean' },
        'tls-cert': { type: 'string' },
        'tls-key': { type: 'string' },
        'trusted-proxy': { type: 'string', multiple: true },
        'allow-origin': { type: 'string', multiple: true },
        chaos: { type: 'string' },
        lies: { type: 'string' },
        log: { type: 'boolean' },
      },
      [0, 1],
    )
    const port = portOf(values.port)
    const origins = (values.origin ?? []).map(originOf('--origin'))
    const allowOrigins = (values['allow-origin'] ?? []).map(originOf('--allow-origin'))
    const tls = tlsOf(values['tls-cert'], values['tls-key'])
    const chaos = chaosOf(values.chaos, values.lies)
    const project = projectOf(positionals[0])
    const stopped = stopSignal()
    return await saidPlainly(async () => {
      const server = await start({
        project,
        data: dataFolderOf(values.data, project),
        host: values.host ?? '127.0.0.1',
        port,
        origins,
        allowOrigins,
        private: values.private ?? false,
        trustedProxies: values['trusted-proxy'] ?? [],
        ...(tls && { tls }),
        ...(chaos && { chaos }),
        ...(values['run-as'] !== undefined && { runAs: values['run-as'] }),
        ...(values.log === true
          ? {
              log: (failure: string) => console.error(lineOf({ failure })),
              logRequest: (entry: object) => console.error(lineOf(entry)),
            }
          : { log: (line: string) => console.error(line) }),
      })
      console.log(`Runseal is at ${server.url} over ${server.project}`)
      console.log(`Sign in, once and within ten minutes: ${server.signInUrl}`)
      console.log(
        server.signInToRead
          ? 'Whoever reads or changes anything needs a sign-in or a token.'
          : 'Whoever can use this machine can read; a change needs a sign-in or a token.',
      )
      if (chaos)
        console.log(
          `Chaos ${chaos.seed}: a proxy before this server lies to every page, on purpose. What a page calls recorded or verified is so all the same.`,
        )
      const lost = await Promise.race([stopped, server.lost])
      if (lost !== undefined) {
        setTimeout(() => process.exit(1), LONGEST_STOP_MS).unref()
        await server.close()
        throw new StartError(`${lost}: nothing can be recorded any more, the server has stopped`)
      }
      console.log('Stopping: running steps end and are recorded. Ctrl-C again ends at once.')
      await server.close()
      return 0
    })
  },
}

const originOf = (option: string) => (text: string) => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new UsageError(`${option} ${JSON.stringify(text)} is no http or https address`)
  return new URL(text).origin
}

function tlsOf(cert: string | undefined, key: string | undefined) {
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert === undefined && key === undefined) return null
  throw new UsageError('--tls-cert and --tls-key belong together')
}

function chaosOf(seed: string | undefined, lies: string | undefined) {
  if (seed === undefined && lies !== undefined) throw new UsageError('--lies belongs to --chaos')
  if (seed === undefined) return null
  return {
    seed: countOf('--chaos', seed),
    ...(lies !== undefined && { most: countOf('--lies', lies) }),
  }
}

function countOf(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new UsageError(`${option} ${JSON.stringify(text)} is no whole number below a billion`)
  return Number(text)
}

const lineOf = (entry: object) => JSON.stringify({ at: new Date().toISOString(), ...entry })

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
