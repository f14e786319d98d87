import { spawn } from 'node:child_process'
import {
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { refreshSource } from '#server/materialize/refresh-source.ts'
import { requestOf } from '#server/materialize/request.ts'
import type { SourceRequest } from '#server/materialize/source-request.ts'
import { exitOf, serving } from '#test/cli/command-line.ts'
import { OPERATOR } from '#test/server/runs/workshop.ts'
import { tableShop, valuesOf } from './tables.ts'

/** It comes to no end, and to no row. */
const ENDLESS =
  'with recursive n(i) as (select 1 union all select i + 1 from n) select i as id, i as name from n where i < 0'
const TABLES = `
  t:
    source: { kind: sqlite, path: t.db, query: "${ENDLESS}" }
    key: id
    derive:
      up: { from: [name], argv: [jq, -c, '{record_id, value: .inputs.name}'] }
`

function databaseAt(path: string, names: readonly string[], more = ''): void {
  const db = new DatabaseSync(path)
  db.exec(`${more}; create table people (id text, name text)`)
  for (const name of names) db.exec(`insert into people values ('${name}', '${name}')`)
  db.close()
}

/** Readers of sources that were given the file. */
function readersOf(file: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isReaderOf(name, file))
}

function isReaderOf(pid: string, file: string): boolean {
  try {
    const isReader = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('source-reader')
    return isReader && readlinkSync(`/proc/${pid}/fd/3`) === file
  } catch {
    // It ended while it was looked at.
    return false
  }
}

function isDatabaseOpen(pid: string, file: string): boolean {
  const open = readdirSync(`/proc/${pid}/fd`).filter(
    (fd) => fd !== '3' && readlinkSync(`/proc/${pid}/fd/${fd}`) === file,
  )
  return open.length > 0
}

const within = { timeout: 60_000 }

it('[MT2] a source that takes for ever is left by an abort and by a stop, without a word of it', async () => {
  const shop = await tableShop(TABLES, {})
  const file = join(shop.root, 't.db')
  databaseAt(file, ['ada'])
  const { run_id } = await shop.engine.materialize(requestOf({}), OPERATOR)
  await expect.poll(() => readersOf(file), within).toHaveLength(1)
  await shop.engine.abort(run_id, OPERATOR, 'too long')
  expect((await shop.sealed(run_id)).run.ended).toMatchObject({ outcome: 'aborted' })
  // What looks at the sources afterwards reads it again.
  await expect.poll(() => readersOf(file), within).toHaveLength(1)
  expect((await shop.storage.cells.source('t'))?.fault ?? null).toBeNull()
  await shop.close()
  expect(readersOf(file)).toEqual([])
  expect(shop.faults).toEqual([])
})

it('[MT2] a source that takes for ever is read by nobody when its server was killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-reader-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 't.db')
  databaseAt(file, ['ada'])
  writeFileSync(
    join(folder, 'runseal.yaml'),
    `runs:\n  none:\n    steps: [{ id: no, run: 'true' }]\ntables:${TABLES}`,
  )
  const { child } = await serving(folder, ['--data', join(folder, 'data')])
  await expect.poll(() => readersOf(file), within).toHaveLength(1)
  child.kill('SIGKILL')
  await exitOf(child)
  await expect.poll(() => readersOf(file), within).toEqual([])
})

it('[MT2] waits for whoever writes the database at the moment', async () => {
  const query = 'select id, name from people -- all\\n ; -- and no more'
  const shop = await tableShop(TABLES.replace(ENDLESS, query), {})
  const file = join(shop.root, 't.db')
  databaseAt(file, ['ada'])
  const writer = new DatabaseSync(file)
  writer.exec('begin exclusive')
  const made = shop.materialize()
  const opened = () => readersOf(file).filter((pid) => isDatabaseOpen(pid, file))
  await expect.poll(opened, within).toHaveLength(1)
  // Until it has met the lock.
  await sleep(200)
  writer.exec('commit')
  writer.close()
  expect((await made).run.ended).toMatchObject({ outcome: 'succeeded' })
  expect(await valuesOf(shop, 't', 'up')).toEqual({ ada: 'ada' })
})

