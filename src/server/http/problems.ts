import { RequestError } from '@hono/node-server'
import { PROBLEM, type Problem } from '#contract/problem.ts'
import { diskFault } from '#server/disk-fault.ts'
import { ProblemError } from '#server/problem.ts'
import { StorageError } from '#server/storage/storage.ts'

/** RFC 9457. What went wrong inside is told to the log alone; the asker gets the id to find it by. */
export function problemResponse(error: unknown, requestId: string, log: (line: string) => void) {
  const known = asProblem(error)
  // What is answered of the disk is what a person can mend; the whole of it is in the log.
  if (known === null || known.code === 'store_failed')
    log(`request ${requestId}: ${stackOf(error)}`)
  const code = known?.code ?? 'internal'
  const { status, title } = PROBLEM[code]
  const problem: Problem = {
    type: `https://runseal.dev/problems/${code}`,
    title,
    status,
    code,
    detail: known?.detail ?? `the server's log says more about request ${requestId}`,
    request_id: requestId,
  }
  return new Response(JSON.stringify(problem), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(known?.retryAfterSeconds && { 'retry-after': String(known.retryAfterSeconds) }),
    },
  })
}

function asProblem(error: unknown): ProblemError | null {
  if (error instanceof ProblemError) return error
  // The one storage error that an asker causes.
  if (error instanceof StorageError && error.code === 'bad_cursor')
    return new ProblemError('bad_request', 'cursor: is not one that this server gave')
  if (error instanceof StorageError && error.code === 'outdated')
    return new ProblemError('unauthenticated', `${error.message}: nothing was changed`)
  if (error instanceof StorageError && error.code === 'lost')
    return new ProblemError('store_failed', 'the store is not there any more: the server stops')
  const disk =
    error instanceof StorageError && error.code === 'failed' ? diskFault(error.cause) : null
  if (disk !== null) return new ProblemError('store_failed', `${disk}: try again when it is mended`)
  // A Host or a target that makes no URL.
  if (error instanceof RequestError)
    return new ProblemError('bad_request', 'the head of the request makes no URL')
  return null
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
