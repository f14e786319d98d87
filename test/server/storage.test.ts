import Database from 'better-sqlite3'
import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCommit } from '#server/storage/sqlite-commit.ts'
import { MIGRATIONS } from '#server/storage/sqlite-schema.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import { actOf, appendOf, AT, digest, started, stepStarted } from '#test/recorded.ts'
import { storageSuite } from '#test/storage-suite.ts'

const newFolder = () => mkdtemp(join(tmpdir(), 'runseal-storage-'))

storageSuite('SQLite', async () => {
  const folder = await newFolder()
  return {
    open: (options) => openSqlite(folder, options),
    startWriter: () =>
      spawn(process.execPath, [fileURLToPath(import.meta.resolve('./storage-writer.ts')), folder], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    async bytes() {
      const files = await readdir(folder)
      return Buffer.concat(await Promise.all(files.map((file) => readFile(join(folder, file)))))
    },
    async copyOf(store) {
      const copy = `${folder}-copy`
      await mkdir(copy)
      await store.snapshot(join(copy, 'runseal.db'))
      return await openSqlite(copy, { server: false })
    },
    async remove() {
      await rm(`${folder}-copy`, { recursive: true, force: true })
      await rm(folder, { recursive: true })
    },
  }
})

describe('SQLite', () => {
  let folder: string
  beforeEach(async () => {
    folder = await newFolder()
  })
  afterEach(() => rm(folder, { recursive: true }))

  const touch = (sql: string) => {
    const db = new Database(join(folder, 'runseal.db'))
    db.exec(sql)
    db.close()
  }

  it('makes its folder for its owner alone', async () => {
    const inner = join(folder, 'deep', 'data')
    await (await openSqlite(inner, { server: true })).close()
    expect((await stat(inner)).mode & 0o777).toBe(0o700)
    // And its files, in a folder that was there before.
    await chmod(folder, 0o755)
    const store = await openSqlite(folder, { server: true })
    await store.check(AT)
    const files = (await readdir(folder)).filter((file) => file !== 'deep')
    expect(files.toSorted()).toEqual(['lock', 'runseal.db', 'runseal.db-shm', 'runseal.db-wal'])
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600)
    await store.close()
  })

  it('[ST4] says in one line that another server holds the folder', async () => {
    const store = await openSqlite(folder, { server: true })
    await expect(openSqlite(folder, { server: true })).rejects.toThrow(
      `another server holds the data folder ${folder}`,
    )
    await store.close()
  })

  it('[ST9] refuses a newer store and leaves it as it is', async () => {
    touch('create table of_the_future (x); pragma user_version = 999')
    const before = await readFile(join(folder, 'runseal.db'))
    await expect(openSqlite(folder, { server: true })).rejects.toMatchObject({ code: 'newer' })
    await expect(openSqlite(folder, { server: true })).rejects.toThrow('has version 999')
    expect(await readFile(join(folder, 'runseal.db'))).toEqual(before)
    touch('drop table of_the_future; pragma user_version = 0')
    await (await openSqlite(folder, { server: true })).close()
  })

  it('[ST9] brings a store of the first version forward, with its people and their sessions', async () => {
    const secret = (name: string) => digest(name)
    touch(`${MIGRATIONS[0]}; pragma user_version = 1;
      insert into user values ('ann', 'admin', '${AT}');
      insert into token values ('t1', '${secret('t1')}', 'operator', 'ann', '${AT}');
      insert into session values ('${secret('s1')}', 'ann', '${AT}', '9999-01-01T00:00:00.000Z')`)
    const store = await openSqlite(folder, { server: true })
    expect(await store.identity.user('ann')).toEqual({
      name: 'ann',
      role: 'admin',
      created_at: AT,
      disabled_at: null,
    })
    expect(await store.identity.tokenOf(secret('t1'), AT)).toMatchObject({ expires_at: null })
    const session = await store.identity.sessionOf(secret('s1'), AT, '')
    expect(session?.session_id).toMatch(/^[0-9a-f]{16}$/)
    expect(session?.seen_at).toBe(AT)
    expect(await store.journal.list({ cursor: null, limit: 9 })).toEqual({
      items: [],
      next_cursor: null,
    })
    await store.close()
  })

  it('refuses a file that is no database', async () => {
    await (await openSqlite(folder, { server: true })).close()
    await writeFile(join(folder, 'runseal.db'), 'x'.repeat(4096))
    await expect(openSqlite(folder, { server: true })).rejects.toMatchObject({ code: 'failed' })
  })

  const ALL = ['runseal.db', 'runseal.db-wal', 'runseal.db-shm']
  it.each([
    { what: 'is gone', gone: ALL, put: null },
    { what: 'is another', gone: ALL, put: 'runseal.db' },
    { what: 'has another log of writes', gone: ['runseal.db-wal'], put: 'runseal.db-wal' },
  ])(
    '[ST14] notices at the next write that its file $what, and leaves what is in its place',
    async ({ gone, put }) => {
      const store = await openSqlite(folder, { server: true })
      await store.check(AT)
      for (const name of gone) await rm(join(folder, name))
      if (put !== null) await writeFile(join(folder, put), '')
      const left = await readdir(folder)
      const opening = appendOf([], [started('run_a')])
      await expect(store.runs.append(opening)).rejects.toMatchObject({ code: 'lost' })
      await expect(store.check(AT)).rejects.toMatchObject({ code: 'lost' })
      expect(await store.runs.facts('run_a')).toEqual([])
      expect((await store.lost).message).toContain('is not the file any more that was opened')
      await store.close()
      expect(await readdir(folder)).toEqual(left)
    },
  )

  it.each([
    ['missing', async () => {}],
    ['empty', async (path: string) => await writeFile(path, '')],
  ])('[ST14] refuses one that is to be there and is %s, and makes none', async (what, put) => {
    await put(join(folder, 'runseal.db'))
    const left = await readdir(folder)
    await expect(openSqlite(folder, { server: false, isToBeThere: true })).rejects.toMatchObject({
      code: 'lost',
      message: `${join(folder, 'runseal.db')} is ${what}`,
    })
    expect(await readdir(folder)).toEqual(left)
  })

  it('[ST3] lets nobody change or remove a fact', async () => {
    const store = await openSqlite(folder, { server: true })
    await store.runs.append(appendOf([], [started('run_a')]))
    await store.close()
    expect(() => touch(`update fact set body = '{}'`)).toThrow('a fact is never changed')
    expect(() => touch('delete from fact')).toThrow('a fact is never removed')
  })

  it('[ST11] lets nobody change or remove an act', async () => {
    const store = await openSqlite(folder, { server: true })
    await store.journal.add(actOf('signed_in', 's1'))
    await store.close()
    expect(() => touch(`update journal set actor = 'user:bob'`)).toThrow('never changed')
    expect(() => touch('delete from journal')).toThrow('never removed')
  })

  it('[ST10] refuses what does not fit its contract', async () => {
    const store = await openSqlite(folder, { server: true })
    await store.runs.append(appendOf([], [started('run_a')]))
    touch(
      `update run set status = 'fine'; insert into fact values ('run_a', 2, '{"type":"x"}', null)`,
    )
    await expect(store.runs.summary('run_a')).rejects.toMatchObject({ code: 'damaged' })
    await expect(store.runs.facts('run_a')).rejects.toThrow('fact 2 of run_a')
    await store.close()
  })

  it('[ST1] waits for one fsync with many appends, not for one each', async () => {
    const store = await openSqlite(folder, { server: true })
    const ids = Array.from({ length: 64 }, (_, i) => `run_${i}`)
    await Promise.all(ids.map((id) => store.runs.append(appendOf([], [started(id)]))))
    const frames = await walFrames(folder)
    await Promise.all(
      ids.map((id) => store.runs.append(appendOf([started(id)], [stepStarted(id)]))),
    )
    // Each commit writes every page that it changed; one commit writes a page that all of them changed once.
    expect((await walFrames(folder)) - frames).toBeLessThan(ids.length)
    await store.close()
  })
})

