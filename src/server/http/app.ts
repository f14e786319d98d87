import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { getCookie } from 'hono/cookie'
import { ENDPOINT } from '#contract/api.ts'
import { keysOf } from '#contract/status.ts'
import { may } from '#server/identity/asker.ts'
import type { People } from '#server/identity/people.ts'
import { ProblemError } from '#server/problem.ts'
import { MAX_BODY_BYTES } from './body.ts'
import {
  checkCookieChange,
  checkHost,
  checkPageSecret,
  checkReader,
  type OwnOrigins,
} from './guard.ts'
import { secured } from './headers.ts'
import { problemResponse } from './problems.ts'
import type { Environment, Routes } from './route.ts'
import type { ViewerFiles } from './viewer-files.ts'

export type AppOptions = {
  routes: Routes
  people: People
  viewer: ViewerFiles
  own: OwnOrigins
  cookieName: () => string
  requestId: () => string
  /** A line about a failure of the server's own. */
  log: (line: string) => void
  /** A line of JSON for each request. */
  logRequest?: (line: string) => void
}

/** The whole of HTTP but the listening: `Request` in, `Response` out. Only rows of ENDPOINT and the viewer are served. */
export function createApp(options: AppOptions): Hono<Environment> {
  const { routes, people, viewer, own, cookieName, requestId, log, logRequest } = options
  const app = new Hono<Environment>()

  app.use(async (context, next) => {
    context.set('requestId', requestId())
    context.set('asker', null)
    context.set('session', null)
    const startedAt = performance.now()
    await next()
    const { method, path } = context.req
    const { status } = context.res
    const ms = Math.round(performance.now() - startedAt)
    logRequest?.(JSON.stringify({ request_id: context.var.requestId, method, path, status, ms }))
    if (context.res === RESPONSE_ALREADY_SENT) return
    secured(context.res).headers.set('request-id', context.var.requestId)
  })
  app.use(async (context, next) => {
    checkHost(context.req.raw.headers, own)
    await next()
  })
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError() {
        throw new ProblemError('too_large', `a body is at most ${MAX_BODY_BYTES} bytes`)
      },
    }),
  )

  for (const name of keysOf(ENDPOINT)) {
    const row = ENDPOINT[name]
    app.on(row.method, honoPath(row.path), async (context) => {
      checkReader(context.req.raw.headers, own)
      await identify(context, name === 'signIn')
      const { asker } = context.var
      if (row.access !== 'anyone' && row.access !== 'read') {
        if (asker === null)
          throw new ProblemError('unauthenticated', 'open a sign-in link or send a bearer token')
        if (!may(asker, row.access))
          throw new ProblemError('forbidden', `a ${asker.role} may not ${row.access}`)
      }
      return await routes[name](context)
    })
  }
  for (const path of new Set(keysOf(ENDPOINT).map((name) => ENDPOINT[name].path)))
    app.all(honoPath(path), (context) => {
      throw new ProblemError('method_not_allowed', `${context.req.method} is not for ${path}`)
    })

  app.get('*', (context) => {
    const file = viewer(context.req.path)
    if (file === null) throw new ProblemError('not_found', 'nothing is served by this name')
    return file
  })
  app.notFound(() => {
    throw new ProblemError('not_found', 'nothing is served by this name')
  })
  app.onError((error, context) => problemResponse(error, context.var.requestId, log))
  return app

  async function identify(context: Context<Environment>, signingIn: boolean): Promise<void> {
    const { headers, method } = context.req.raw
    const changing = method !== 'GET' && method !== 'HEAD'
    const cookie = getCookie(context, cookieName())
    if (cookie !== undefined) {
      if (changing) checkCookieChange(headers, own)
      context.set('session', await people.bySession(cookie))
    }
    const authorization = headers.get('authorization')
    if (authorization !== null) {
      const [, token = ''] = /^Bearer ([\w.~+/=-]{1,256})$/i.exec(authorization) ?? []
      const asker = await people.byToken(token)
      if (asker === null) throw new ProblemError('unauthenticated', 'the bearer token is unknown')
      context.set('asker', asker)
      return
    }
    const { session } = context.var
    if (session === null) return
    // Whoever signs in anew has no page secret of the old session to show.
    if (changing && !signingIn) checkPageSecret(headers, session)
    context.set('asker', session.asker)
  }
}

const honoPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ':$1')
