import { timingSafeEqual } from 'node:crypto'
import type { SignedIn } from '#server/identity/people.ts'
import { ProblemError } from '#server/problem.ts'
import type { Client } from './client.ts'

/** Origins that this server is reached by, with their ports. */
export type OwnOrigins = () => readonly string[]

/** Attacker: a page whose name was rebound to 127.0.0.1. It cannot choose what its browser says in Host. */
export function checkHost({ host }: Client, own: OwnOrigins): void {
  if (!own().some((origin) => new URL(origin).host === host.toLowerCase()))
    throw new ProblemError(
      'bad_host',
      `this server answers to ${own().join(', ')}; another name is allowed by --origin`,
    )
}

/** Attacker: whoever reads along between a client elsewhere and this machine. */
export function checkSecure({ https, local }: Client): void {
  if (!https && !local)
    throw new ProblemError('insecure', 'from another machine this server answers HTTPS')
}

const MAX_HEADER_LINES = 100

/** Counted here and refused: Node would leave out those beyond a count, and an Origin must not be left out. */
export function checkHeaderCount(rawHeaders: readonly string[]): void {
  if (rawHeaders.length / 2 > MAX_HEADER_LINES)
    throw new ProblemError('head_too_large', `a request has at most ${MAX_HEADER_LINES} headers`)
}

/** Attacker: a page elsewhere, also on another port of this machine, that makes the browser read from here. */
export function checkReader(headers: Headers, origins: readonly string[]): void {
  const site = headers.get('sec-fetch-site')
  const origin = headers.get('origin')
  const known = origin !== null && origins.includes(origin)
  if ((origin !== null && !known) || (site !== null && !SITES_OF_OURS.has(site) && !known))
    throw new ProblemError('bad_origin', 'open the page of this server itself')
}

// `none`: a person typed the address.
const SITES_OF_OURS = new Set(['same-origin', 'none'])

/** Attacker: a page elsewhere that makes the browser, which holds the cookie, change something here. */
export function checkCookieChange(headers: Headers, own: OwnOrigins): void {
  const origin = headers.get('origin')
  if (origin === null || !own().includes(origin))
    throw new ProblemError('bad_origin', 'a change by cookie needs the Origin of this server')
  if (headers.get('sec-fetch-site') !== 'same-origin')
    throw new ProblemError('bad_origin', 'a change by cookie needs Sec-Fetch-Site: same-origin')
}

/** The header that only a page which could read `GET /api/session` can send. */
export function checkPageSecret(headers: Headers, session: SignedIn): void {
  const got = Buffer.from(headers.get('runseal-secret') ?? '')
  const wanted = Buffer.from(session.pageSecret)
  if (got.length !== wanted.length || !timingSafeEqual(got, wanted))
    throw new ProblemError('bad_origin', 'a change by cookie needs the header Runseal-Secret')
}
