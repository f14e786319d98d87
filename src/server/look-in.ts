import { createPublicKey, type KeyObject } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import * as z from 'zod/mini'
import { Id } from '#contract/scalar.ts'
import type { TrustFile } from '#contract/trust.ts'
import { openRegular } from './regular-file.ts'
import { publicPartOf, serverKeyOf } from './seal/key.ts'

/** What the store of a data folder says of envelopes. Nothing of it is believed. */
export type Listed = {
  /** The oldest first. */
  evidence_ids: string[]
  /** By run. */
  ofRuns: ReadonlyMap<string, string>
}

/**
 * What is listed in a data folder, for who only looks at it: nothing there is made or changed, and no key is needed. The
 * folder may be somebody's copy, or made to harm who looks. Throws an Error in words.
 */
export async function lookAtList(folder: string): Promise<Listed> {
  const path = join(folder, STORE)
  const wal = `${path}-wal`
  const files = [path, wal, `${path}-shm`, join(folder, 'lock')]
  for (const file of files)
    if (lstatSync(file, { throwIfNoEntry: false })?.isFile() === false)
      throw new Error(`${file} is no regular file, and is not opened`)
  if (!isThere(path)) throw new Error(`${path} is missing`)
  // Whoever has it open keeps what SQLite needs beside it, and nothing is added.
  if (isHeld(join(folder, 'lock'))) return listedIn(path, 'mode=ro')
  // Without anybody it does not change, and SQLite is told so: else it would make those files.
  if (!isThere(wal)) return listedIn(path, 'immutable=1')
  // What a server left that was killed has to be put together first, and not there.
  const bytes = [path, wal].reduce((sum, file) => sum + lstatSync(file).size, 0)
  if (bytes > MOST_COPIED)
    throw new Error(`${path} was not closed, and is too large to be put together elsewhere`)
  const copy = await mkdtemp(join(tmpdir(), 'runseal-list-'))
  try {
    for (const file of [path, wal]) await copyFile(file, join(copy, file.slice(folder.length + 1)))
    return listedIn(join(copy, STORE), 'mode=ro')
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

const MOST_COPIED = 4 * 1024 ** 3
const STORE = 'runseal.db'

const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** By the lock that a server has for as long as it runs. */
function isHeld(lock: string): boolean {
  if (!isThere(lock)) return false
  try {
    const db = new DatabaseSync(lock, { readOnly: true, timeout: 0 })
    try {
      db.prepare('pragma schema_version').get()
      return false
    } finally {
      db.close()
    }
  } catch (error) {
    return codeOf(error) === SQLITE_BUSY
  }
}

const SQLITE_BUSY = 5
const codeOf = (error: unknown) =>
  error instanceof Error && 'errcode' in error ? error.errcode : null

function listedIn(path: string, how: string): Listed {
  try {
    const db = new DatabaseSync(`${pathToFileURL(path).href}?${how}`, {
      readOnly: true,
      timeout: 5000,
    })
    try {
      db.exec('pragma trusted_schema = off')
      // A view or what is computed can be asked without end.
      const plain = Columns.parse(db.prepare(PLAIN_COLUMNS).get()).count
      if (plain !== 4) throw new Error('it has not the tables of a store')
      const rows = db.prepare(SEALED).all()
      if (rows.length > MOST_SEALED) throw new Error('it has more envelopes than can be looked at')
      const sealed = Sealed.parse(rows).filter(({ is_written }) => is_written === 1)
      return {
        evidence_ids: sealed.map(({ evidence_id }) => evidence_id),
        ofRuns: new Map(sealed.map(({ run_id, evidence_id }) => [run_id, evidence_id])),
      }
    } finally {
      db.close()
    }
  } catch (error) {
    const why = error instanceof z.core.$ZodError ? 'it names what is no id' : wordsOf(error)
    throw new Error(`the list of envelopes in ${path} cannot be read: ${why}`, { cause: error })
  }
}

const MOST_SEALED = 1_000_000
const PLAIN_COLUMNS = `
  select count(*) as count from sqlite_schema as t, pragma_table_xinfo(t.name) as c
  where t.type = 'table' and t.name = 'seal' and t.sql like 'CREATE TABLE%' and c.hidden = 0
    and c.name in ('evidence_id', 'run_id', 'seal_seq', 'file_sha256')`
// What passes rows over may do so without end in a file that was made for it, and a text may have a gigabyte.
const SEALED = `
  select case when octet_length(evidence_id) <= 128 then evidence_id end as evidence_id,
    case when octet_length(run_id) <= 128 then run_id end as run_id,
    octet_length(file_sha256) is not null as is_written
  from seal order by seal_seq limit ${MOST_SEALED + 1}`
const Columns = z.object({ count: z.number() })
const Sealed = z.array(z.object({ evidence_id: Id, run_id: Id, is_written: z.number() }))

/** What the server of this folder offers of itself, by its key. Throws an Error in words. */
export async function lookAtOffer(folder: string): Promise<TrustFile> {
  return {
    schema: 'runseal/trust/1',
    server_keys: [serverKeyOf(publicPartOf(await keyIn(folder), join(folder, KEY)))],
    approvers: [],
    required: [],
  }
}

const KEY = 'key.pem'

async function keyIn(folder: string): Promise<KeyObject> {
  const path = join(folder, KEY)
  if (!isThere(path))
    throw new Error(`there is no ${path}: no server has started with it, or it is a copy without`)
  const handle = await openRegular(path)
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(MOST_OF_A_KEY) })
    return createPublicKey(buffer.subarray(0, bytesRead))
  } catch (error) {
    throw new Error(`${path} is no key that can be read: ${wordsOf(error)}`, { cause: error })
  } finally {
    await handle.close()
  }
}

const MOST_OF_A_KEY = 16 * 1024

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
