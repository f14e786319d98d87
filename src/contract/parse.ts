import * as z from 'zod/mini'

/** What parsing at an edge answers: the typed value, or where it went wrong. Never throws. */
export type Parsed<T> = { ok: true; value: T } | { ok: false; error: ContractFault }

/** `at` is a JSON pointer into the value, '' for the whole of it. */
export type ContractFault = { at: string; message: string }

/** Does `value` fit `schema`, and if not, where not? */
export function parse<T>(schema: z.ZodMiniType<T>, value: unknown): Parsed<T> {
  try {
    const result = schema.safeParse(value)
    if (result.success) return { ok: true, value: result.data }
    const [first] = deepest(result.error.issues)
    return { ok: false, error: first ?? { at: '', message: 'does not fit' } }
  } catch (fault) {
    // Attacker: a list of which no element fits. zod finds a fault in each and hands all of them on in one call, which
    // takes no more than so many arguments.
    if (!(fault instanceof RangeError)) throw fault
    return {
      ok: false,
      error: { at: '', message: 'has more that does not fit than can be listed' },
    }
  }
}

/**
 * The same, and the first fault ends it: nothing is found in a list or an object before what stands in it fits. For what
 * anybody may have written: of 20 MB that do not fit, the faults of all would take more memory than a process has.
 */
export function parseToFirstFault<T>(schema: z.ZodMiniType<T>, value: unknown): Parsed<T> {
  const error = faultWithin(schema, value, [])
  return error === null ? parse(schema, value) : { ok: false, error }
}

function faultWithin(
  schema: z.core.$ZodType,
  value: unknown,
  path: readonly PropertyKey[],
): ContractFault | null {
  if (schema instanceof z.core.$ZodOptional)
    return value === undefined ? null : faultWithin(schema._zod.def.innerType, value, path)
  if (schema instanceof z.core.$ZodNullable)
    return value === null ? null : faultWithin(schema._zod.def.innerType, value, path)
  if (schema instanceof z.core.$ZodArray && Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      const fault = faultWithin(schema._zod.def.element, element, [...path, index])
      if (fault !== null) return fault
    }
    return null
  }
  if (schema instanceof z.core.$ZodObject && isObject(value)) {
    const { shape } = schema._zod.def
    for (const [key, member] of Object.entries(shape)) {
      const fault = faultWithin(member, value[key], [...path, key])
      if (fault !== null) return fault
    }
    return Object.keys(value).every((key) => Object.hasOwn(shape, key))
      ? null
      : faultOf(schema, value, path)
  }
  if (schema instanceof z.core.$ZodRecord && isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const fault = faultWithin(schema._zod.def.valueType, member, [...path, key])
      if (fault !== null) return fault
    }
    return null
  }
  return faultOf(schema, value, path)
}

function faultOf(
  schema: z.core.$ZodType,
  value: unknown,
  path: readonly PropertyKey[],
): ContractFault | null {
  const { error } = z.safeParse(schema, value)
  return error === undefined ? null : (deepest(error.issues, path)[0] ?? null)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses JSON text and then the value; a syntax error is a fault like any other. */
export function parseJson<T>(schema: z.ZodMiniType<T>, text: string): Parsed<T> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { ok: false, error: { at: '', message: 'is not JSON' } }
  }
  return parse(schema, value)
}

// A union reports one issue with the issues of every branch inside; the branch that got furthest is the one meant.
function deepest(
  issues: readonly z.core.$ZodIssue[],
  base: readonly PropertyKey[] = [],
): ContractFault[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path]
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const branches = issue.errors.map((branch) => deepest(branch, path))
      return branches.toSorted((a, b) => depth(b) - depth(a))[0] ?? []
    }
    return [{ at: pointer(path), message: shortened(issue.message) }]
  })
}

/** A fault may name each of a million members that are too many. */
const shortened = (message: string): string =>
  message.length > MOST_OF_A_MESSAGE ? `${message.slice(0, MOST_OF_A_MESSAGE)}…` : message
const MOST_OF_A_MESSAGE = 300

const depth = (faults: readonly ContractFault[]): number =>
  Math.max(0, ...faults.map((fault) => fault.at.split('/').length))

/** RFC 6901. */
export function pointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
