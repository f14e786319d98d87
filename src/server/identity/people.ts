import { createHash, createHmac } from 'node:crypto'
import { parse } from '#contract/parse.ts'
import {
  type ActName,
  type ChangeUser,
  type LinkMade,
  type Person,
  PersonName,
  type SessionResource,
  type TokenMade,
  type TokenResource,
} from '#contract/people.ts'
import { keysOf, ROLE, type Role } from '#contract/status.ts'
import { ProblemError } from '#server/problem.ts'
import {
  StorageError,
  type Act,
  type Authority,
  type IdentityStore,
  type JournalStore,
  type Session,
  type Token,
} from '#server/storage/storage.ts'
import type { Asker, Own, Whose } from './asker.ts'

/**
 * Users, their sessions, and tokens. Every secret is 32 random bytes, told once and kept as its digest only. `by` is who
 * does it: each change is an act in the journal, and one transaction with all that follows from it.
 */
export type People = {
  /** `bad_request` when the name is none, `name_taken`. */
  addUser(name: string, role: Role, by: By): Promise<Person>
  users(): Promise<Person[]>
  /** `not_found`, or `last_admin` where nobody would be left who may do everything. */
  changeUser(name: string, change: ChangeUser, by: By): Promise<Person>
  /** The first start of a server needs somebody who may do everything. Answers the name of one who may. */
  ensureAdmin(): Promise<string>
  /** A one-time link for a user, valid for ten minutes. `not_found`, or `forbidden` for one who is disabled. */
  makeLink(name: string, by: By): Promise<LinkMade>
  makeToken(wanted: WantedToken, by: By): Promise<TokenMade>
  tokens(): Promise<TokenResource[]>
  /** `not_found` where there is none that still counts. */
  revokeToken(token_id: string, by: By): Promise<void>
  /** `link_invalid` when the link is used, expired or unknown. `from`: the address that asks, for the journal. */
  signIn(link: string, from: string): Promise<SignedIn>
  signOut(session: SignedIn): Promise<void>
  /** Of one user, or null: of all. */
  sessions(user: string | null, asking: SignedIn | null): Promise<SessionResource[]>
  /** `not_found` where there is none, or none of `user`; null: whose ever it is. */
  endSession(session_id: string, user: string | null, by: By): Promise<void>
  /** How many there were. */
  endSessions(user: string, by: By): Promise<number>
  bySession(session: string): Promise<SignedIn | null>
  /** Its person asks for something just now: it is not idle. */
  see(session: SignedIn): Promise<void>
  byToken(token: string): Promise<Asker | null>
  /** Until when a session or token counts as far as is known now: for ever is a date too. null: it does not. */
  until(secret: { session: string } | { token: string }): Promise<Date | null>
}

/** Somebody who asks, or who needs nobody's leave. */
export type By = Asker | Own

/** `owner`: the user whom it belongs to, if any. */
export type WantedToken = { role: Role; owner: string | null; expires_at: string | null }

export type SignedIn = {
  asker: Asker
  session_id: string
  /** Secret of the session, for the cookie. */
  session: string
  /** What the page sends back with every change: a cookie alone changes nothing. */
  pageSecret: string
  seen_at: string
  expires_at: string
}

const ADMIN = 'admin'
const LINK_MS = 10 * 60_000
const SESSION_MS = 7 * 24 * 60 * 60_000
const IDLE_MS = 24 * 60 * 60_000
// Written once a minute at most: being seen is no reason to wait for the disk each time.
const SEEN_MS = 60_000
// The last day that a Date has.
const FOR_EVER = 8.64e15

