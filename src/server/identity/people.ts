import { createHash, createHmac } from 'node:crypto'
import { parse } from '#contract/parse.ts'
import { Id } from '#contract/scalar.ts'
import type { Role } from '#contract/status.ts'
import { ProblemError } from '#server/problem.ts'
import { StorageError, type IdentityStore } from '#server/storage/storage.ts'
import type { Asker } from './asker.ts'

/** Users, their sessions, and tokens. Every secret is 32 random bytes, told once and kept as its digest only. */
export type People = {
  /** `bad_request` when the name is taken or is no name. */
  addUser(name: string, role: Role): Promise<void>
  /** The first start of a server needs somebody who may do everything. */
  ensureAdmin(): Promise<void>
  /** Secret of a one-time link for a user, valid for ten minutes. */
  makeLink(name: string): Promise<string>
  /** Secret of a token. `owner`: the user whom it belongs to, if any. */
  makeToken(role: Role, owner: string | null): Promise<string>
  /** `link_invalid` when the link is used, expired or unknown. */
  signIn(link: string): Promise<SignedIn>
  signOut(session: string): Promise<void>
  bySession(session: string): Promise<SignedIn | null>
  byToken(token: string): Promise<Asker | null>
}

export type SignedIn = {
  asker: Asker
  /** Secret of the session, for the cookie. */
  session: string
  /** What the page sends back with every change: a cookie alone changes nothing. */
  pageSecret: string
  expires_at: string
}

export const ADMIN = 'admin'
const LINK_MS = 10 * 60_000
const SESSION_MS = 7 * 24 * 60 * 60_000

export function createPeople({
  store,
  now,
  randomBytes,
}: {
  store: IdentityStore
  now: () => Date
  randomBytes: (count: number) => Buffer
}): People {
  const secret = () => randomBytes(32).toString('base64url')
  const inMs = (ms: number) => new Date(now().getTime() + ms).toISOString()

  async function known(name: string): Promise<void> {
    if ((await store.user(name)) === null)
      throw new ProblemError('bad_request', `there is no user ${JSON.stringify(name)}`)
  }

  const people: People = {
    async addUser(name, role) {
      if (!parse(Id, name).ok)
        throw new ProblemError('bad_request', 'a user name is letters, digits, _, . and -')
      try {
        await store.addUser({ name, role, created_at: now().toISOString() })
      } catch (error) {
        if (error instanceof StorageError && error.code === 'conflict')
          throw new ProblemError('bad_request', `there is a user ${name} already`)
        throw error
      }
    },

    async ensureAdmin() {
      if ((await store.user(ADMIN)) === null) await people.addUser(ADMIN, 'admin')
    },

    async makeLink(name) {
      await known(name)
      const link = secret()
      await store.addLink({ secret_sha256: digest(link), user: name, expires_at: inMs(LINK_MS) })
      return link
    },

    async makeToken(role, owner) {
      if (owner !== null) await known(owner)
      const token = `runseal_${secret()}`
      await store.addToken({
        token_id: randomBytes(8).toString('hex'),
        secret_sha256: digest(token),
        role,
        owner,
        created_at: now().toISOString(),
      })
      return token
    },

    async signIn(link) {
      const user = await store.takeLink(digest(link), now().toISOString())
      const session = secret()
      if (user !== null)
        await store.addSession({
          secret_sha256: digest(session),
          user,
          created_at: now().toISOString(),
          expires_at: inMs(SESSION_MS),
        })
      const signedIn = user === null ? null : await people.bySession(session)
      if (signedIn === null)
        throw new ProblemError('link_invalid', 'ask for another: a link is good for one sign-in')
      return signedIn
    },

    async signOut(session) {
      await store.endSession(digest(session))
    },

    async bySession(session) {
      const row = await store.sessionOf(digest(session), now().toISOString())
      if (row === null) return null
      return {
        asker: { actor: `user:${row.user}`, role: row.role, owner: row.user },
        session,
        pageSecret: pageSecretOf(session),
        expires_at: row.expires_at,
      }
    },

    async byToken(token) {
      const row = await store.tokenOf(digest(token))
      return row && { actor: `token:${row.token_id}`, role: row.role, owner: row.owner }
    },
  }
  return people
}

// The secrets have 256 bits of their own: a plain digest is enough, and there is nothing to guess.
function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

// Follows from the session's secret and does not lead back to it: a page that leaks it has not leaked the session.
function pageSecretOf(session: string): string {
  return createHmac('sha256', session).update('runseal page secret').digest('base64url')
}
