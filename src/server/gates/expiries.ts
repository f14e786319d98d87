/** Wakes up when a gate's time has come. */
export type Expiries = {
  /** `expires_at` null: never. */
  mind(gate_id: string, run_id: string, expires_at: string | null): void
  forget(gate_id: string): void
  stop(): void
}

/** A longer delay overflows the timer, which then fires at once. */
const LONGEST_MS = 2 ** 31 - 1
const AGAIN_MS = 5000

export function createExpiries({
  now,
  expire,
  failed,
}: {
  now: () => Date
  expire: (gate_id: string, run_id: string) => Promise<void>
  failed: (error: unknown) => void
}): Expiries {
  const timers = new Map<string, NodeJS.Timeout>()

  function wait(gate_id: string, run_id: string, expires_at: string, leastMs: number): void {
    const leftMs = Math.max(leastMs, Date.parse(expires_at) - now().getTime())
    const timer = setTimeout(due, Math.min(leftMs, LONGEST_MS), gate_id, run_id, expires_at)
    timers.set(gate_id, timer)
  }

  function due(gate_id: string, run_id: string, expires_at: string): void {
    timers.delete(gate_id)
    // A timer may be early by a millisecond, or by weeks.
    if (now().toISOString() < expires_at) return wait(gate_id, run_id, expires_at, 1)
    expire(gate_id, run_id).catch((error: unknown) => {
      failed(error)
      wait(gate_id, run_id, expires_at, AGAIN_MS)
    })
  }

  return {
    mind(gate_id, run_id, expires_at) {
      if (expires_at !== null && !timers.has(gate_id)) wait(gate_id, run_id, expires_at, 0)
    },
    forget(gate_id) {
      clearTimeout(timers.get(gate_id))
      timers.delete(gate_id)
    },
    stop() {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
