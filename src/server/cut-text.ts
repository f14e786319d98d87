import { LIMITS } from '#contract/envelope.ts'

/**
 * A text that we compose, as a record takes it: whole characters, at most so many bytes of them, and its end cut where
 * they are more. What others say is refused where it is too long; what we say of it is never.
 */
export function cutText(text: string, bytes: number = LIMITS.textBytes): string {
  const whole = text.toWellFormed()
  if (Buffer.byteLength(whole) <= bytes) return whole
  const room = new Uint8Array(bytes - Buffer.byteLength(ELLIPSIS))
  const { read } = new TextEncoder().encodeInto(whole, room)
  return `${whole.slice(0, read)}${ELLIPSIS}`
}

const ELLIPSIS = '…'
