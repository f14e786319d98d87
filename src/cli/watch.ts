import { ENDPOINT } from '#contract/api.ts'
import { ask, type Server, unlessAway } from './ask.ts'
import { readLine, type Command } from './command.ts'
import { defuse } from './defuse.ts'
import { follow } from './follow.ts'
import { frameLine } from './frame-line.ts'
import { SERVER_HELP, SERVER_OPTIONS, serverNamed } from './server-named.ts'

export const watch: Command = {
  help: `Usage: runseal watch [RUN] [--server URL] [--token TOKEN]

Prints a line for each frame of the stream until Ctrl-C; with a run, until that run is sealed.
The stream is a hint: what counts is the envelope (runseal verify).

${SERVER_HELP}`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(argv, SERVER_OPTIONS, [0, 1])
    const server = serverNamed(values)
    const runId = positionals[0] ?? null
    for await (const told of follow(server, { runId, exitCode: 1 })) {
      if (told.what === 'frame') console.log(frameLine(told.reading))
      if (told.what === 'connected') console.error(`connected to ${server.url}`)
      if (told.what === 'lost') console.error(`not connected: ${told.why}`)
      if (runId !== null && told.what !== 'lost' && (await isOver(server, runId, told.what)))
        return 0
    }
    return 0
  },
}

// Asked when the stream begins and whenever it speaks, so that a frame that never came leaves nobody waiting.
async function isOver(server: Server, run_id: string, what: string): Promise<boolean> {
  const run = await unlessAway(ask(server, ENDPOINT.run, { params: { run_id } }, 1))
  if (run === null) return false
  const over = run.outcome !== null && run.seal !== 'pending'
  if (over || what === 'connected')
    console.log(
      defuse(
        `${run.now}  ${run.run_id}  status=${run.status}  seal=${run.seal}${run.evidence_id === null ? '' : `  evidence_id=${run.evidence_id}`}`,
      ),
    )
  return over
}
