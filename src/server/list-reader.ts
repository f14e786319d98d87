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
  select count(*) as count from sqlite_schema as t, pragma_table_xinfo(t.name) as c
  where t.type = 'table' and t.name = 'seal' and t.sql like 'CREATE TABLE%' and c.hidden = 0
    and c.name in ('evidence_id', 'run_id', 'seal_seq', 'file_sha256')`
// A text may have a gigabyte.
const SEALED = `
  select case when octet_length(evidence_id) <= 128 then evidence_id end as evidence_id,
    case when octet_length(run_id) <= 128 then run_id end as run_id
  from seal where octet_length(file_sha256) is not null order by seal_seq limit ${MOST_SEALED + 1}`

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
  const plain = db.prepare(PLAIN_COLUMNS).get()?.['count']
  if (plain !== 4)
    throw new Error(
      'it has not the tables of a store, or they are in a runseal.db-wal that is gone',
    )
  const rows = db.prepare(SEALED).all()
  if (rows.length > MOST_SEALED) throw new Error('it has more envelopes than can be looked at')
  return rows
}
