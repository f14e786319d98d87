import type { Client } from './client.ts'

/** On every response, pages and data alike. No script and no style is ever inline. */
export const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'permissions-policy':
    'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()',
} as const

/** `response` with what every answer has, and with `more` of just this one. */
export function secured(response: Response, more: Readonly<Record<string, string>> = {}): Response {
  for (const [name, value] of Object.entries({ ...SECURITY_HEADERS, ...more }))
    response.headers.set(name, value)
  if (!response.headers.has('cache-control')) response.headers.set('cache-control', 'no-store')
  return response
}

/** A name that was reached by HTTPS once is never asked otherwise again; but for names that others share. */
export function hstsOf({ https, host }: Client, own: readonly string[]): Record<string, string> {
  const isOurName =
    own.includes(`https://${host.toLowerCase()}`) && !/^(localhost|127\.|\[)/.test(host)
  return https && isOurName ? { 'strict-transport-security': 'max-age=31536000' } : {}
}
