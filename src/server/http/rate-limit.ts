import { ProblemError } from '#server/problem.ts'

/** How often one may: `burst` at once, and `perSecond` over time. */
export type Rate = { burst: number; perSecond: number }

/** Spends one for `key`, or refuses with `too_many_requests` and when to come back. `nowMs`: of a clock that is never set. */
export type RateLimit = (key: string, nowMs: number) => void

const MAX_KEYS = 10_000

export function createRateLimit({ burst, perSecond }: Rate): RateLimit {
  const buckets = new Map<string, { left: number; at: number }>()
  return (key, nowMs) => {
    const { left, at } = buckets.get(key) ?? { left: burst, at: nowMs }
    const filled = Math.min(burst, left + ((nowMs - at) / 1000) * perSecond)
    // Set anew, it is the youngest: what is forgotten first has been full for longest.
    buckets.delete(key)
    buckets.set(key, { left: Math.max(0, filled - 1), at: nowMs })
    const oldest = buckets.keys().next()
    if (buckets.size > MAX_KEYS && !oldest.done) buckets.delete(oldest.value)
    if (filled >= 1) return
    buckets.set(key, { left: filled, at: nowMs })
    const seconds = Math.ceil((1 - filled) / perSecond)
    throw new ProblemError('too_many_requests', `come back in ${seconds} s`, seconds)
  }
}
