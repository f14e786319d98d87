import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import * as z from 'zod/mini'
import type { EndpointName } from '#contract/api.ts'
import { parse } from '#contract/parse.ts'
import { Id } from '#contract/scalar.ts'
import type { Asker } from '#server/identity/asker.ts'
import type { SignedIn } from '#server/identity/people.ts'
import { ProblemError } from '#server/problem.ts'
import { jsonBody } from './body.ts'
import type { Client } from './client.ts'

/** What a request brings along. Without a port (`app.request`) there is no `outgoing`. */
export type Environment = {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    client: Client
    asker: Asker | null
    session: SignedIn | null
    /** Judges again who asks. A body comes in its own time, and what somebody may is what they may when it is there. */
    judge: () => Promise<void>
    /** What a page of an allowed origin needs to read the answer; empty for everybody else. */
    cors: Readonly<Record<string, string>>
  }
}

/** Id of the session or token that asks; null where nobody is signed in. */
export function askedBy({ asker, session }: Environment['Variables']): string | null {
  return asker !== null && asker === session?.asker ? session.session_id : (asker?.actor ?? null)
}

/** One request to a row of the endpoint table. */
export type Call<Body> = {
  /** null: nobody is signed in. */
  asker: Asker | null
  /** Who asks for a change; the router has refused everybody else. */
  person: () => Asker
  /** Part of the path; one that can be no id is `not_found`. */
  id: (name: string) => string
  body: () => Promise<Body>
  context: Context<Environment>
}

/** Answers a request with the row's status, unless the handler makes the whole response. */
export type Route = (context: Context<Environment>) => Promise<Response>
export type Routes = Readonly<Record<EndpointName, Route>>

type Row<Body, Answer> = {
  status: number
  body?: z.ZodMiniType<Body>
  answer: z.ZodMiniType<Answer> | string
}

/** The route of one row: the types of body and answer are the row's. */
export function route<Answer, Body>(
  row: Row<Body, Answer>,
  handle: (call: Call<Body>) => Promise<Answer | Response>,
): Route {
  return async (context) => {
    const answer = await handle({
      asker: context.var.asker,
      person() {
        if (context.var.asker === null) throw new ProblemError('unauthenticated', 'nobody asks')
        return context.var.asker
      },
      id(name) {
        const id = context.req.param(name) ?? ''
        if (!parse(Id, id).ok) throw new ProblemError('not_found', `${name}: is no id`)
        return id
      },
      async body() {
        if (row.body === undefined) throw new TypeError('this endpoint has no body')
        const json = await jsonBody(context.req.raw)
        await context.var.judge()
        return fits(row.body, json, 'body')
      },
      context,
    })
    return answer instanceof Response ? answer : Response.json(answer, { status: row.status })
  }
}

/** The query of a request, by the row's own schemas. */
export function queryOf<Shape extends z.core.$ZodShape>(
  row: { query: Shape },
  call: Call<unknown>,
) {
  const given = Object.entries(call.context.req.queries())
  const twice = given.find(([, values]) => values.length > 1)
  if (twice) throw new ProblemError('bad_request', `query/${twice[0]}: is given twice`)
  const values = Object.fromEntries(given.map(([name, [value]]) => [name, value]))
  return fits(z.object(row.query), values, 'query')
}

function fits<T>(schema: z.ZodMiniType<T>, value: unknown, where: string): T {
  const parsed = parse(schema, value)
  if (parsed.ok) return parsed.value
  throw new ProblemError('bad_request', `${where}${parsed.error.at}: ${parsed.error.message}`)
}
