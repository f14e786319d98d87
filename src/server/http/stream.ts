import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { ENDPOINT } from '#contract/api.ts'
import { STREAM_HEADERS } from '#server/events/sse.ts'
import type { Companion } from './companion.ts'
import { SECURITY_HEADERS } from './headers.ts'
import { bearerOf } from './bearer.ts'
import { openerOf, queryOf, route } from './route.ts'

export const streamRoutes = ({ streams, people }: Companion) => ({
  events: route(ENDPOINT.events, async (call) => {
    const { run_id } = queryOf(ENDPOINT.events, call)
    const { req, env, var: vars } = call.context
    if (req.method === 'HEAD') return new Response(null, { headers: STREAM_HEADERS })
    const { outgoing } = env
    if (outgoing === undefined) throw new TypeError('the stream needs the raw response')
    streams.open(outgoing, {
      runId: run_id ?? null,
      lastEventId: req.header('last-event-id') ?? null,
      headers: {
        ...SECURITY_HEADERS,
        ...vars.cors,
        ...STREAM_HEADERS,
        'request-id': vars.requestId,
      },
      opener: openerOf(vars),
      async mayStay() {
        const { asker, session } = vars
        if (asker === null) return true
        return asker === session?.asker
          ? (await people.bySession(session.session)) !== null
          : (await people.byToken(bearerOf(req.raw.headers))) !== null
      },
    })
    return RESPONSE_ALREADY_SENT
  }),
})
