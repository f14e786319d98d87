import { ProblemError } from '#server/problem.ts'

const MAX_BODY_BYTES = 1024 * 1024
const MAX_DEPTH = 16

/** The JSON of a request's body; nothing at all counts as `{}`, so that `curl -X POST` needs no body to abort a run. */
export async function jsonBody(request: Request): Promise<unknown> {
  const bytes = await bytesOf(request)
  if (bytes.byteLength === 0) return {}
  // Attacker: a form or a beacon of another site may send text/plain without asking first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new ProblemError('unsupported_media_type', 'the body is to be application/json')
  const text = textOf(bytes)
  const { depth, members } = shapeOf(text)
  if (depth > MAX_DEPTH)
    throw new ProblemError('bad_request', `the body nests deeper than ${MAX_DEPTH}`)
  const value = valueOf(text)
  // Attacker: two members of one name, of which whoever looked before us took the other one.
  if (membersIn(value) !== members)
    throw new ProblemError('bad_request', 'the body has a member twice')
  return value
}

// Counted as they come: a body in chunks says nothing of its length before.
async function bytesOf(request: Request): Promise<Uint8Array> {
  const tooLarge = new ProblemError('too_large', `a body is at most ${MAX_BODY_BYTES} bytes`)
  if (Number(request.headers.get('content-length') ?? 0) > MAX_BODY_BYTES) throw tooLarge
  const chunks: Uint8Array[] = []
  let length = 0
  const body: AsyncIterable<Uint8Array> | null = request.body
  for await (const chunk of body ?? []) {
    length += chunk.byteLength
    if (length > MAX_BODY_BYTES) throw tooLarge
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new ProblemError('bad_request', 'the body is not UTF-8')
  }
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProblemError('bad_request', 'the body is not JSON')
  }
}

/**
 * Deepest nesting of brackets and number of colons outside of strings, in one pass: it runs before anything says the
 * text is JSON. Where it is, each member has one colon.
 */
function shapeOf(text: string): { depth: number; members: number } {
  let depth = 0
  let deepest = 0
  let members = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (inString && char === '\\') at += 1
    else if (char === '"') inString = !inString
    else if (inString) continue
    else if (char === ':') members += 1
    else if (char === '[' || char === '{') deepest = Math.max(deepest, (depth += 1))
    else if (char === ']' || char === '}') depth -= 1
  }
  return { depth: deepest, members }
}

/** Members of all objects, of a value that is no deeper than MAX_DEPTH. */
function membersIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  if (Object.hasOwn(value, '__proto__'))
    throw new ProblemError('bad_request', 'the body has a member __proto__')
  const inside = Object.values(value).reduce<number>((sum, one) => sum + membersIn(one), 0)
  return inside + (Array.isArray(value) ? 0 : Object.keys(value).length)
}
