import Database from 'better-sqlite3'
import {
  DummyDriver,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
  type Compilable,
} from 'kysely'
import { closeSync, existsSync, mkdirSync, openSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Fact } from '#contract/fact.ts'
import { parse, parseJson, type Parsed } from '#contract/parse.ts'
import { JournalEntry } from '#contract/people.ts'
import { Gate, RunSummary } from '#contract/run.ts'
import { cellsIn } from './sqlite-cells.ts'
import { createCommit } from './sqlite-commit.ts'
import { MIGRATIONS, type Tables } from './sqlite-schema.ts'
import {
  StorageError,
  type Act,
  type Append,
  type GateRow,
  type GateState,
  type Page,
  type PageRequest,
  type PreparedSeal,
  type RecordedFact,
  type RunFilter,
  type SealRow,
  type Storage,
} from './storage.ts'

/**
 * The embedded store: `runseal.db` in the data folder, which is made where it is missing, unless it is to be there.
 * `server` takes the hold of the one server of this folder; without it the store is opened beside a server, or while
 * there is none. `now`: the clock that the expiry of what somebody came by is judged by [ST15].
 */
export async function openSqlite(
  folder: string,
  open: { server: boolean; isToBeThere?: boolean; now?: () => Date },
): Promise<Storage> {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const hold = open.server ? takeHold(folder) : null
    try {
      const path = join(folder, 'runseal.db')
      const db = openDatabase(path, open.isToBeThere ?? false)
      const now = open.now ?? (() => new Date())
      return storageOver(db, hold, watchPlaces([path, `${path}-wal`]), now)
    } catch (error) {
      hold?.close()
      throw error
    }
  } catch (error) {
    throw translated(error)
  }
}

/** The hold of the one server of this folder, for who must be alone in it without a store. What it returns lets go. */
export function holdFolder(folder: string): () => void {
  try {
    const hold = takeHold(folder)
    return () => void hold.close()
  } catch (error) {
    throw translated(error)
  }
}

// An exclusive transaction on a database of its own that is never committed. The lock is the kernel's and belongs to the
// process, so it ends with it, SIGKILL or not, and leaves nothing behind that a next start would have to judge.
function takeHold(folder: string): Database.Database {
  const path = join(folder, 'lock')
  const hold = openOwn(path, 0)
  const opened = fileAt(path)
  const held = () =>
    new StorageError('held', `another server holds the data folder ${folder}, or a restore`)
  try {
    hold.pragma('journal_mode = MEMORY')
    hold.exec('begin exclusive')
    // A restore that failed takes its lock away: that of a file without a name keeps nobody out.
    if (opened === null || fileAt(path) !== opened) throw held()
    return hold
  } catch (error) {
    hold.close()
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) throw held()
    throw error
  }
}

// Made for its owner alone, whatever the umask, in a folder that may be older and open; journals take the same mode.
function openOwn(path: string, timeout: number): Database.Database {
  closeSync(openSync(path, 'a', 0o600))
  return new Database(path, { timeout })
}

