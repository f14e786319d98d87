import { ProblemError } from '#server/problem.ts'

export const MAX_BODY_BYTES = 1024 * 1024
const MAX_DEPTH = 16

/** The JSON of a request's body; nothing at all counts as `{}`, so that `curl -X POST` needs no body to abort a run. */
export async function jsonBody(request: Request): Promise<unknown> {
  const text = await request.text()
  if (text === '') return {}
  // Attacker: a form or a beacon of another site may send text/plain without asking first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get('content-type') ?? ''))
    throw new ProblemError('unsupported_media_type', 'the body is to be application/json')
  if (depthOf(text) > MAX_DEPTH)
    throw new ProblemError('bad_request', `the body nests deeper than ${MAX_DEPTH}`)
  try {
    return JSON.parse(text)
  } catch {
    throw new ProblemError('bad_request', 'the body is not JSON')
  }
}

/** Deepest nesting of brackets outside of strings, in one pass: it runs before anything says the text is JSON. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    if (inString && char === '\\') at += 1
    else if (char === '"') inString = !inString
    else if (inString) continue
    else if (char === '[' || char === '{') deepest = Math.max(deepest, (depth += 1))
    else if (char === ']' || char === '}') depth -= 1
  }
  return deepest
}
