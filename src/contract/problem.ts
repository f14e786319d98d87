import * as z from 'zod/mini'
import { keysOf } from './status.ts'

/** Every error that the API answers (RFC 9457). `code` is stable; `detail` says what, where and what to do. */
export const PROBLEM = {
  bad_request: { status: 400, title: 'The request is malformed' },
  unauthenticated: { status: 401, title: 'Sign in first' },
  forbidden: { status: 403, title: 'Not allowed' },
  bad_origin: { status: 403, title: 'Refused: the request comes from another site' },
  bad_host: { status: 421, title: 'Refused: unknown host name' },
  insecure: { status: 403, title: 'Refused: HTTPS only' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  unknown_definition: { status: 404, title: 'No such definition' },
  bad_definition: { status: 422, title: 'The project file does not fit' },
  unknown_target: { status: 404, title: 'No such table or field' },
  unknown_record: { status: 404, title: 'No such record' },
  bad_source: { status: 422, title: 'A source of records cannot be read' },
  lock_timeout: { status: 409, title: 'Another run writes the same table' },
  not_materialized: { status: 409, title: 'The run ended before it had derived' },
  bad_inputs: { status: 422, title: 'The inputs do not fit the definition' },
  run_ended: { status: 409, title: 'The run has ended' },
  run_not_ended: { status: 409, title: 'The run has not ended' },
  already_sealed: { status: 409, title: 'The run is sealed' },
  gate_resolved: { status: 409, title: 'The gate is resolved' },
  gate_gone: { status: 410, title: 'The run of this gate has ended' },
  already_decided: { status: 409, title: 'You have already decided' },
  may_not_decide: { status: 403, title: 'You may not decide this gate' },
  last_admin: { status: 409, title: 'The last admin stays' },
  name_taken: { status: 409, title: 'The name is taken' },
  link_invalid: { status: 401, title: 'This sign-in link is used, expired or unknown' },
  request_timeout: { status: 408, title: 'The request took too long' },
  too_large: { status: 413, title: 'Too large' },
  unsupported_media_type: { status: 415, title: 'Send application/json' },
  range_not_satisfiable: { status: 416, title: 'Past the end' },
  head_too_large: { status: 431, title: 'The head of the request is too large' },
  too_many_requests: { status: 429, title: 'Too many requests' },
  seal_failed: { status: 500, title: 'The run could not be sealed' },
  internal: { status: 500, title: 'The server failed' },
  store_failed: { status: 503, title: 'Nothing can be recorded now' },
  runner_failed: { status: 503, title: 'No step can be run now' },
  draining: { status: 503, title: 'The server is stopping' },
  overloaded: { status: 503, title: 'The server is full' },
} as const satisfies Record<string, { status: number; title: string }>
export type ProblemCode = keyof typeof PROBLEM

export const Problem = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(keysOf(PROBLEM)),
  detail: z.optional(z.string()),
  request_id: z.optional(z.string()),
})
export type Problem = z.infer<typeof Problem>
