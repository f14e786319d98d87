/** The time of day went on by so much more than what counts milliseconds: the device slept, or its clock was set. */
const SLEPT_MS = 1500

/**
 * A clock in milliseconds from any start that never goes back, whatever the time of day is set to, and that goes on
 * while the device sleeps, when what a browser counts by may stand still.
 */
export function steadyClock(counted: () => number, wall: () => number): () => number {
  let last = { counted: counted(), wall: wall() }
  let slept = 0
  return () => {
    const now = { counted: counted(), wall: wall() }
    const more = now.wall - last.wall - (now.counted - last.counted)
    if (more > SLEPT_MS) slept += more
    last = now
    return now.counted + slept
  }
}
