import { type Frame, parsePosition, type RunFrame, type StreamPosition } from '#contract/frame.ts'
import type { Run } from '#contract/run.ts'
import { cameLate, type Gap, holeBetween, missed } from './gaps.ts'
import { join, newRun, reduceAll } from './reduce.ts'

/**
 * Everything a browser knows of the runs: two timelines a run, never mixed, and where in the stream it stands.
 * A screen reads a run's facts through `told`, which takes one from each.
 */
export type Board = {
  /** Id of the newest frame received; null before the first. */
  position: StreamPosition | null
  /** How many frames had come when that was first of its epoch. */
  epochNth: number
  runs: ReadonlyMap<string, TwoTimelines>
  /** Stretches of the stream that did not arrive, newest last, at most `MAX_GAPS`. */
  gaps: readonly Gap[]
  /** What arrived, for the diagnosis. */
  counts: Counts
  /** The last materialize signal; drives the indicator. */
  materializing: boolean
}

export type TwoTimelines = {
  hint: Run
  record: Run | null
  /** Position that the record is at least as new as; null without a record. */
  asOf: StreamPosition | null
  /** Newest frame about this run. */
  heard: StreamPosition | null
  /**
   * How many frames had come with the last that said something of this run, and when its record was last asked for. An
   * answer asked for after a frame came is as new as that frame, whatever the ids say: by this an id that lies is
   * found out, instead of being believed for ever.
   */
  heardNth: number
  askedNth: number
}

export type Counts = {
  frames: number
  repeated: number
  outOfOrder: number
  malformed: number
  unknown: number
}

/** Runs of which only hints exist are kept up to this many: a hostile stream must not grow the page. */
export const MAX_HINTED = 2000

/** Most steps and gates that are hinted of one run, and of all runs that only hints have named. */
export const MAX_HINTED_FACTS = 250_000

export const EMPTY_BOARD: Board = {
  position: null,
  epochNth: 0,
  runs: new Map(),
  gaps: [],
  counts: { frames: 0, repeated: 0, outOfOrder: 0, malformed: 0, unknown: 0 },
  materializing: false,
}

/** An event with the text of its `id:` line: a frame, or what could not be read as one. */
export type Received = { id: string } & ({ frame: Frame } | { unread: 'malformed' | 'unknown' })

/** The board after some events, in the order they came [L6]. One call for many: each run is folded once. */
export function receive(board: Board, received: readonly Received[]): Board {
  const counts = { ...board.counts }
  const said = new Map<string, RunFrame[]>()
  const heard = new Map<string, StreamPosition | null>()
  let { position, epochNth, gaps, materializing } = board
  let gapAt: StreamPosition | null = null
  for (const event of received) {
    const at = parsePosition(event.id)
    if (at && position && at.epoch === position.epoch) {
      if (at.seq === position.seq) counts.repeated += 1
      else if (at.seq < position.seq) counts.outOfOrder += 1
    }
    const isGap = 'frame' in event && 'kind' in event.frame && event.frame.kind === 'stream.gap'
    const hole = isGap ? null : holeBetween(position, at)
    if (hole) {
      gaps = missed(gaps, hole)
      gapAt = at
    } else if (at && position && at.epoch === position.epoch && at.seq < position.seq)
      gaps = cameLate(gaps, at)
    if (at && at.epoch !== position?.epoch) epochNth = counts.frames + 1
    position = newest(position, at)
    if ('unread' in event) {
      counts[event.unread] += 1
      continue
    }
    const { frame } = event
    counts.frames += 1
    if ('type' in frame) {
      const frames = said.get(frame.run_id)
      if (frames) frames.push(frame)
      else said.set(frame.run_id, [frame])
      // More output is asked for by its own offset; the record of the run has nothing new for it.
      if (frame.type !== 'step_output')
        heard.set(frame.run_id, newest(heard.get(frame.run_id) ?? null, at ?? position))
      continue
    }
    switch (frame.kind) {
      case 'stream.gap':
        gaps = missed(gaps, { from: frame.from, to: frame.to })
        gapAt = at ?? position
        break
      case 'materialize.start':
        materializing = true
        break
      case 'materialize.end':
      case 'materialize.error':
        materializing = false
        break
      // Of the connection, and of no run.
      case 'stream.end':
        break
    }
  }
  const runs = new Map(board.runs)
  for (const [runId, frames] of said) {
    const known = runs.get(runId)
    const hinted = known?.hint ?? newRun(runId)
    const hint = factsOf(hinted) < MAX_HINTED_FACTS ? reduceAll(hinted, frames) : hinted
    const next = newest(known?.heard ?? null, heard.get(runId) ?? null)
    if (known && known.hint === hint && samePosition(known.heard, next)) continue
    const heardNth = heard.has(runId) ? counts.frames : (known?.heardNth ?? 0)
    runs.set(runId, {
      record: null,
      asOf: null,
      askedNth: 0,
      ...known,
      hint,
      heard: next,
      heardNth,
    })
  }
  if (gapAt !== null)
    for (const [runId, run] of runs)
      if (!run.record?.ended)
        runs.set(runId, { ...run, heard: newest(run.heard, gapAt), heardNth: counts.frames })
  return { position, epochNth, runs: bounded(runs), gaps, counts, materializing }
}

