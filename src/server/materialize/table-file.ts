import { posix } from 'node:path'
import type { Deriving } from '#server/runs/runner-link.ts'
import type { Process } from '#server/runs/runner-protocol.ts'
import type { CellStore, RecordRow } from '#server/storage/storage.ts'
import { membersOf } from './judge-records.ts'
import type { TableDefinition, Tables } from './table-definition.ts'
import { toldCells, withheld } from './told-version.ts'

type Handed = { cells: CellStore; tables: Tables; table: TableDefinition }

/**
 * Writes a table to the file at `path`, from the root: a line of JSON a record, in the order of their keys, with the
 * fields of its source and those derived ones that are fresh. No private value is in it. Answers why it could not be
 * written, or null.
 *
 * It is written by a process like any step's, which may have a user of its own: with the server's rights, a link on the
 * way would lead to whatever the server may write. Nor does it follow one, or write to what is there already.
 */
export async function writeTable(
  of: Handed,
  path: string,
  deriving: Pick<Deriving, 'batch'>,
  environment: Process['env'],
): Promise<string | null> {
  const write = async (script: string, input: string): Promise<string | null> => {
    const argv = ['/bin/sh', '-c', `set -e\n${script}`, 'write', path, posix.dirname(path)]
    const process = { argv, cwd: '.', env: environment, secrets: [], timeout_ms: null }
    const ended = await deriving.batch(0, process, input, () => {})
    if (ended?.exit_code === 0) return null
    if (ended?.exit_code === BEHIND_LINK) return `${path} could not be written: is behind a link`
    return `${path} could not be written: ${ended?.reason ?? 'see the log'}`
  }
  let fault = await write(
    `${REFUSE_LINKS}mkdir -p -- "$2"\nrm -f -- "$1.part"\nset -C\n: > "$1.part"`,
    '',
  )
  for await (const lines of linesOf(of)) {
    if (fault !== null) return fault
    fault = await write(`${REFUSE_LINKS}[ -f "$1.part" ]\ncat >> "$1.part"`, lines)
  }
  return fault ?? (await write(`${REFUSE_LINKS}[ ! -d "$1" ]\nmv -f -- "$1.part" "$1"`, ''))
}

const BEHIND_LINK = 71
const REFUSE_LINKS = `on=$1.part
while [ ! -L "$on" ]; do case $on in */*) on=\${on%/*};; *) on=; break;; esac; done
[ -z "$on" ] || exit ${BEHIND_LINK}
`

const CHUNK_RECORDS = 500
const CHUNK_CHARS = 1024 * 1024

async function* linesOf({ cells, tables, table }: Handed): AsyncGenerator<string> {
  const isWithheld = withheld(table, await cells.source(table.name))
  let lines = ''
  let after: string | null = null
  for (;;) {
    const records: RecordRow[] = await cells.records(table.name, { after, limit: CHUNK_RECORDS })
    after = records.at(-1)?.record_id ?? null
    const derived = await freshValues({ cells, tables, table }, records)
    for (const { record_id, body } of records) {
      const source = Object.entries(membersOf(body)).filter(([name]) => !isWithheld(name))
      const line = { [table.key]: record_id, ...Object.fromEntries(source), ...derived(record_id) }
      lines += `${JSON.stringify(line)}\n`
      if (lines.length < CHUNK_CHARS) continue
      yield lines
      lines = ''
    }
    if (records.length === CHUNK_RECORDS) continue
    if (lines !== '') yield lines
    return
  }
}

async function freshValues(
  { cells, tables, table }: Handed,
  records: readonly RecordRow[],
): Promise<(record_id: string) => Record<string, unknown>> {
  const ids = records.map(({ record_id }) => record_id)
  const values = new Map<string, Record<string, unknown>>()
  for (const field of table.derived) {
    if (field.private) continue
    const { field_id } = await cells.field(table.name, field.field)
    const rows = await cells.cellsOf(field_id, ids)
    for (const [record_id, { state, told }] of await toldCells(cells, tables, field, rows))
      if (state === 'fresh' && told !== null && told.value !== null)
        values.set(record_id, { ...values.get(record_id), [field.field]: JSON.parse(told.value) })
  }
  return (record_id) => values.get(record_id) ?? {}
}
