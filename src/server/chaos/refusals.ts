import type { Dice } from './dice.ts'

/** What comes in the place of an answer. */
export type Refusal =
  | { how: 'answer'; status: number; headers: Readonly<Record<string, string>>; body: string }
  /** Nothing for so long, and then the end of the connection. */
  | { how: 'stall'; ms: number }
  | { how: 'reset' }

/** Every way of not answering what was asked for. None is kept by a cache, so that each ends with the lie. */
export const REFUSAL = {
  // A captive portal, or a proxy's page of its own.
  html: answers(
    200,
    HTML(),
    '<!doctype html><title>Sign in</title><h1>Welcome to the network</h1>',
  ),
  empty: answers(204, {}, ''),
  // To itself, which never ends. A relative reference: it can lead nobody away.
  moved: answers(301, { location: '?' }, ''),
  unauthorized: answers(401, HTML(), '<h1>401</h1>'),
  forbidden: answers(403, HTML(), '<h1>403</h1>'),
  hurried: answers(429, { ...HTML(), 'retry-after': '86400' }, '<h1>429</h1>'),
  broken: answers(500, HTML(), '<h1>500</h1>'),
  gateway: answers(502, HTML(), '<h1>502 Bad Gateway</h1>'),
  stalled: (dice, longestMs): Refusal => ({ how: 'stall', ms: dice.roll(longestMs) }),
  reset: (): Refusal => ({ how: 'reset' }),
} as const satisfies Record<string, (dice: Dice, longestMs: number) => Refusal>

function answers(status: number, headers: Readonly<Record<string, string>>, body: string) {
  const all = { ...headers, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
  return (): Refusal => ({ how: 'answer', status, headers: all, body })
}

function HTML() {
  return { 'content-type': 'text/html; charset=utf-8' }
}
