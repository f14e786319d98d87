import { existsSync, statSync } from 'node:fs'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

/*
 * Says the envelopes that a store lists: `list-reader STORE [LOCK]`. In a process of its own, since the file may be made
 * so that SQLite goes round in it without end, which nothing interrupts from within. Ends with who has started it.
 */

const WATCH = new URL('./materialize/end-with-server.ts', import.meta.url)
const SQLITE_BUSY = 5
const WAIT_MS = 5000
const HEAP_BYTES = 256 * 1024 ** 2
const MOST_SEALED = 1_000_000
// A view or what is computed can be asked without end.
const PLAIN_COLUMNS = `
  select c.name from sqlite_schema as t, pragma_table_xinfo(t.name) as c
  where t.type = 'table' and t.name = 'seal' and t.sql like 'CREATE TABLE%' and c.hidden = 0`
const NEEDED = ['evidence_id', 'run_id', 'seal_seq', 'file_sha256']

const [, , store = '', lock] = process.argv
await once(new Worker(WATCH), 'message')
await new Promise((written) => process.stdout.write(JSON.stringify(said()), written))
// To exit would be to wait for the thread that waits for the other end.
process.kill(process.pid, 'SIGKILL')

function said() {
  try {
    // Whoever has it open keeps what SQLite needs beside it, and nothing is added.
    if (lock === undefined || isHeld(lock)) return { sealed: sealedIn('mode=ro') }
    // Without anybody it does not change, and SQLite is told so: else it would make those files.
    return existsSync(`${store}-wal`) ? { sealed: null } : { sealed: sealedIn('immutable=1') }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

/** By the lock that a server has for as long as it runs. It is empty: what is in another one is not read. */
function isHeld(path: string): boolean {
  if (statSync(path, { throwIfNoEntry: false })?.size !== 0) return false
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 0 })
    try {
      db.prepare('pragma schema_version').get()
      return false
    } finally {
      db.close()
    }
  } catch (error) {
    return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
  }
}

function sealedIn(how: string) {
  const url = `${pathToFileURL(store).href}?${how}`
  const db = new DatabaseSync(url, { readOnly: true, timeout: WAIT_MS })
  db.exec('pragma trusted_schema = off; pragma temp_store = memory')
  db.prepare(`pragma hard_heap_limit = ${HEAP_BYTES}`).get()
  const plain = new Set(
    db
      .prepare(PLAIN_COLUMNS)
      .all()
      .map(({ name }) => name),
  )
  if (!NEEDED.every((name) => plain.has(name)))
    throw new Error(
      'it has not the tables of a store, or they are in a runseal.db-wal that is gone',
    )
  // A text may have a gigabyte, and a store of ours at another time not every column.
  const text = (name: string, as = name) =>
    plain.has(name)
      ? `case when typeof(${name}) = 'text' and octet_length(${name}) <= 128 then ${name} end as ${as}`
      : `null as ${as}`
  const rows = db
    .prepare(
      `select ${text('evidence_id')}, ${text('run_id')}, ${text('head')},
        case when typeof(seal_seq) = 'integer' and abs(seal_seq) <= ${Number.MAX_SAFE_INTEGER} then seal_seq end as seal_seq,
        ${text('file_sha256', 'sha256')}, ${text('sealed_at')}
      from seal where octet_length(file_sha256) is not null order by seal.seal_seq limit ${MOST_SEALED + 1}`,
    )
    .all()
  if (rows.length > MOST_SEALED) throw new Error('it has more envelopes than can be looked at')
  return rows
}