function openDatabase(path: string, isToBeThere: boolean): Database.Database {
  if (isToBeThere && !existsSync(path)) throw lost(`${path} is missing`)
  const db = openOwn(path, 5000)
  try {
    if (refuseNewer(db, path) === 0 && isToBeThere) throw lost(`${path} is empty`)
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('foreign_keys = ON')
    db.pragma('trusted_schema = OFF')
    db.transaction(() => {
      // Again, inside: another process may have brought it forward meanwhile.
      for (const step of MIGRATIONS.slice(refuseNewer(db, path))) db.exec(step)
      db.pragma(`user_version = ${MIGRATIONS.length}`)
    }).immediate()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Throws once there is another file at one of these paths than there is now, or none. The one that is open has then no
 * name any more: it takes what is written and nobody will read it.
 */
function watchPlaces(paths: readonly string[]): () => void {
  const opened = paths.map((path) => ({ path, file: fileAt(path) }))
  return () => {
    for (const { path, file } of opened)
      if (fileAt(path) !== file) throw lost(`${path} is not the file any more that was opened`)
  }
}

function fileAt(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev} ${ino}`
  } catch {
    return null
  }
}

function lost(message: string): StorageError {
  return new StorageError('lost', message)
}

function refuseNewer(db: Database.Database, path: string): number {
  const version = Number(db.pragma('user_version', { simple: true }))
  if (version > MIGRATIONS.length)
    throw new StorageError(
      'newer',
      `${path} has version ${version}, this runseal reads up to ${MIGRATIONS.length}: use a newer one`,
    )
  return version
}

// Kysely writes and types the queries; they are run on the connection itself, since better-sqlite3 is synchronous and
// Kysely's own driver would spread a transaction over turns of the event loop, which group commit cannot have.
const builder = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

function storageOver(
  db: Database.Database,
  hold: Database.Database | null,
  refuseLost: () => void,
  now: () => Date,
): Storage {
  let loss: StorageError | null = null
  const losing = Promise.withResolvers<StorageError>()
  const commit = createCommit(db, () => {
    try {
      if (loss === null) refuseLost()
    } catch (error) {
      loss = translated(error)
      losing.resolve(loss)
    }
    if (loss !== null) throw loss
  })
  // To prepare a statement takes longer than to run it. There are as many texts as there are changes here.
  const changes = new Map<string, Database.Statement>()

  function all<O>(query: Compilable<O>): O[] {
    const { sql, parameters } = query.compile()
    return db.prepare<unknown[], O>(sql).all(...parameters)
  }
  const first = <O>(query: Compilable<O>): O | null => all(query)[0] ?? null
  function change(sql: string, parameters: readonly unknown[]): void {
    const change = changes.get(sql) ?? db.prepare(sql)
    changes.set(sql, change)
    change.run(...parameters)
  }
  function run(query: Compilable): void {
    const { sql, parameters } = query.compile()
    change(sql, parameters)
  }
  // Twice for each step of each run: to write these anew would take longer than all else that is done here.
  const countFacts = db
    .prepare<[string], number>('select coalesce(max(n), 0) from fact where run_id = ?')
    .pluck()
  const runRow = db.prepare<[string], RunSummary>('select * from run where run_id = ?')
  const addFact = db.prepare('insert into fact (run_id, n, body, link) values (?, ?, ?, ?)')

  // Whatever is set is written to each index that it is in, also where it is as it was.
  function keepSummary(summary: RunSummary): void {
    const row = runRow.get(summary.run_id)
    if (row === undefined) return run(builder.insertInto('run').values(summary))
    const before = new Map<string, unknown>(Object.entries(row))
    const changed = Object.entries(summary).filter(([name, value]) => before.get(name) !== value)
    if (changed.length === 0) return
    const names = changed.map(([name]) => `${name} = ?`).join(', ')
    const values = changed.map(([, value]) => value)
    change(`update run set ${names} where run_id = ?`, [...values, summary.run_id])
  }
  // Deletion is forbidden, so that the next number is always one more than the last.
  function enter({ at, actor, act, about, detail }: Act): void {
    run(builder.insertInto('journal').values({ at, actor, act, about, detail }))
  }
  // By the clock and not by the act's time, which is never before what is on record: after the clock was set back, that
  // may be days ahead.
  function refuseOutdated({ authority }: Act): void {
    if (authority === null) return
    const at = now().toISOString()
    const found =
      'token_id' in authority
        ? first(tokenRows(at).where('token_id', '=', authority.token_id))
        : first(signedInRows(at, NEVER).where('session_id', '=', authority.session_id))
    if (found?.role !== authority.role)
      throw new StorageError('outdated', 'whoever asked for this may do less by now')
  }
  function refuseDisabled(name: string | null): void {
    const user = first(builder.selectFrom('user').selectAll().where('name', '=', name))
    if (name !== null && user?.disabled_at !== null)
      throw new StorageError('conflict', `${name} is disabled`)
  }
  async function read<T>(query: () => T): Promise<T> {
    try {
      return query()
    } catch (error) {
      throw translated(error)
    }
  }
  /** `acts`: whose change it is. Judged before it, since somebody may end what they came by. */
  async function write<T>(change: () => T, acts: readonly Act[] = []): Promise<T> {
    try {
      if (!db.open) throw new StorageError('failed', 'the store is closed')
      return await commit(() => {
        for (const act of acts) refuseOutdated(act)
        return change()
      })
    } catch (error) {
      throw translated(error)
    }
  }

  function factRows(run_id: string, after: number) {
    return all(
      builder
        .selectFrom('fact')
        .select(['n', 'body', 'link'])
        .where('run_id', '=', run_id)
        .where('n', '>', after)
        .orderBy('n')
        .limit(PIECE),
    )
  }

  return {
    runs: {
      append: (append) =>
        write(() => {
          refuseHole(append, countFacts.get(append.run_id) ?? 0)
          keepSummary(append.summary)
          const { run_id, after } = append
          append.facts.forEach(({ fact, link }, i) => {
            addFact.run(run_id, after + i + 1, JSON.stringify(fact), link)
          })
          for (const { gate, state } of append.gates) {
            const { gate_id, opened_at } = gate
            const row = { gate_id, run_id, state, opened_at, body: JSON.stringify(gate) }
            run(
              builder
                .insertInto('gate')
                .values(row)
                .onConflict((on) =>
                  on
                    .column('gate_id')
                    .doUpdateSet({ state, body: row.body })
                    // A gate of another run that has this id is a conflict, never a change to that one.
                    .where('gate.run_id', '=', run_id),
                ),
            )
            if (first(gateRows().where('gate_id', '=', gate_id))?.run_id !== run_id)
              throw new StorageError('conflict', `gate ${gate_id} is of another run`)
          }
          for (const act of append.acts) enter(act)
        }, append.acts),
      // In pieces: a long record is read in seconds, and others are answered meanwhile. What was read stays as it is.
      async facts(run_id) {
        const facts: RecordedFact[] = []
        for (;;) {
          const rows = await read(() => factRows(run_id, facts.length))
          for (const { n, body, link } of rows)
            facts.push({ fact: sound(parseJson(Fact, body), `fact ${n} of ${run_id}`), link })
          if (rows.length < PIECE) return facts
          await nextTurn()
        }
      },
      summary: (run_id) =>
        read(() => {
          const row = first(builder.selectFrom('run').selectAll().where('run_id', '=', run_id))
          return row && summaryOfRow(row)
        }),
      list: (filter, page) =>
        read(() =>
          pageOf(
            all(runRows(filter, page)),
            page,
            (row) => row.made,
            (row) => summaryOfRow(row),
          ),
        ),
      unfinished: () =>
        read(() =>
          all(
            builder
              .selectFrom('run')
              .select('run_id')
              .where('seal', '<>', 'sealed')
              .orderBy('made'),
          ).map(({ run_id }) => run_id),
        ),
      counts: () =>
        read(() => {
          const status = {
            queued: 0,
            running: 0,
            needs_input: 0,
            succeeded: 0,
            failed: 0,
            aborted: 0,
          }
          const seal = { open: 0, pending: 0, seal_failed: 0, sealed: 0 }
          const rows = builder
            .selectFrom('run')
            .select(['status', 'seal', (of) => of.fn.countAll<number>().as('runs')])
            .groupBy(['status', 'seal'])
          for (const row of all(rows)) {
            status[row.status] += row.runs
            seal[row.seal] += row.runs
          }
          return { status, seal }
        }),
    },

    gates: {
      get: (gate_id) =>
        read(() => {
          const row = first(gateRows().where('gate_id', '=', gate_id))
          return row && gateOfRow(row)
        }),
      list: (state, page) =>
        read(() => {
          const after = placeOf(page)
          let query = gateRows()
            .orderBy('place')
            .limit(page.limit + 1)
          if (state !== null) query = query.where('state', '=', state)
          if (after !== null) query = query.where('place', '>', after)
          return pageOf(all(query), page, (row) => row.place, gateOfRow)
        }),
      counts: () =>
        read(() => {
          const [row] = all(
            builder
              .selectFrom('gate')
              .select((of) => [
                of.fn.countAll<number>().as('open'),
                of.fn.min('opened_at').as('oldest_opened_at'),
              ])
              .where('state', '=', 'open'),
          )
          return row ?? { open: 0, oldest_opened_at: null }
        }),
    },

    seals: {
      prepare: (seal) =>
        write(() => {
          refuseOutOfLine(seal, first(lastSeal()))
          const { previous, statement, ...row } = seal
          run(
            builder.insertInto('seal').values({
              ...row,
              previous_evidence_id: previous?.evidence_id ?? null,
              previous_head: previous?.head ?? null,
              statement: Buffer.from(statement),
              file_sha256: null,
              file_bytes: null,
            }),
          )
        }),
      written: (evidence_id, file) =>
        write(() =>
          run(
            builder
              .updateTable('seal')
              .set({ file_sha256: file.sha256, file_bytes: file.bytes })
              .where('evidence_id', '=', evidence_id),
          ),
        ),
      of: (evidence_id) =>
        read(() => {
          const row = first(
            builder.selectFrom('seal').selectAll().where('evidence_id', '=', evidence_id),
          )
          return row && sealOfRow(row)
        }),
      last: () =>
        read(() => {
          const row = first(lastSeal())
          return row && sealOfRow(row)
        }),
      list: (page) =>
        read(() => {
          const before = placeOf(page)
          let query = builder
            .selectFrom('seal')
            .select(['evidence_id', 'run_id', 'definition', 'outcome', 'seal_seq', 'head'])
            .select(['file_sha256 as sha256', 'file_bytes as bytes', 'sealed_at'])
            .$narrowType<{ sha256: string; bytes: number }>()
            .where('file_sha256', 'is not', null)
            .orderBy('seal_seq', 'desc')
            .limit(page.limit + 1)
          if (before !== null) query = query.where('seal_seq', '<', before)
          return pageOf(
            all(query),
            page,
            (row) => row.seal_seq,
            (row) => row,
          )
        }),
    },

    identity: {
      addUser: (user, act) =>
        write(() => {
          run(builder.insertInto('user').values(user))
          enter(act)
        }, [act]),
      user: (name) =>
        read(() => first(builder.selectFrom('user').selectAll().where('name', '=', name))),
      users: () => read(() => all(builder.selectFrom('user').selectAll().orderBy('name'))),
      changeUser: (name, { beyond = [], ...change }, act) =>
        write(() => {
          const user = first(
            builder.updateTable('user').set(change).where('name', '=', name).returningAll(),
          )
          if (user === null) return null
          if (first(enabledAdmins()) === null)
            throw new StorageError('conflict', `${name} is the last admin`)
          const isDisabled = user.disabled_at !== null
          if (isDisabled)
            for (const table of ['session', 'link'] as const)
              run(builder.deleteFrom(table).where('user', '=', name))
          enter(act)
          let tokens = builder
            .updateTable('token')
            .set({ revoked_at: act.at })
            .where('owner', '=', name)
            .where('revoked_at', 'is', null)
            .returning('token_id')
          if (!isDisabled) tokens = tokens.where('role', 'in', beyond)
          for (const { token_id } of all(tokens))
            enter({ ...act, act: 'token_revoked', about: token_id, detail: null })
          return user
        }, [act]),
      addToken: (token, act) =>
        write(() => {
          refuseDisabled(token.owner)
          run(builder.insertInto('token').values(token))
          enter(act)
        }, [act]),
      token: (token_id) =>
        read(() => first(builder.selectFrom('token').selectAll().where('token_id', '=', token_id))),
      tokens: () =>
        read(() =>
          all(
            builder
              .selectFrom('token')
              .selectAll()
              .orderBy('created_at', 'desc')
              .orderBy('token_id'),
          ),
        ),
      tokenOf: (secret_sha256, now) =>
        read(() => first(tokenRows(now).where('secret_sha256', '=', secret_sha256))),
      revokeToken: (token_id, revoked_at, act) =>
        write(() => {
          const revoked = first(
            builder
              .updateTable('token')
              .set({ revoked_at })
              .where('token_id', '=', token_id)
              .where('revoked_at', 'is', null)
              .returning('token_id'),
          )
          if (revoked !== null) enter(act)
          return revoked !== null
        }, [act]),
      sessionOf: (secret_sha256, now, idleSince) =>
        read(() => first(signedInRows(now, idleSince).where('secret_sha256', '=', secret_sha256))),
      sessions: (user, now, idleSince) =>
        read(() => {
          const rows = sessionRows(now, idleSince).orderBy('created_at', 'desc')
          return all(user === null ? rows : rows.where('user', '=', user))
        }),
      seeSession: (session_id, seen_at) =>
        write(() =>
          run(builder.updateTable('session').set({ seen_at }).where('session_id', '=', session_id)),
        ),
      endSessions: (which, act) =>
        write(() => {
          const rows = builder.deleteFrom('session').returning('session_id')
          const ended = all(
            'user' in which
              ? rows.where('user', '=', which.user)
              : rows.where('session_id', '=', which.session_id),
          )
          if (ended.length > 0) enter(act)
          return ended.length
        }, [act]),
      addLink: (link, act) =>
        write(() => {
          refuseDisabled(link.user)
          run(builder.deleteFrom('link').where('expires_at', '<=', act.at))
          run(builder.insertInto('link').values(link))
          enter(act)
        }, [act]),
      takeLink: (secret_sha256, session, act) =>
        write(() => {
          const taken = first(
            builder
              .deleteFrom('link')
              .where('secret_sha256', '=', secret_sha256)
              .where('expires_at', '>', act.at)
              .returning('user'),
          )
          if (taken === null) return null
          run(builder.deleteFrom('session').where('expires_at', '<=', act.at))
          run(builder.insertInto('session').values({ ...session, ...taken }))
          enter({ ...act, actor: `user:${taken.user}`, authority: null })
          return taken.user
        }),
    },

    journal: {
      add: (act) => write(() => enter(act), [act]),
      list: (page) =>
        read(() => {
          const before = placeOf(page)
          let query = builder
            .selectFrom('journal')
            .selectAll()
            .orderBy('n', 'desc')
            .limit(page.limit + 1)
          if (before !== null) query = query.where('n', '<', before)
          return pageOf(
            all(query),
            page,
            (row) => row.n,
            (row) => sound(parse(JournalEntry, row), `act ${row.n}`),
          )
        }),
    },

    cells: cellsIn(db, read, write),

    snapshot: (file) =>
      read(() => {
        closeSync(openSync(file, 'wx', 0o600))
        db.prepare('vacuum into ?').run(file)
        const copy = new Database(file)
        copy.exec('delete from session; delete from link')
        copy.close()
      }),

    check: (at) =>
      write(() =>
        run(
          builder
            .insertInto('checked')
            .values({ one: 1, at })
            .onConflict((on) => on.column('one').doUpdateSet({ at })),
        ),
      ),

    lost: losing.promise,

    async close() {
      if (!db.open) return
      commit.now()
      // What it removes when it is closed would be of the file that is in its place.
      if (loss === null) db.close()
      hold?.close()
    },
  }
}

/** Facts that are read in one turn of the event loop. */
const PIECE = 200

function refuseHole({ run_id, after, facts, summary }: Append, stored: number): void {
  if (stored !== after)
    throw new StorageError('conflict', `${run_id} has ${stored} facts on record, not ${after}`)
  const stranger = [...facts.map(({ fact }) => fact.run_id), summary.run_id].find(
    (id) => id !== run_id,
  )
  if (stranger !== undefined)
    throw new StorageError('conflict', `a fact of ${stranger} is none of ${run_id}`)
}

function runRows({ status, definition, q }: RunFilter, page: PageRequest) {
  const before = placeOf(page)
  let query = builder
    .selectFrom('run')
    .selectAll()
    .orderBy('made', 'desc')
    .limit(page.limit + 1)
  if (before !== null) query = query.where('made', '<', before)
  if (status !== null) query = query.where('status', 'in', status)
  if (definition !== null) query = query.where('definition', '=', definition)
  if (q !== null) {
    const part = `%${q.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
    query = query.where((of) =>
      of.or(
        [of.ref('run_id'), of.ref('definition'), of.ref('title'), of.ref('actor')].map(
          (column) => sql<boolean>`${column} like ${part} escape '\\'`,
        ),
      ),
    )
  }
  return query
}

function gateRows() {
  return builder
    .selectFrom('gate')
    .innerJoin('run', 'run.run_id', 'gate.run_id')
    .selectAll('run')
    .select(['gate.gate_id', 'gate.body', 'gate.state', 'gate.place'])
}

function gateOfRow(row: RunSummary & { gate_id: string; body: string; state: GateState }): GateRow {
  const gate = sound(parseJson(Gate, row.body), `gate ${row.gate_id}`)
  return { gate, state: row.state, run: summaryOfRow(row) }
}

function summaryOfRow(row: RunSummary): RunSummary {
  return sound(parse(RunSummary, row), `row of ${row.run_id}`)
}

function enabledAdmins() {
  return builder
    .selectFrom('user')
    .select('name')
    .where('role', '=', 'admin')
    .where('disabled_at', 'is', null)
    .limit(1)
}

function tokenRows(now: string) {
  return builder
    .selectFrom('token')
    .leftJoin('user', 'user.name', 'token.owner')
    .selectAll('token')
    .where('revoked_at', 'is', null)
    .where((of) => of.or([of('expires_at', 'is', null), of('expires_at', '>', now)]))
    .where('user.disabled_at', 'is', null)
}

function signedInRows(now: string, idleSince: string) {
  return sessionRows(now, idleSince)
    .innerJoin('user', 'user.name', 'session.user')
    .select('user.role')
    .where('user.disabled_at', 'is', null)
}

/** Before anything was seen: who asks for something is not idle. */
const NEVER = ''

function sessionRows(now: string, idleSince: string) {
  return builder
    .selectFrom('session')
    .selectAll('session')
    .where('expires_at', '>', now)
    .where('seen_at', '>', idleSince)
}

function lastSeal() {
  return builder.selectFrom('seal').selectAll().orderBy('seal_seq', 'desc').limit(1)
}

function refuseOutOfLine(seal: PreparedSeal, last: Tables['seal'] | null): void {
  const inLine =
    seal.seal_seq === (last?.seal_seq ?? 0) + 1 &&
    (seal.previous?.evidence_id ?? null) === (last?.evidence_id ?? null) &&
    (seal.previous?.head ?? null) === (last?.head ?? null)
  if (!inLine)
    throw new StorageError(
      'conflict',
      `seal ${seal.seal_seq} of ${seal.evidence_id} is not next after ${last?.seal_seq ?? 0}`,
    )
}

function sealOfRow(row: Tables['seal']): SealRow {
  const { previous_evidence_id, previous_head, file_sha256, file_bytes, statement, ...seal } = row
  return {
    ...seal,
    statement: new Uint8Array(statement),
    previous:
      previous_evidence_id === null || previous_head === null
        ? null
        : { evidence_id: previous_evidence_id, head: previous_head },
    file:
      file_sha256 === null || file_bytes === null
        ? null
        : { sha256: file_sha256, bytes: file_bytes },
  }
}

// A query asks for one row more than the page holds: whether it came says whether there is a next page.
function pageOf<R, T>(
  rows: readonly R[],
  { limit }: PageRequest,
  place: (row: R) => number,
  item: (row: R) => T,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(item),
    next_cursor: rows.length > limit && last !== undefined ? String(place(last)) : null,
  }
}

function placeOf({ cursor }: PageRequest): number | null {
  if (cursor === null) return null
  if (!/^\d{1,16}$/.test(cursor)) throw new StorageError('bad_cursor', 'is no cursor of this list')
  return Number(cursor)
}

function sound<T>(parsed: Parsed<T>, what: string): T {
  if (parsed.ok) return parsed.value
  throw new StorageError('damaged', `${what}: ${parsed.error.at} ${parsed.error.message}`)
}

function translated(error: unknown): StorageError {
  if (error instanceof StorageError) return error
  const message = error instanceof Error ? error.message : String(error)
  const conflict =
    error instanceof Database.SqliteError && error.code.startsWith('SQLITE_CONSTRAINT')
  return new StorageError(conflict ? 'conflict' : 'failed', message, { cause: error })
}
