import { Envelope } from '#contract/envelope.ts'
import * as z from 'zod/mini'

/**
 * Where in a file that is refused something stands, as far as it is a place that a record has: other names are words of
 * whoever wrote the file, and none of those is drawn.
 */
export function placeInRecord(path: string): string {
  const steps = path.split('/')
  const odd = steps.findIndex((step) => !/^\d{0,9}$/.test(step) && !NAMES.has(step))
  return (odd === -1 ? steps : steps.slice(0, odd)).join('/')
}

const NAMES: ReadonlySet<string> = new Set(namesIn(Envelope))

function* namesIn(schema: z.core.$ZodType): Generator<string> {
  if (schema instanceof z.core.$ZodOptional || schema instanceof z.core.$ZodNullable)
    yield* namesIn(schema._zod.def.innerType)
  if (schema instanceof z.core.$ZodArray) yield* namesIn(schema._zod.def.element)
  if (schema instanceof z.core.$ZodRecord) yield* namesIn(schema._zod.def.valueType)
  if (schema instanceof z.core.$ZodUnion)
    for (const option of schema._zod.def.options) yield* namesIn(option)
  if (schema instanceof z.core.$ZodObject)
    for (const [name, member] of Object.entries(schema._zod.def.shape)) {
      yield name
      yield* namesIn(member)
    }
}