/** The later of two places in the stream. Another epoch is another server start: newer than all that went before. */
export function newest(
  known: StreamPosition | null,
  at: StreamPosition | null,
): StreamPosition | null {
  return at && (known?.epoch !== at.epoch || at.seq > known.seq) ? at : known
}

/**
 * The board after a snapshot. An older answer that arrives late takes nothing away: records are joined too [L7].
 * `asOf` is the stream's position before the server read the rows, `askedNth` how many frames had come when it was asked
 * for; without it only the ids tell what the answer has.
 */
export function record(board: Board, run: Run, asOf: string, askedNth = 0): Board {
  const known = board.runs.get(run.run_id)
  const at = parsePosition(asOf)
  const next: TwoTimelines = {
    hint: known?.hint ?? newRun(run.run_id),
    heard: stillHeard(known?.heard ?? null, at, board.position),
    record: join(known?.record ?? newRun(run.run_id), run),
    asOf: isNewer(at, known?.asOf ?? null) ? at : (known?.asOf ?? null),
    heardNth: known?.heardNth ?? 0,
    askedNth: Math.max(known?.askedNth ?? 0, askedNth),
  }
  if (
    known &&
    known.record === next.record &&
    samePosition(known.asOf, next.asOf) &&
    samePosition(known.heard, next.heard) &&
    known.askedNth === next.askedNth
  )
    return board
  return { ...board, runs: new Map(board.runs).set(run.run_id, next) }
}

/**
 * The board after some steps of an answer of which the rest is on its way: they are on record, though the record is not
 * as new as the answer yet. Only for a run whose record is known: half of a first one would look like a whole.
 */
export function recordSteps(board: Board, runId: string, steps: Run['steps']): Board {
  const known = board.runs.get(runId)
  if (!known?.record) return board
  const record = join(known.record, { ...newRun(runId), steps })
  if (record === known.record) return board
  return { ...board, runs: new Map(board.runs).set(runId, { ...known, record }) }
}

// A frame of an earlier server start is in every answer of the present one, whatever its number was.
function stillHeard(
  heard: StreamPosition | null,
  at: StreamPosition | null,
  position: StreamPosition | null,
): StreamPosition | null {
  return at && at.epoch === position?.epoch && heard?.epoch !== at.epoch ? null : heard
}

/** Must the record be asked again? True when a frame has spoken since, or the server began a new epoch [L8]. */
export function isBehind(board: Board, run: TwoTimelines): boolean {
  const { record, heard, heardNth, asOf, askedNth } = run
  if (record === null) return true
  if (heardNth > askedNth && isNewer(heard, asOf)) return true
  return (
    !isSettled(record) && board.epochNth > askedNth && isNewer(epochStart(board.position), asOf)
  )
}

const isSettled = (run: Run): boolean => run.ended !== null && run.sealed !== null

// A position that is newer than any of another epoch, and older than all of its own.
const epochStart = (position: StreamPosition | null): StreamPosition | null =>
  position && { epoch: position.epoch, seq: 0 }

/** Positions of different epochs have no order; the one from the stream itself, `a`, is then taken for newer. */
function isNewer(a: StreamPosition | null, b: StreamPosition | null): boolean {
  if (a === null) return false
  return b === null || a.epoch !== b.epoch || a.seq > b.seq
}

function samePosition(a: StreamPosition | null, b: StreamPosition | null): boolean {
  return a?.epoch === b?.epoch && a?.seq === b?.seq
}

function bounded(runs: Map<string, TwoTimelines>): ReadonlyMap<string, TwoTimelines> {
  let excess = runs.size - MAX_HINTED
  let facts = 0
  for (const { hint, record } of runs.values()) if (record === null) facts += factsOf(hint)
  for (const [runId, run] of runs) {
    if (excess <= 0 && facts <= MAX_HINTED_FACTS) break
    if (run.record === null) {
      runs.delete(runId)
      excess -= 1
      facts -= factsOf(run.hint)
    }
  }
  return runs
}

const factsOf = ({ steps, gates }: Run): number => steps.length + gates.length
