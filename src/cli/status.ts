import { ENDPOINT } from '#contract/api.ts'
import { CELL_STATE, keysOf, RUN_STATUS } from '#contract/status.ts'
import { ask } from './ask.ts'
import { readLine, type Command } from './command.ts'
import { defusedJson, inOneLine } from './defuse.ts'
import { listing } from './listing.ts'
import { SERVER_HELP, SERVER_OPTIONS, serverNamed } from './server-named.ts'

export const status: Command = {
  help: `Usage: runseal status [--server URL] [--token TOKEN] [--json]

What the server answers of itself now: its runs, the gates that wait, and the cells of each derived
field. It counts for the screen; for an audit the envelopes count (runseal audit).

${SERVER_HELP}
  --json           the server's answer, as GET /api/status gives it

Exit codes: 0 answered, 1 no answer.`,
  usageExit: 2,
  async run(argv) {
    const { values } = readLine(argv, { ...SERVER_OPTIONS, json: { type: 'boolean' } }, [0, 0])
    const server = serverNamed(values)
    const found = await ask(server, ENDPOINT.status, {}, 1)
    if (values.json === true) {
      console.log(defusedJson(found))
      return 0
    }
    const waiting = await ask(
      server,
      ENDPOINT.listGates,
      { query: { state: 'open', limit: String(GATES_SHOWN) } },
      1,
    )
    const parts = [
      aboutServer(server.url, found),
      listing([
        keysOf(RUN_STATUS).map((status) => RUN_STATUS[status].label.toUpperCase()),
        keysOf(RUN_STATUS).map((status) => String(found.runs[status])),
      ]),
      ...(waiting.items.length === 0
        ? []
        : [
            listing([
              ['OPEN GATE', 'RUN', 'SINCE', 'QUESTION'],
              ...waiting.items.map(({ gate_id, run, opened_at, question }) => [
                gate_id,
                run.run_id,
                opened_at,
                question,
              ]),
            ]) +
              (found.gates.open > waiting.items.length
                ? `\n${found.gates.open - waiting.items.length} more`
                : ''),
          ]),
      ...(found.tables.length === 0 ? [] : [fields(found)]),
      ...(found.waiting.length === 0 ? [] : [waits(found)]),
    ]
    console.log(parts.join('\n\n'))
    return 0
  },
}

const GATES_SHOWN = 20

type Found = ReturnType<typeof ENDPOINT.status.answer.parse>

function aboutServer(url: string, { server, stream, seal_failed }: Found): string {
  return [
    `runseal ${server.version} at ${url} over ${server.project}, since ${server.started_at}`,
    `sealing key ${server.key_id}; steps run with isolation ${server.isolation}; reading is ${READS[server.reads]}`,
    `stream at ${stream.position}, ${stream.subscribers} listening`,
    ...(seal_failed > 0 ? [`${seal_failed} ended and could not be sealed`] : []),
  ]
    .map(inOneLine)
    .join('\n')
}

const READS = { open: 'open', signed_in: 'for who is signed in' } as const

function fields({ tables }: Found): string {
  const states = keysOf(CELL_STATE)
  return listing([
    ['FIELD', ...states.map((state) => CELL_STATE[state].label.toUpperCase()), 'COST', 'NOW'],
    ...tables.map(({ table, field, cells, cost, running }) => [
      `${table}.${field}`,
      ...states.map((state) => String(cells[state])),
      cost,
      running && `${running.done} of ${running.total} by ${running.run_id}`,
    ]),
  ])
}

/** Runs that are counted as running, and cannot derive yet. */
function waits({ waiting }: Found): string {
  return listing([
    ['WAITS FOR TABLE', 'RUN', 'WRITTEN BY'],
    ...waiting.map(({ table, run_id, held_by }) => [table, run_id, held_by]),
  ])
}
