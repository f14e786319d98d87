import { ENDPOINT } from '#contract/api.ts'
import type { Asker } from '#server/identity/asker.ts'
import { ProblemError } from '#server/problem.ts'
import type { Companion } from './companion.ts'
import { pageOf } from './page.ts'
import { queryOf, route } from './route.ts'

const DAY_MS = 24 * 60 * 60_000

export const peopleRoutes = ({ people, storage, now }: Companion) => ({
  listUsers: route(ENDPOINT.listUsers, async () => ({
    items: await people.users(),
    next_cursor: null,
  })),

  addUser: route(ENDPOINT.addUser, async ({ body, person }) => {
    const { name, role } = await body()
    return await people.addUser(name, role, person())
  }),

  changeUser: route(
    ENDPOINT.changeUser,
    async ({ id, body, person }) => await people.changeUser(id('name'), await body(), person()),
  ),

  makeLink: route(
    ENDPOINT.makeLink,
    async ({ id, person }) => await people.makeLink(id('name'), person()),
  ),

  listTokens: route(ENDPOINT.listTokens, async () => ({
    items: await people.tokens(),
    next_cursor: null,
  })),

  makeToken: route(ENDPOINT.makeToken, async ({ body, person }) => {
    const { role, user = null, expires_days } = await body()
    const expires_at =
      expires_days === undefined
        ? null
        : new Date(now().getTime() + expires_days * DAY_MS).toISOString()
    return await people.makeToken({ role, owner: user, expires_at }, person())
  }),

  revokeToken: route(ENDPOINT.revokeToken, async ({ id, person, context }) => {
    await people.revokeToken(id('token_id'), person())
    return context.body(null, ENDPOINT.revokeToken.status)
  }),

  listSessions: route(ENDPOINT.listSessions, async (call) => {
    const { user } = queryOf(ENDPOINT.listSessions, call)
    const { role, owner } = call.person()
    if (role !== 'admin' && user !== undefined && user !== owner)
      throw new ProblemError('forbidden', 'only an admin sees the sessions of others')
    const whose = role === 'admin' ? (user ?? null) : owner
    const nobodys = role !== 'admin' && owner === null
    const items = nobodys ? [] : await people.sessions(whose, call.context.var.session)
    return { items, next_cursor: null }
  }),

  endSession: route(ENDPOINT.endSession, async ({ id, person, context }) => {
    const { role, owner } = person()
    refuseToken(person())
    await people.endSession(id('session_id'), role === 'admin' ? null : owner, person())
    return context.body(null, ENDPOINT.endSession.status)
  }),

  endSessions: route(ENDPOINT.endSessions, async (call) => {
    const { user } = queryOf(ENDPOINT.endSessions, call)
    const { role, owner } = call.person()
    refuseToken(call.person())
    if (role !== 'admin' && user !== undefined && user !== owner)
      throw new ProblemError('forbidden', 'only an admin ends the sessions of others')
    const whose = user ?? owner
    if (whose === null) throw new ProblemError('bad_request', 'query/user: name a person')
    return { ended: await people.endSessions(whose, call.person()) }
  }),

  journal: route(
    ENDPOINT.journal,
    async (call) => await storage.journal.list(pageOf(queryOf(ENDPOINT.journal, call))),
  ),
})

// A token may do what its role says, and no role but admin says that its person be thrown out.
function refuseToken({ actor, role }: Asker): void {
  if (role !== 'admin' && actor.startsWith('token:'))
    throw new ProblemError('forbidden', 'a token ends no session')
}
