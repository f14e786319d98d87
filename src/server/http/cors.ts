import type { Context } from 'hono'
import type { Environment } from './route.ts'

/** Headers by which a page of an allowed origin may read an answer, with what its browser holds; else none. */
export function corsOf(headers: Headers, allowed: readonly string[]): Record<string, string> {
  if (allowed.length === 0) return {}
  const origin = headers.get('origin')
  const vary = { vary: 'Origin' }
  if (origin === null || !allowed.includes(origin)) return vary
  return {
    ...vary,
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers':
      'ETag, Request-Id, Retry-After, Log-Bytes, Log-Offset, Log-Truncated, Log-Ended',
    'cross-origin-resource-policy': 'cross-origin',
  }
}

/** The answer to a browser that asks whether its page may read with these headers; null to anything else. */
export function preflight(context: Context<Environment>): Response | null {
  const wanted = context.req.header('access-control-request-method')
  const isAllowed = 'access-control-allow-origin' in context.var.cors
  if (context.req.method !== 'OPTIONS' || !isAllowed || wanted !== 'GET') return null
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-methods': 'GET',
      'access-control-allow-headers': 'Authorization, Last-Event-ID, If-None-Match',
      'access-control-max-age': '600',
    },
  })
}
