import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { ENDPOINT } from '#contract/api.ts'
import { STREAM_HEADERS, type Opener } from '#server/events/sse.ts'
import type { People } from '#server/identity/people.ts'
import { bearerOf } from './bearer.ts'
import type { Companion } from './companion.ts'
import { SECURITY_HEADERS } from './headers.ts'
import { askedBy, queryOf, route, type Environment } from './route.ts'

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
      opener: openerOf(people, vars, req.raw.headers),
    })
    return RESPONSE_ALREADY_SENT
  }),
})

// A function of its own, so that what an open stream holds on to is a secret and not the whole request.
function openerOf(people: People, vars: Environment['Variables'], headers: Headers): Opener | null {
  const id = askedBy(vars)
  if (id === null) return null
  const { asker, session } = vars
  const user = asker?.owner ?? null
  const secret =
    session !== null && session.session_id === id
      ? { session: session.session }
      : { token: bearerOf(headers) }
  return { id, user, until: () => people.until(secret) }
}
