import Database from 'better-sqlite3'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { createRecorder } from '#server/runs/record.ts'
import { MIGRATIONS } from '#server/storage/sqlite-schema.ts'
import { openSqlite } from '#server/storage/sqlite.ts'

// A store as version 1 wrote it: one run sealed after two approvals, one that waits for its second. Never made anew.
const FROZEN = readFileSync('test/server/store-v1.sql', 'utf8')
const DONE = 'run_01m80bng3a1ad54yr0jka0a4de'
const WAITING = 'run_01m80bnhhpcs5awtcjf7rd045v'

function frozenFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-upgrade-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const db = new Database(join(folder, 'runseal.db'))
  db.exec(FROZEN)
  db.close()
  return folder
}

function schemaOf(db: Database.Database): unknown[] {
  const schema = db.prepare(
    "select type, name, sql from sqlite_schema where name not like 'sqlite_%' order by type, name",
  )
  return schema.all()
}

it('[ST9] a step that was released makes what it made then', () => {
  const [frozen, first] = [new Database(':memory:'), new Database(':memory:')]
  frozen.exec(FROZEN)
  first.exec(MIGRATIONS[0] ?? '')
  expect(schemaOf(first)).toEqual(schemaOf(frozen))
})

it('[ST9] a store of version 1 comes forward with all that it has', async () => {
  const folder = frozenFolder()
  const store = await openSqlite(folder, { server: true })
  onTestFinished(() => store.close())

  // Each link is computed again: not one byte of a fact is another.
  const recorder = createRecorder(store.runs)
  const done = await recorder.read(DONE)
  expect(done).toMatchObject({ facts: 11, run: { ended: { outcome: 'succeeded' } } })
  const waiting = await recorder.read(WAITING)
  expect(waiting?.run.gates[0]?.decisions).toHaveLength(1)
  expect(await store.runs.unfinished()).toEqual([WAITING])
  expect(await store.runs.summary(DONE)).toMatchObject({ seal: 'sealed', status: 'succeeded' })
  expect((await store.gates.list('open', { cursor: null, limit: 9 })).items).toMatchObject([
    { run: { run_id: WAITING }, state: 'open' },
  ])
  expect(await store.seals.last()).toMatchObject({ seal_seq: 1, run_id: DONE, previous: null })

  expect(await store.identity.users()).toMatchObject([
    { name: 'admin', role: 'admin' },
    { name: 'ann', role: 'admin' },
    { name: 'bob', role: 'approver' },
  ])
  expect(await store.identity.sessions('bob', '2026-11-22T01:00:00.000Z', '')).toHaveLength(1)
})

it('[ST9] comes to the same store, whichever version it began with', async () => {
  const folder = frozenFolder()
  await (await openSqlite(folder, { server: true })).close()
  const upgraded = new Database(join(folder, 'runseal.db'))
  const made = new Database(':memory:')
  for (const step of MIGRATIONS) made.exec(step)
  expect(upgraded.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length)
  expect(schemaOf(upgraded)).toEqual(schemaOf(made))
  upgraded.close()
})