describe('group commit', () => {
  let db: Database.Database
  beforeEach(() => {
    db = new Database(':memory:')
    db.pragma('foreign_keys = ON')
    db.exec(`create table kept (id integer primary key);
      create table owed (id references kept (id) deferrable initially deferred)`)
  })
  afterEach(() => db.close())
  const keep = (id: number) => () => db.prepare('insert into kept values (?)').run(id).changes
  const count = () => db.prepare('select count(*) from kept').pluck().get()

  it('[ST1] resolves nothing when the commit itself fails', async () => {
    const commit = createCommit(db)
    // Checked when the transaction commits, and not before.
    const owe = () => db.prepare('insert into owed values (99)').run()
    const both = await Promise.allSettled([commit(keep(1)), commit(owe)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(count()).toBe(0)
    expect(await commit(keep(1))).toBe(1)
  })

  it('[ST2] rejects all when one loses the transaction, as a full disk does', async () => {
    const commit = createCommit(db)
    const lose = () => {
      db.exec('rollback')
      throw new Error('disk full')
    }
    const three = await Promise.allSettled([commit(keep(1)), commit(lose), commit(keep(2))])
    expect(three.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(count()).toBe(0)
  })
})

async function walFrames(folder: string): Promise<number> {
  const wal = await readFile(join(folder, 'runseal.db-wal'))
  const pageBytes = wal.readUInt32BE(8)
  return (wal.length - 32) / (pageBytes + 24)
}
