import type { ServerKey } from '#contract/trust.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { QueryClient } from '@tanstack/react-query'
import { ApiError, wordsOf } from './api.ts'
import { KEYS_MS, NO_KEYS_YET, trustQuery } from './queries.ts'
import {
  type Kept,
  readKept,
  refusedIds,
  trustedOf,
  unreadOf,
  withoutRefused,
} from './trust-store.ts'
import type { Verdict } from './verifier.ts'

/** What the server says that it offers, beside what is kept. */
type Known = { kept: Kept; offered: { server_keys: readonly ServerKey[] } }

/** What a verifier is given of keys. */
export type AtHand = {
  trust: Trusted[]
  refusedKeys: string[]
  /** Why it is not known whom the reader trusts and refused. */
  unread?: string
}

/** `fault`: why the server's own list was not had. What it offered here before is in its place then. */
type Offer = { kept: Kept; offered: readonly ServerKey[]; fault: string | null }

/**
 * Verifies by what the reader keeps and what the server offers. What a pinned key has sealed, and what fails by itself,
 * waits for no server [U16]. What needs its list waits `KEYS_MS` for it, once for all that is judged by one of these: then
 * `keys_fault` of the verdict says why there is none. Where what is kept could not be read, or a key that was met could not
 * be kept, the verdict is provisional.
 */
export function judgedByKeys(
  client: QueryClient,
  {
    kept = readKept,
    ask = () => client.query(trustQuery),
  }: {
    kept?: () => Promise<Kept>
    ask?: () => Promise<Known>
  } = {},
): (judge: (keys: AtHand) => Promise<Verdict>) => Promise<Verdict> {
  let asked: Promise<Offer> | undefined
  return async (judge) => {
    const had = hadOf(client)
    if (had === null && asked === undefined) {
      const now = await kept()
      if (withoutRefused(now, now.pinned).server_keys.length > 0) {
        const verdict = await judge(atHand(now, now.keys))
        if (isSettled(verdict)) return verdict
      }
    }
    const offer = had ?? (await (asked ??= offerInTime(ask, kept)))
    return {
      ...(await judge(atHand(offer.kept, offer.offered))),
      ...(offer.fault !== null && { keys_fault: offer.fault }),
      ...(offer.kept.fault !== undefined && { is_provisional: true }),
    }
  }
}

const atHand = (kept: Kept, offered: readonly ServerKey[]): AtHand => ({
  trust: trustedOf(kept, offered),
  refusedKeys: refusedIds(kept),
  ...unreadOf(kept),
})

/** No key that a server offers makes another verdict of it. */
const isSettled = ({ verdict, sealed_by }: Verdict): boolean =>
  sealed_by?.source === 'pinned' || verdict === 'does not verify' || verdict === 'not an envelope'

/** What the server offered is known, and the reader has changed nothing since. */
function hadOf(client: QueryClient): Offer | null {
  const state = client.getQueryState(trustQuery.queryKey)
  if (state?.data === undefined || state.isInvalidated) return null
  return { kept: state.data.kept, offered: state.data.offered.server_keys, fault: null }
}

async function offerInTime(
  ask: () => Promise<Known>,
  keptNow: () => Promise<Kept>,
): Promise<Offer> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve(NO_KEYS_YET), KEYS_MS)
  const asked = ask().catch((error: unknown) => {
    if (error instanceof ApiError) return wordsOf(error).detail
    throw error
  })
  try {
    const found = await Promise.race([asked, late.promise])
    if (typeof found !== 'string')
      return { kept: found.kept, offered: found.offered.server_keys, fault: null }
    const kept = await keptNow()
    return { kept, offered: kept.keys, fault: found }
  } finally {
    clearTimeout(timer)
  }
}
