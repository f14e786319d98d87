import type { Run } from '#contract/run.ts'
import { isBehind, type Board, type TwoTimelines } from '#live/board.ts'
import { over } from '#live/reduce.ts'

/**
 * The run as the screen draws its present state [U2]: what is verified stands over what is recorded, and that over
 * what was hinted. A hint adds to a record only while it is newer than it.
 */
export function presentOf(board: Board, run: TwoTimelines, verified: Run | null): Run {
  const { hint, record } = run
  const known = record === null ? hint : isBehind(board, run) ? over(record, hint) : record
  return verified === null ? known : over(verified, known)
}