export function createPeople({
  store,
  journal,
  now,
  randomBytes,
  changed = () => {},
  failed,
}: {
  store: IdentityStore
  journal: JournalStore
  now: () => Date
  randomBytes: (count: number) => Buffer
  /** Told who may do less than before. */
  changed?: (whose: Whose) => void
  /** Told what went wrong and kept nobody from anything. */
  failed: (error: unknown) => void
}): People {
  const secret = () => randomBytes(32).toString('base64url')
  const newId = () => randomBytes(8).toString('hex')
  const inMs = (ms: number) => new Date(now().getTime() + ms).toISOString()
  const idleSince = () => inMs(-IDLE_MS)

  const act = (
    name: ActName,
    by: By | null,
    about: string | null,
    detail: string | null = null,
  ): Act => ({ at: inMs(0), ...whoOf(by), act: name, about, detail })

  async function ended(which: Parameters<IdentityStore['endSessions']>[0], done: Act) {
    const count = await store.endSessions(which, done)
    if (count > 0) changed('user' in which ? which : { id: which.session_id })
    return count
  }

  const people: People = {
    async addUser(name, role, by) {
      if (!parse(PersonName, name).ok)
        throw new ProblemError('bad_request', 'a user name is letters, digits, _, . and -')
      const user = { name, role, created_at: inMs(0), disabled_at: null }
      try {
        await store.addUser(user, act('user_added', by, name, role))
      } catch (error) {
        if (error instanceof StorageError && error.code === 'conflict')
          throw new ProblemError('name_taken', `there is a user ${name} already`)
        throw error
      }
      return user
    },

    users: () => store.users(),

    async changeUser(name, { role, disabled }, by) {
      const said = [role, disabled === undefined ? undefined : disabled ? 'disabled' : 'enabled']
      const change = {
        // Whoever may less than before does not keep it by a token.
        beyond: role === undefined ? [] : keysOf(ROLE).filter((other) => isBeyond(other, role)),
        ...(role !== undefined && { role }),
        ...(disabled !== undefined && { disabled_at: disabled ? inMs(0) : null }),
      }
      if (role === undefined && disabled === undefined)
        throw new ProblemError('bad_request', 'name a role, or whether they are disabled')
      try {
        const done = act('user_changed', by, name, said.filter(Boolean).join(', '))
        const user = await store.changeUser(name, change, done)
        if (user === null) throw new ProblemError('not_found', `there is no user ${name}`)
        return user
      } catch (error) {
        if (error instanceof StorageError && error.code === 'conflict')
          throw new ProblemError('last_admin', `make somebody else an admin before ${name} is none`)
        throw error
      } finally {
        changed({ user: name })
      }
    },

    async ensureAdmin() {
      const admins = (await store.users()).filter(
        ({ role, disabled_at }) => role === 'admin' && disabled_at === null,
      )
      if (admins.length === 0) await people.addUser(ADMIN, 'admin', 'system')
      return admins.find(({ name }) => name === ADMIN)?.name ?? admins[0]?.name ?? ADMIN
    },

    async makeLink(name, by) {
      if ((await store.user(name)) === null)
        throw new ProblemError('not_found', `there is no user ${JSON.stringify(name)}`)
      const token = secret()
      const expires_at = inMs(LINK_MS)
      const link = { secret_sha256: digest(token), user: name, expires_at }
      await unlessDisabled(name, store.addLink(link, act('link_made', by, name)))
      return { token, expires_at }
    },

    async makeToken({ role, owner, expires_at }, by) {
      if (owner !== null && (await store.user(owner)) === null)
        throw new ProblemError('bad_request', `there is no user ${JSON.stringify(owner)}`)
      const token = `runseal_${secret()}`
      const made = {
        token_id: newId(),
        role,
        owner,
        created_at: inMs(0),
        expires_at,
        revoked_at: null,
      }
      const said = owner === null ? role : `${role} of ${owner}`
      const row = { ...made, secret_sha256: digest(token) }
      await unlessDisabled(owner, store.addToken(row, act('token_made', by, made.token_id, said)))
      return { ...made, token }
    },

    tokens: async () => (await store.tokens()).map(withoutSecret),

    async revokeToken(token_id, by) {
      if (!(await store.revokeToken(token_id, inMs(0), act('token_revoked', by, token_id))))
        throw new ProblemError('not_found', `there is no token ${token_id} to revoke`)
      changed({ id: actorOf(token_id) })
    },

    async signIn(link, from) {
      const session = secret()
      const row = {
        session_id: newId(),
        secret_sha256: digest(session),
        created_at: inMs(0),
        seen_at: inMs(0),
        expires_at: inMs(SESSION_MS),
      }
      const user = await store.takeLink(digest(link), row, {
        at: inMs(0),
        act: 'signed_in',
        about: null,
        detail: from,
      })
      const signedIn = user === null ? null : await people.bySession(session)
      if (signedIn === null) {
        await journal.add(act('sign_in_refused', null, null, from))
        throw new ProblemError('link_invalid', 'ask for another: a link is good for one sign-in')
      }
      return signedIn
    },

    async signOut({ session_id, asker }) {
      // Of one's own session, which may have ended by itself.
      const done = { ...act('signed_out', asker, session_id), authority: null }
      await ended({ session_id }, done)
    },

    async sessions(user, asking) {
      const rows = await store.sessions(user, inMs(0), idleSince())
      return rows.map((row) => resourceOf(row, asking))
    },

    async endSession(session_id, user, by) {
      const rows = await store.sessions(user, inMs(0), idleSince())
      const found = rows.find((row) => row.session_id === session_id)
      const done = act('session_ended', by, session_id, found ? `of ${found.user}` : null)
      if (found === undefined || (await ended({ session_id }, done)) === 0)
        throw new ProblemError('not_found', `there is no session ${session_id}`)
    },

    async endSessions(user, by) {
      return await ended({ user }, act('session_ended', by, user, 'all'))
    },

    async bySession(session) {
      const row = await store.sessionOf(digest(session), inMs(0), idleSince())
      if (row === null) return null
      const { session_id, user, role } = row
      return {
        asker: { actor: `user:${user}`, role, owner: user, authority: { session_id, role } },
        session_id,
        session,
        pageSecret: pageSecretOf(session),
        seen_at: row.seen_at,
        expires_at: row.expires_at,
      }
    },

    async see({ session_id, seen_at }) {
      // A full disk keeps nobody from reading.
      if (seen_at <= inMs(-SEEN_MS)) await store.seeSession(session_id, inMs(0)).catch(failed)
    },

    async byToken(token) {
      const row = await store.tokenOf(digest(token), inMs(0))
      if (row === null) return null
      const { token_id, role, owner } = row
      return { actor: actorOf(token_id), role, owner, authority: { token_id, role } }
    },

    async until(secret) {
      if ('token' in secret) {
        const token = await store.tokenOf(digest(secret.token), inMs(0))
        return token && new Date(token.expires_at ?? FOR_EVER)
      }
      const session = await people.bySession(secret.session)
      if (session === null) return null
      const idleAt = new Date(session.seen_at).getTime() + IDLE_MS
      return new Date(Math.min(new Date(session.expires_at).getTime(), idleAt))
    },
  }
  return people
}

