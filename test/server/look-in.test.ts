import { execFileSync } from 'node:child_process'
import {
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { begin, exitOf } from '#test/cli/command-line.ts'
import { lookAtList } from '#server/look-in.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runseal-look-in-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A data folder with what `sql` makes of a store, and then `change` of its bytes. */
function crafted(name: string, sql: string, change: (store: Buffer) => Buffer = (all) => all) {
  const data = join(folder, name)
  mkdirSync(data)
  const store = join(data, 'runseal.db')
  const db = new DatabaseSync(store)
  db.exec(`pragma page_size = ${PAGE}; ${sql}`)
  db.close()
  writeFileSync(store, change(readFileSync(store)))
  return data
}

const PAGE = 4096
const COLUMNS = 'evidence_id text, run_id text, file_sha256 text'
const TABLE = `create table seal (seal_seq integer primary key, ${COLUMNS}) strict;`
const ROW = `insert into seal (seal_seq, evidence_id, run_id, file_sha256) values (1, 'ev', 'run', 'f');`

/** Page `root`, a leaf, under pages above it that each have the one below 300 times: 300^18 ways to it. */
function endless(store: Buffer, root: number): Buffer {
  const levels = 18
  const pages = store.length / PAGE
  const grown = Buffer.concat([store, Buffer.alloc(levels * PAGE)])
  grown.writeUInt32BE(grown.length / PAGE, 28)
  const begin = (page: number) => (page === 1 ? 100 : 0)
  const leaf = pages + levels
  const [from, to] = [(root - 1) * PAGE, (leaf - 1) * PAGE]
  // What a page points to counts from where it begins, also the first, which has its header later.
  store.copy(grown, to, from, from + PAGE)
  store.copy(
    grown,
    to,
    from + begin(root),
    from + begin(root) + 8 + 2 * store.readUInt16BE(from + begin(root) + 3),
  )
  for (const [page, below] of [
    [root, pages + 1],
    ...Array.from({ length: levels - 1 }, (_, at) => [pages + 1 + at, pages + 2 + at] as const),
  ] as const) {
    const start = (page - 1) * PAGE
    const header = start + begin(page)
    grown.fill(0, header, start + PAGE)
    grown.writeUInt8(5, header)
    grown.writeUInt16BE(300, header + 3)
    grown.writeUInt16BE(PAGE - 300 * 6, header + 5)
    grown.writeUInt32BE(below, header + 8)
    for (let cell = 0; cell < 300; cell += 1) {
      const at = PAGE - (cell + 1) * 6
      grown.writeUInt16BE(at, header + 12 + cell * 2)
      grown.writeUInt32BE(below, start + at)
      grown.writeUInt16BE(0x80_00 | (((cell + 1) >> 7) << 8) | ((cell + 1) & 0x7f), start + at + 4)
    }
  }
  return grown
}

it.concurrent.each([
  ['no file', TABLE + ROW.replace("'f'", 'null'), 2],
  ['an order to be made', TABLE.replace(' primary key', '') + ROW, 2],
  ['the schema', TABLE, 1],
])('[C23] a store is ended that never comes to its end: %s', async (name, sql, root) => {
  const data = crafted(name, sql, (store) => endless(store, root))
  await expect(lookAtList(data, 1000)).rejects.toThrow(
    `the list of envelopes in ${data}/runseal.db cannot be read: SQLite has not come to its end within 1 s`,
  )
})

const CALLED =
  "with recursive n (i) as (select 1 union all select i + 1 from n) select i as seal_seq, 'ev' as evidence_id, 'run' as run_id, 'f' as file_sha256 from n"
it.concurrent.each([
  ['a view', `create view seal as ${CALLED}`, 'it has not the tables of a store'],
  [
    'a column that is computed',
    `create table seal (seal_seq integer primary key, evidence_id text, run_id text, file_sha256 text as (hex(zeroblob(500000000))))`,
    'it has not the tables of a store',
  ],
  [
    'what is no id',
    `${TABLE} insert into seal values (1, '../x', 'run', 'f')`,
    'it names what is no id',
  ],
  [
    'a number too long',
    `${TABLE} insert into seal values (1, hex(zeroblob(1000000)), 'run', 'f')`,
    'it names what is no id',
  ],
])('[C23] a store that is none of ours is refused: %s', async (name, sql, why) => {
  await expect(lookAtList(crafted(name, sql))).rejects.toThrow(why)
})

it.concurrent.each([
  [
    'a circle in a long value',
    (store: Buffer) => {
      for (let page = 3; page <= store.length / PAGE; page += 1)
        store.writeUInt32BE(page, (page - 1) * PAGE)
      // So long as 2 MiB, of which there are not so many.
      store.writeUIntBE(0xff_ff_7f, PAGE + store.readUInt16BE(PAGE + 8), 3)
    },
  ],
  [
    'more rows than a page has',
    (store: Buffer) => {
      store.writeUInt16BE(0xff_ff, PAGE + 3)
    },
  ],
  [
    'more pages than there are',
    (store: Buffer) => {
      store.writeUInt32BE(2, PAGE + 8)
      store.writeUInt8(5, PAGE)
    },
  ],
] as const)('[C23] a store that is damaged is said to be: %s', async (name, change) => {
  const sql = `create table seal (seal_seq integer primary key, pad blob, ${COLUMNS}); insert into seal values (1, zeroblob(100000), 'ev', 'run', 'f')`
  const data = crafted(name, sql, (store) => {
    change(store)
    return store
  })
  await expect(lookAtList(data)).rejects.toThrow('database disk image is malformed')
})

it.concurrent('[C23] what a killed server left is put together elsewhere, with its last and without its index', async () => {
  const data = join(folder, 'killed')
  mkdirSync(data)
  const store = join(data, 'runseal.db')
  const db = new DatabaseSync(store)
  db.exec(`pragma journal_mode = wal; ${TABLE} ${ROW}`)
  const files = ['', '-wal'].map((end) => [store + end, readFileSync(store + end)] as const)
  db.close()
  for (const [file, bytes] of files) writeFileSync(file, bytes)
  // Of a store that has no more columns no more is said.
  const told = { evidence_id: 'ev', run_id: 'run', seal_seq: 1, sha256: 'f' }
  expect(await lookAtList(data)).toEqual({ sealed: [{ ...told, head: null, sealed_at: null }] })
  expect(readdirSync(data).toSorted()).toEqual(['runseal.db', 'runseal.db-wal'])
})

it.concurrent('[C23] a lock that is none of ours is not opened, and nothing beside is waited for', async () => {
  const data = crafted('locks', TABLE + ROW)
  const lock = new DatabaseSync(join(data, 'lock'))
  lock.exec('pragma journal_mode = wal; create table one (two)')
  lock.close()
  expect(await lookAtList(data)).toMatchObject({ sealed: [{ evidence_id: 'ev' }] })
  expect(readdirSync(data).toSorted()).toEqual(['lock', 'runseal.db'])
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(data, 'lock-journal')])
  await expect(lookAtList(data)).rejects.toThrow('lock-journal is no regular file')
})

it.concurrent('[C23] who ends it while that is put together leaves nothing of it', async () => {
  const data = crafted('ended', TABLE + ROW)
  writeFileSync(join(data, 'runseal.db-wal'), '')
  truncateSync(join(data, 'runseal.db-wal'), 3 * 1024 ** 3)
  const TMPDIR = join(folder, 'elsewhere')
  mkdirSync(TMPDIR)
  const looking = begin(['audit', '--data', data], { TMPDIR })
  await expect.poll(() => readdirSync(TMPDIR), { timeout: 60_000 }).toHaveLength(1)
  looking.kill('SIGINT')
  expect(await exitOf(looking)).toEqual([null, 'SIGINT'])
  expect(readdirSync(TMPDIR)).toEqual([])
})
