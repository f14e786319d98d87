/** How the newest attempt at the stream went, for the diagnosis. Durations are milliseconds since it began. */
export type Trial = {
  /** By this device's clock. */
  startedAt: number
  /** Until the head of an answer, and until the first byte after it; null: not yet, or never. */
  headMs: number | null
  firstByteMs: number | null
  /** Of the answer: 0 where it led elsewhere, null where there was none. */
  status: number | null
  /** Why it is over; null while it lasts. */
  ended: string | null
  /** It was given up, since no byte came for so long. */
  givenUp: boolean
  /** The server's first words, `: connected`, were seen. */
  connected: boolean
  keepalives: number
  /** Chunks that brought together what the server had sent apart, and how far apart at most. */
  held: number
  heldMs: number
}

/** Sent farther apart than this and come together: something between held the first of it back. */
const HELD_MS = 2000
const KEEPALIVE_MS = 15_000

export const newTrial = (startedAt: number): Trial => ({
  startedAt,
  headMs: null,
  firstByteMs: null,
  status: null,
  ended: null,
  givenUp: false,
  connected: false,
  keepalives: 0,
  held: 0,
  heldMs: 0,
})

/**
 * After the bytes of one read: `sentAt` are the times that its frames carry. `slept`: this device, or what holds the
 * stream on it, was stopped just before. What comes together then was held back here.
 */
export function came(
  trial: Trial,
  {
    ms,
    comments,
    sentAt,
    slept,
  }: { ms: number; comments: readonly string[]; sentAt: readonly number[]; slept: boolean },
): Trial {
  const keepalives = comments.filter((comment) => comment.trim() === 'keepalive').length
  const firstByteMs = trial.firstByteMs ?? ms
  const heldMs = Math.max(
    KEEPALIVE_MS * (keepalives - 1),
    // A stream that is taken up again begins with what was missed.
    ms - firstByteMs > HELD_MS ? spreadOf(sentAt) : 0,
  )
  const isHeld = heldMs > HELD_MS && !slept
  return {
    ...trial,
    firstByteMs,
    connected: trial.connected || comments.some((comment) => comment.trim() === 'connected'),
    keepalives: trial.keepalives + keepalives,
    held: trial.held + (isHeld ? 1 : 0),
    heldMs: isHeld ? Math.max(trial.heldMs, heldMs) : trial.heldMs,
  }
}

function spreadOf(times: readonly number[]): number {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const time of times) {
    if (time < first) first = time
    if (time > last) last = time
  }
  return last > first ? last - first : 0
}
