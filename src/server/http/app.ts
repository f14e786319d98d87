import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context, type Next } from 'hono'
import { getCookie } from 'hono/cookie'
import { ENDPOINT } from '#contract/api.ts'
import { keysOf } from '#contract/status.ts'
import { may, type Asker } from '#server/identity/asker.ts'
import type { People } from '#server/identity/people.ts'
import { ProblemError } from '#server/problem.ts'
import { bearerOf } from './bearer.ts'
import { clientOf, networkOf, type TrustedProxies } from './client.ts'
import { corsOf, preflight } from './cors.ts'
import {
  checkCookieChange,
  checkHeaderCount,
  checkHost,
  checkPageSecret,
  checkReader,
  checkSecure,
  type OwnOrigins,
} from './guard.ts'
import { hstsOf, secured } from './headers.ts'
import { loggedPath } from './logged-path.ts'
import { problemResponse } from './problems.ts'
import { createRateLimit, type Rate } from './rate-limit.ts'
import type { Environment, Routes } from './route.ts'
import type { ViewerFiles } from './viewer-files.ts'

export type AppOptions = {
  routes: Routes
  people: People
  viewer: ViewerFiles
  own: OwnOrigins
  access: Access
  cookieName: () => string
  requestId: () => string
  /** A line about a failure of the server's own. */
  log: (line: string) => void
  /** Told of each request, with nothing in it that would let anybody in. */
  logRequest?: (entry: RequestLogEntry) => void
}

/** Who may come how. */
export type Access = {
  /** Reading needs a sign-in too. */
  signInToRead: boolean
  /** Origins elsewhere whose pages may read, and never change. */
  allowOrigins: readonly string[]
  trustedProxies: TrustedProxies
  /** Sign-ins by the client's address, changes by whoever makes them. */
  rates: { signIn: Rate; change: Rate }
}

export const DEFAULT_ACCESS: Access = {
  signInToRead: false,
  allowOrigins: [],
  trustedProxies: new Set(),
  rates: { signIn: { burst: 20, perSecond: 0.2 }, change: { burst: 240, perSecond: 20 } },
}

export type RequestLogEntry = {
  request_id: string
  /** null, and so the path, where what came was no request, or made no URL. */
  method: string | null
  path: string | null
  status: number
  ms: number
  actor: string | null
  address: string
}

