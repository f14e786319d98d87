import { formatPosition, parsePosition, type StreamPosition } from '#contract/frame.ts'

/** A stretch of the stream that did not arrive, by the ids of its first and last frame; `from` null: not known. */
export type Gap = { from: string | null; to: string }

export const MAX_GAPS = 50

/** The stream has no holes: what lies between two frames that followed each other did not arrive [L11]. */
export function holeBetween(before: StreamPosition | null, at: StreamPosition | null): Gap | null {
  if (before === null || at?.epoch !== before.epoch || at.seq <= before.seq + 1) return null
  return {
    from: formatPosition({ ...before, seq: before.seq + 1 }),
    to: formatPosition({ ...at, seq: at.seq - 1 }),
  }
}

/** Does the record of a run have whatever the stream did not say? */
export function isFilled(
  { to }: Gap,
  { asOf }: { asOf: StreamPosition | null },
  position: StreamPosition | null,
): boolean {
  const last = parsePosition(to)
  if (asOf === null || last === null) return false
  return asOf.epoch === last.epoch ? asOf.seq >= last.seq : asOf.epoch === position?.epoch
}

/** With one more, newest last. */
export function missed(gaps: readonly Gap[], gap: Gap): readonly Gap[] {
  return [...gaps, gap].slice(-MAX_GAPS)
}

/** Without a frame that came late: what was missing is less, or two stretches, or nothing any more. */
export function cameLate(gaps: readonly Gap[], at: StreamPosition): readonly Gap[] {
  const index = gaps.findLastIndex((gap) => contains(gap, at))
  const gap = gaps[index]
  if (gap === undefined) return gaps
  const before = { from: gap.from, to: formatPosition({ ...at, seq: at.seq - 1 }) }
  const after = { from: formatPosition({ ...at, seq: at.seq + 1 }), to: gap.to }
  const left = [
    ...(gap.from === null || startOf(gap) < at.seq ? [before] : []),
    ...(endOf(gap) > at.seq ? [after] : []),
  ]
  return gaps.toSpliced(index, 1, ...left).slice(-MAX_GAPS)
}

function contains(gap: Gap, at: StreamPosition): boolean {
  if (parsePosition(gap.to)?.epoch !== at.epoch) return false
  return at.seq <= endOf(gap) && (gap.from === null || startOf(gap) <= at.seq)
}

const startOf = (gap: Gap): number => seqOf(gap.from ?? '')
const endOf = (gap: Gap): number => seqOf(gap.to)
const seqOf = (id: string): number => parsePosition(id)?.seq ?? 0
