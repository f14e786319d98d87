import { deleteCookie, setCookie } from 'hono/cookie'
import { ENDPOINT, type Session } from '#contract/api.ts'
import type { SignedIn } from '#server/identity/people.ts'
import type { Companion } from './companion.ts'
import { route } from './route.ts'

export const sessionRoutes = ({ people, cookieName }: Companion) => ({
  session: route(ENDPOINT.session, async ({ asker, context }) => {
    const { session, cors } = context.var
    if (session === null || session.asker !== asker) {
      const { actor, role } = asker ?? { actor: null, role: null }
      return { actor, role, secret: null, expires_at: null }
    }
    // A page elsewhere that may read is still none that may change.
    const isOurs = !('access-control-allow-origin' in cors)
    return isOurs ? answerOf(session) : { ...answerOf(session), secret: null }
  }),

  signIn: route(ENDPOINT.signIn, async ({ body, context }) => {
    const { token } = await body()
    const { address, https } = context.var.client
    const signedIn = await people.signIn(token, address)
    setCookie(context, cookieName(), signedIn.session, {
      ...COOKIE,
      secure: https,
      expires: new Date(signedIn.expires_at),
    })
    return context.json(answerOf(signedIn), ENDPOINT.signIn.status)
  }),

  signOut: route(ENDPOINT.signOut, async ({ context }) => {
    if (context.var.session !== null) await people.signOut(context.var.session)
    deleteCookie(context, cookieName(), COOKIE)
    return context.body(null, ENDPOINT.signOut.status)
  }),
})

const COOKIE = { httpOnly: true, sameSite: 'Strict', path: '/' } as const

const answerOf = ({ asker, pageSecret, expires_at }: SignedIn): Session => ({
  actor: asker.actor,
  role: asker.role,
  secret: pageSecret,
  expires_at,
})
