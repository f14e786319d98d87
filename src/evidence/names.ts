import { Envelope } from '#contract/envelope.ts'
import { pointer } from '#contract/parse.ts'
import * as z from 'zod/mini'

/**
 * Where in a file that is refused something stands, as far as a record has such a place: a number where it has a list, a
 * name where it has that member. All others are words of whoever wrote the file, and none of those is drawn.
 */
export function placeInRecord(path: readonly PropertyKey[]): string {
  let places: readonly z.core.$ZodType[] = [Envelope]
  const odd = path.findIndex((step) => {
    places = places.flatMap((place) => [...within(place, step)])
    return places.length === 0
  })
  return pointer(odd === -1 ? path : path.slice(0, odd))
}

function* within(schema: z.core.$ZodType, step: PropertyKey): Generator<z.core.$ZodType> {
  if (schema instanceof z.core.$ZodOptional || schema instanceof z.core.$ZodNullable)
    yield* within(schema._zod.def.innerType, step)
  if (schema instanceof z.core.$ZodUnion)
    for (const option of schema._zod.def.options) yield* within(option, step)
  if (schema instanceof z.core.$ZodArray && typeof step === 'number') yield schema._zod.def.element
  if (schema instanceof z.core.$ZodObject && typeof step === 'string') {
    const { shape } = schema._zod.def
    const member = Object.hasOwn(shape, step) ? shape[step] : undefined
    if (member !== undefined) yield member
  }
}