/** What the reader says where the server checked `checked` and the database is opened as `opened`. */
async function said(checked: string, opened: string): Promise<string> {
  const request: SourceRequest = {
    kind: 'sqlite',
    name: 't.db',
    database: opened,
    query: 'select * from people',
    at: null,
    key: 'id',
    fields: null,
    needed: [],
    private: [],
    derived: [],
    known: null,
  }
  const reader = fileURLToPath(import.meta.resolve('#server/materialize/source-reader.ts'))
  const fd = openSync(checked, 'r')
  const child = spawn(process.execPath, [reader], {
    stdio: ['pipe', 'pipe', 'inherit', fd],
    env: { NODE_NO_WARNINGS: '1' },
  })
  closeSync(fd)
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new TypeError('a reader without its pipes')
  stdin.write(`${JSON.stringify(request)}\n`)
  return await text(stdout)
}

it.each([
  ['a link', (path: string, foreign: string) => symlinkSync(foreign, path)],
  ['another file', (path: string) => databaseAt(path, ['secret'])],
])('[MT2] a database that became %s after it was checked tells nothing', async (_, putInPlace) => {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-reader-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [checked, foreign] = [join(folder, 'checked.db'), join(folder, 'foreign.db')]
  databaseAt(checked, ['ada'])
  databaseAt(foreign, ['secret'])
  expect(await said(checked, checked)).toContain('ada')
  putInPlace(join(folder, 't.db'), foreign)
  const answer = await said(checked, join(folder, 't.db'))
  expect(answer).toContain('t.db: is behind a link, or was put in place while it was opened')
  expect(answer).not.toContain('secret')
})

it('[MT2] a database is read with its log of writes, and not with one behind a link', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-reader-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 't.db')
  databaseAt(file, [], 'PRAGMA journal_mode = WAL')
  const writer = new DatabaseSync(file)
  onTestFinished(() => writer.close())
  writer.exec(`insert into people values ('ada', 'ada')`)
  expect(await said(file, file)).toContain('ada')

  const other = join(folder, 'other.db')
  databaseAt(other, [], 'PRAGMA journal_mode = WAL')
  symlinkSync(`${file}-wal`, `${other}-wal`)
  const answer = await said(other, other)
  expect(answer).toContain('"end":"fault"')
  expect(answer).not.toContain('ada')
})

it('[MT2] [MT3] what a reader that dies while it tells its records has changed is read again', async () => {
  const line = (id: number, name: string) =>
    `${JSON.stringify({ id, name, more: 'x'.repeat(1000) })}\n`
  const all = (name: string) => Array.from({ length: 5000 }, (_, id) => line(id, name)).join('')
  const shop = await tableShop(
    '  t:\n    source: { kind: jsonl, path: t.jsonl }\n    key: id\n    derive: { up: { from: [name], argv: [cat] } }\n',
    { 't.jsonl': all('old') },
  )
  await shop.materializer.check()
  shop.write('t.jsonl', all('new'))
  const { cells } = shop.storage
  const table = shop.materializer.project().tables.get('t')
  if (table === undefined) throw new Error('no table')
  const file = join(shop.root, 't.jsonl')
  const dying = {
    ...cells,
    changeRecords: (...args: Parameters<typeof cells.changeRecords>) => {
      for (const pid of readersOf(file)) process.kill(Number(pid), 'SIGKILL')
      return cells.changeRecords(...args)
    },
  }
  const place = { root: shop.root, table, needed: ['name'] }
  const { signal } = new AbortController()
  await expect(refreshSource(dying, place, () => new Date(), signal)).rejects.toThrow('reader died')
  shop.write('t.jsonl', all('old'))
  await shop.materializer.check()
  const records = await cells.records('t', { after: null, limit: 9999 })
  expect(records.filter(({ body }) => !body.includes('"old"'))).toEqual([])
})
