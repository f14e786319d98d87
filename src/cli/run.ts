import { ENDPOINT } from '#contract/api.ts'
import { OUTCOME } from '#contract/status.ts'
import { ask, type Server, unlessAway } from './ask.ts'
import { readLine, UsageError, type Command } from './command.ts'
import { follow } from './follow.ts'
import { frameLine } from './frame-line.ts'
import { SERVER_HELP, SERVER_OPTIONS, serverNamed } from './server-named.ts'

const NOT_STARTED = 3

export const run: Command = {
  help: `Usage: runseal run NAME [--input K=V]… [--server URL] [--token TOKEN] [--wait]

Starts a registered definition and prints the run's id on stdout.

  --input K=V      an input of the definition; may be repeated
${SERVER_HELP}
  --wait           wait until the run has ended and is sealed; its progress goes to stderr

Exit codes: 0 succeeded (without --wait: started), 1 failed, 2 aborted, 3 could not be started.`,
  // 2 would say that a run was aborted.
  usageExit: NOT_STARTED,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      {
        input: { type: 'string', multiple: true },
        ...SERVER_OPTIONS,
        wait: { type: 'boolean' },
      },
      [1, 1],
    )
    const [definition = ''] = positionals
    const server = serverNamed(values)
    const body = { definition, inputs: inputsOf(values.input ?? []) }
    const { run_id } = await ask(server, ENDPOINT.startRun, { body }, NOT_STARTED)
    console.log(run_id)
    return values.wait === true ? await waitFor(server, run_id) : 0
  },
}

function inputsOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
      if (name === undefined || value === undefined)
        throw new UsageError(`--input ${JSON.stringify(pair)} is not NAME=VALUE`)
      return [name, value]
    }),
  )
}

async function waitFor(server: Server, run_id: string): Promise<number> {
  for await (const told of follow(server, { runId: run_id, exitCode: 1 })) {
    if (told.what === 'frame') console.error(frameLine(told.reading))
    if (told.what === 'lost') {
      console.error(`not connected: ${told.why}`)
      continue
    }
    // The record is asked whenever the stream speaks: a frame that never came leaves nobody waiting.
    const run = await unlessAway(ask(server, ENDPOINT.run, { params: { run_id } }, 1))
    if (run === null) continue
    const { outcome, seal } = run
    if (outcome !== null && seal !== 'pending') return OUTCOME[outcome].exitCode
  }
  return 1
}
