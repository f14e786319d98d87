import type * as z from 'zod/mini'
import { toJSONSchema } from 'zod/v4/core'
import { ENDPOINT } from '#contract/api.ts'
import { Problem } from '#contract/problem.ts'
import { keysOf } from '#contract/status.ts'
import type { Companion } from './companion.ts'
import { route } from './route.ts'

/** OpenAPI 3.1 of every row of the endpoint table, by the schemas that parse it. */
export function openapiOf(version: string) {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const name of keysOf(ENDPOINT)) {
    const row = ENDPOINT[name]
    paths[row.path] = {
      ...paths[row.path],
      [row.method.toLowerCase()]: {
        operationId: name,
        summary: row.summary,
        'x-runseal-access': row.access,
        security: isOpen(row.access) ? [{}, ...SIGNED_IN] : SIGNED_IN,
        parameters: [...pathParameters(row.path), ...('query' in row ? queryOf(row.query) : [])],
        ...('body' in row && {
          requestBody: {
            required: !row.body.safeParse({}).success,
            content: { 'application/json': schemaOf(row.body) },
          },
        }),
        responses: {
          [row.status]: { description: row.summary, ...contentOf(row.answer) },
          default: {
            description: 'RFC 9457 problem details; `code` is stable',
            content: { 'application/problem+json': schemaOf(Problem) },
          },
        },
      },
    }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Runseal',
      version,
      description: 'The companion server of a run-monitoring viewer.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'runseal_PORT',
          description: 'A change also needs the exact Origin and the header Runseal-Secret.',
        },
      },
    },
  }
}

export const openapiRoutes = ({ about: { version } }: Companion) => ({
  openapi: route(ENDPOINT.openapi, async () => openapiOf(version)),
})

const SIGNED_IN = [{ bearer: [] }, { session: [] }]

const isOpen = (access: string) => access === 'anyone' || access === 'read'

function pathParameters(path: string) {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryOf(query: Readonly<Record<string, z.ZodMiniType>>) {
  return Object.entries(query).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    ...schemaOf(schema),
  }))
}

function contentOf(answer: z.ZodMiniType | string) {
  if (answer === 'none') return {}
  return typeof answer === 'string'
    ? { content: { [answer]: {} } }
    : { content: { 'application/json': schemaOf(answer) } }
}

function schemaOf(type: z.ZodMiniType) {
  const { $schema: _, ...schema } = toJSONSchema(type, { io: 'input', unrepresentable: 'any' })
  return { schema }
}
