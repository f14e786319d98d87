import { ENDPOINT } from '#contract/api.ts'
import type { CellName, Provenance } from '#contract/provenance.ts'
import { CELL_STATE } from '#contract/status.ts'
import { ask } from './ask.ts'
import { CommandError, readLine, UsageError, type Command } from './command.ts'
import { defusedJson } from './defuse.ts'
import { listing } from './listing.ts'
import { SERVER_HELP, SERVER_OPTIONS, serverNamed } from './server-named.ts'

export const provenance: Command = {
  help: `Usage: runseal provenance TABLE/RECORD/FIELD [--server URL] [--token TOKEN] [--json]

Where the value of a derived cell is from: its derivation, inputs with digests, run, evidence, cost.
It is what the server says; the envelope that it names proves it (runseal export, runseal verify).
A record may have slashes in its key.

${SERVER_HELP}
  --json           the cell, as GET /api/provenance gives it

Exit codes: 0 there is such a cell, 1 there is none, or no answer.`,
  usageExit: 2,
  async run(argv) {
    const { values, positionals } = readLine(
      argv,
      { ...SERVER_OPTIONS, json: { type: 'boolean' } },
      [1, 1],
    )
    const [name = ''] = positionals
    const server = serverNamed(values)
    const query = { ...cellNamed(name), limit: '1' }
    const [cell] = (await ask(server, ENDPOINT.provenance, { query }, 1)).items
    if (cell === undefined) throw new CommandError(`there is no derived cell ${name}`)
    console.log(values.json === true ? defusedJson(cell) : wordsFor(cell))
    return 0
  },
}

/** Tables and fields have no slash in their names, records may. */
function cellNamed(name: string): CellName {
  const [, table, record_id, field] = /^([^/]+)\/(.+)\/([^/]+)$/s.exec(name) ?? []
  if (table === undefined || record_id === undefined || field === undefined)
    throw new UsageError(`${JSON.stringify(name)} is not TABLE/RECORD/FIELD`)
  return { table, record_id, field }
}

function wordsFor(cell: Provenance): string {
  const { derivation, inputs } = cell
  const madeBy = [cell.run_id, cell.actor, cell.at]
  const facts: [name: string, value: string | null][] = [
    ['cell', nameOf(cell)],
    ['state', `${cell.state}: ${CELL_STATE[cell.state].means}`],
    ['value', valueOf(cell)],
    ['sha256', cell.value_sha256 && `${cell.value_sha256}${cell.private ? ' (keyed)' : ''}`],
    ['error', cell.error],
    ['derived by', derivation.command.join(' ')],
    ['version', derivation.version],
    ['derivation', derivation.sha256 ?? 'not known while a declared file cannot be read'],
    ...derivation.files.map(({ path, sha256 }): [string, string] => ['file', `${sha256}  ${path}`]),
    ['made by', madeBy.filter(Boolean).join(', ') || null],
    ['cost', cell.cost],
    ['evidence', cell.evidence_id],
  ]
  const told = listing(
    facts.flatMap(([name, value]) => (value === null ? [] : [[name, bounded(value)]])),
  )
  if (inputs.length === 0) return told
  const made = listing([
    ['INPUT', 'SHA256', 'FROM'],
    ...inputs.map(({ name, sha256, keyed, from }) => [
      name,
      `${sha256}${keyed ? ' (keyed)' : ''}`,
      from === null ? (keyed ? 'not told, or no such record' : 'no such record') : nameOf(from),
    ]),
  ])
  return `${told}\n\n${made}`
}

function nameOf({ table, record_id, field }: CellName): string {
  return `${table}/${record_id}/${field}`
}

function valueOf(cell: Provenance): string | null {
  if (cell.value_sha256 === null) return null
  return cell.private ? 'private' : JSON.stringify(cell.value)
}

function bounded(text: string): string {
  if (text.length <= MOST_CHARS) return text
  const more = (text.length - MOST_CHARS).toLocaleString('en')
  return `${text.slice(0, MOST_CHARS)} … ${more} more characters: --json has all of it`
}

const MOST_CHARS = 4000
