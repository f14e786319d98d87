import { LIMITS } from '#contract/envelope.ts'
import { ProblemError } from '#server/problem.ts'
import { JsonFault, strictJson } from '#contract/strict-json.ts'

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
  try {
    const value = strictJson(text, MAX_DEPTH)
    refuseOddText(value)
    return value
  } catch (cause) {
    if (cause instanceof JsonFault)
      throw new ProblemError('bad_request', `the body ${cause.message}`)
    throw cause
  }
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

// What no record could hold is refused before anything is done by it.
function refuseOddText(value: unknown): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed())
      throw new ProblemError('bad_request', 'the body has half of a surrogate pair')
    if (Buffer.byteLength(value) > LIMITS.textBytes)
      throw new ProblemError('too_large', `a text is at most ${LIMITS.textBytes} bytes`)
  } else if (typeof value === 'object' && value !== null)
    for (const [key, member] of Object.entries(value)) {
      refuseOddText(key)
      refuseOddText(member)
    }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new ProblemError('bad_request', 'the body is not UTF-8')
  }
}
