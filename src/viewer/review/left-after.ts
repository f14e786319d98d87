import type { Unread } from '#viewer/parts/dropped-files.ts'
import { GIVEN_UP, NO_FILE } from '#viewer/parts/looking.tsx'
import type { Sorted } from './sort-files.ts'

/** What came is given up: nothing of it is used. */
export const STOPPED: Sorted = {
  envelopes: [],
  trust: [],
  beside: [],
  programs: [],
  unread: [GIVEN_UP],
}

/** What is left aside of what came now. */
export function leftOf(sorted: Sorted): Unread[] {
  if (Object.values(sorted).every(({ length }) => length === 0)) return [NO_FILE]
  return [
    ...sorted.unread,
    ...sorted.programs.map(
      ({ path }) => ({ path, why: 'A program, and no part of the record', is: 'program' }) as const,
    ),
  ]
}

/** And of what was given before and is still judged, or beside it: but for what came again, and what was said in passing. */
export function leftAfter(before: readonly Unread[], sorted: Sorted): Unread[] {
  const now = leftOf(sorted)
  const { envelopes, trust, beside } = sorted
  const again = new Set([now, envelopes, trust, beside].flatMap((all) => all.map(pathOf)))
  return [...before.filter(({ is, path }) => is !== 'passing' && !again.has(path)), ...now]
}

const pathOf = ({ path }: { path: string }): string => path