/** The whole of HTTP but the listening: `Request` in, `Response` out. Only rows of ENDPOINT and the viewer are served. */
export function createApp(options: AppOptions): Hono<Environment> {
  const { routes, people, viewer, own, access, cookieName, requestId, log, logRequest } = options
  const limitSignIn = createRateLimit(access.rates.signIn)
  const limitChange = createRateLimit(access.rates.change)
  const app = new Hono<Environment>()

  app.use(async (context, next) => {
    const { headers } = context.req.raw
    const client = clientOf(context.env.incoming, headers, access.trustedProxies)
    context.set('requestId', requestId())
    context.set('client', client)
    context.set('asker', null)
    context.set('session', null)
    context.set('cors', corsOf(headers, access.allowOrigins))
    const startedAt = performance.now()
    await next()
    const entry = logRequest && entryOf(context, performance.now() - startedAt)
    if (entry) logRequest(entry)
    if (context.res === RESPONSE_ALREADY_SENT) return
    const { cors } = context.var
    const answer = secured(context.res, { ...cors, ...hstsOf(client, own()) })
    answer.headers.set('request-id', context.var.requestId)
  })
  app.use(async (context, next) => {
    checkHost(context.var.client, own)
    checkSecure(context.var.client)
    checkHeaderCount(context.env.incoming?.rawHeaders ?? [])
    await next()
  })

  for (const name of keysOf(ENDPOINT)) {
    const row = ENDPOINT[name]
    const isOpen = row.access === 'anyone' || (row.access === 'read' && !access.signInToRead)
    const enter = async (context: Context<Environment>, next: Next) => {
      const { headers } = context.req.raw
      const changing = row.method !== 'GET'
      checkReader(headers, changing ? own() : [...own(), ...access.allowOrigins])
      if (name === 'signIn') limitSignIn(networkOf(context.var.client.address), performance.now())
      const judge = async () => {
        await identify(context, name === 'signIn')
        if (!isOpen) refuseStranger(context.var.asker, row.access)
      }
      context.set('judge', judge)
      await judge()
      const { asker } = context.var
      if (changing && asker !== null) limitChange(asker.actor, performance.now())
      await next()
    }
    app.on(row.method, honoPath(row.path), enter, (context) => routes[name](context))
  }
  for (const path of new Set(keysOf(ENDPOINT).map((name) => ENDPOINT[name].path)))
    app.all(honoPath(path), (context) => {
      const answer = preflight(context)
      if (answer !== null) return answer
      throw new ProblemError('method_not_allowed', `${context.req.method} is not for ${path}`)
    })

  app.get('*', (context) => {
    const { path } = context.req
    const file = viewer(path) ?? (isOpenedByPerson(context.req.raw) ? notThere(viewer('/')) : null)
    if (file === null) throw new ProblemError('not_found', 'nothing is served by this name')
    return file
  })
  app.notFound(() => {
    throw new ProblemError('not_found', 'nothing is served by this name')
  })
  app.onError((error, context) => {
    // Whoever went away in the middle of a body: that is no failure of the server's, and nobody reads the answer.
    const isGone = error === context.env.incoming?.errored
    const what = isGone ? new ProblemError('bad_request', 'the body ended too early') : error
    return problemResponse(what, context.var.requestId, log)
  })
  return app

  async function identify(context: Context<Environment>, signingIn: boolean): Promise<void> {
    const { headers, method } = context.req.raw
    const changing = method !== 'GET' && method !== 'HEAD'
    const cookie = getCookie(context, cookieName())
    context.set('asker', null)
    if (cookie !== undefined) {
      if (changing) checkCookieChange(headers, own)
      context.set('session', await people.bySession(cookie))
    }
    if (headers.has('authorization')) {
      const asker = await people.byToken(bearerOf(headers))
      if (asker === null)
        throw new ProblemError('unauthenticated', 'the bearer token is unknown, expired or revoked')
      context.set('asker', asker)
      return
    }
    const { session } = context.var
    if (session === null) return
    // Whoever signs in anew has no page secret of the old session to show.
    if (changing && !signingIn) checkPageSecret(headers, session)
    context.set('asker', session.asker)
    await people.see(session)
  }
}

// What a program asks for has names of its own; and who reads JSON is no person at an address bar.
function isOpenedByPerson({ headers, url }: Request): boolean {
  const { pathname } = new URL(url)
  return !/^\/(api|assets)\//.test(pathname) && /\btext\/html\b/.test(headers.get('accept') ?? '')
}

/** The viewer says that nothing is there, and where to go on. */
function notThere(page: Response | null): Response | null {
  return page?.ok === true ? new Response(page.body, { status: 404, headers: page.headers }) : page
}

type RowAccess = (typeof ENDPOINT)[keyof typeof ENDPOINT]['access']

function refuseStranger(asker: Asker | null, access: RowAccess): void {
  if (asker === null)
    throw new ProblemError('unauthenticated', 'open a sign-in link or send a bearer token')
  if (access !== 'anyone' && access !== 'signed_in' && !may(asker, access))
    throw new ProblemError('forbidden', `a ${asker.role} may not ${access}`)
}

function entryOf(context: Context<Environment>, ms: number): RequestLogEntry {
  const { requestId, asker, client } = context.var
  return {
    request_id: requestId,
    method: context.req.method,
    path: loggedPath(new URL(context.req.url).pathname),
    status: context.res.status,
    ms: Math.round(ms),
    actor: asker?.actor ?? null,
    address: client.address,
  }
}

const honoPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1')