async function unlessDisabled(name: string | null, made: Promise<void>): Promise<void> {
  try {
    await made
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'conflict')) throw error
    throw new ProblemError('forbidden', `${name} is disabled`)
  }
}

function whoOf(by: By | null): { actor: string | null; authority: Authority | null } {
  if (by === null || typeof by === 'string') return { actor: by, authority: null }
  return { actor: by.actor, authority: by.authority }
}

const actorOf = (token_id: string) => `token:${token_id}`

/** May `role` do something that `than` may not? */
function isBeyond(role: Role, than: Role): boolean {
  return keysOf(ROLE[role]).some((permission) => ROLE[role][permission] && !ROLE[than][permission])
}

function withoutSecret(row: Token): TokenResource {
  const { token_id, role, owner, created_at, expires_at, revoked_at } = row
  return { token_id, role, owner, created_at, expires_at, revoked_at }
}

function resourceOf(row: Session, asking: SignedIn | null): SessionResource {
  const { session_id, user, created_at, seen_at, expires_at } = row
  const current = session_id === asking?.session_id
  return { session_id, user, created_at, seen_at, expires_at, current }
}

// The secrets have 256 bits of their own: a plain digest is enough, and there is nothing to guess.
function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

// Follows from the session's secret and does not lead back to it: a page that leaks it has not leaked the session.
function pageSecretOf(session: string): string {
  return createHmac('sha256', session).update('runseal page secret').digest('base64url')
}
