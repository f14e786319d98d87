import * as z from 'zod/mini'

/** A JSON Schema, as far as a page shows it. */
const Schema = z.looseObject({})

const Media = z.record(z.string(), z.object({ schema: z.optional(Schema) }))

export const Operation = z.object({
  operationId: z.string(),
  summary: z.string(),
  /** Who may: `anyone`, `read`, or what a role has to allow. */
  'x-runseal-access': z.string(),
  parameters: z.array(
    z.object({
      name: z.string(),
      in: z.enum(['path', 'query', 'header', 'cookie']),
      required: z.boolean(),
      schema: Schema,
    }),
  ),
  requestBody: z.optional(z.object({ content: Media })),
  responses: z.record(
    z.string(),
    z.object({ description: z.string(), content: z.optional(Media) }),
  ),
})
export type Operation = z.infer<typeof Operation>

/** `GET /api/openapi.json`, which is made from `ENDPOINT`. */
export const OpenApiDocument = z.object({
  openapi: z.string(),
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), Operation)),
})
export type OpenApiDocument = z.infer<typeof OpenApiDocument>
