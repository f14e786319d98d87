import { formatPosition, parsePosition, type Frame, type StreamGap } from '#contract/frame.ts'
import { encodeFrame } from './encode.ts'
import { createHistogram, type Histogram } from './histogram.ts'

/**
 * The one stream of hints: publishers on one side, any number of readers on the other, nothing kept but a ring of the
 * newest frames. A frame is encoded once, and what is published in one tick of the event loop is one write for each
 * reader: of the same bytes for all who asked for the same frames. Only a reader whose socket refuses writes has
 * anything of its own, a short queue.
 */
export type Bus = {
  /** Gives the frame the next id; its readers get it with this tick's. Never blocks and never throws. */
  publish(frame: Frame): void
  /** Writes what was published by now, without waiting for the end of the tick. */
  flush(): void
  /** Id of the last frame published; `<epoch>-0` before the first. */
  position(): string
  /**
   * Frames from now on, and before them those after `lastEventId` that the ring still has. What cannot be told is told
   * as one `stream.gap`: at once where the ring no longer reaches, else before the next frame that gets through.
   */
  subscribe(subscriber: Subscriber, lastEventId: string | null): Subscription
  counts(): BusCounts
  /** What waits just now for sockets that refuse writes. */
  waiting(): { readers: number; frames: number }
  /** Seconds from `publish` until every reader that takes writes was written to; one observation a frame. */
  latency: Pick<Histogram, 'read'>
}

export type Subscriber = {
  /** Only frames of this run; null: all. */
  runId: string | null
  /** Takes the bytes in any case; false: no more until `drained`. */
  write: (bytes: Uint8Array) => boolean
}

export type Subscription = {
  /** The subscriber takes bytes again. */
  drained: () => void
  end: () => void
}

export type BusCounts = { subscribers: number; frames: number; dropped: number; gaps: number }

type Encoded = {
  id: string
  seq: number
  runId: string | null
  /** Made when the first reader gets it. */
  bytes: () => Uint8Array
  at: number
}

type Reader = Subscriber & {
  /** null: it has been written all that it asked for, but for this tick's. */
  behind: Behind | null
}

/** What a reader that refuses writes has still to get, in this order. */
type Behind = {
  /** While it was away; no part of the queue, and never dropped. */
  missed: Uint8Array[]
  /** Came after all that was missed and before all that is queued. */
  lost: { from: string; to: string } | null
  queue: Encoded[]
}

export function createBus({
  epoch,
  now,
  monotonic,
  soon,
  ringFrames = 2048,
  queueFrames = 64,
}: {
  /** Names this start of the server: lowercase letters and digits. */
  epoch: string
  now: () => Date
  /** Milliseconds of a clock that never goes back. */
  monotonic: () => number
  /** Calls it at the end of this tick. */
  soon: (act: () => void) => void
  ringFrames?: number
  queueFrames?: number
}): Bus {
  const ring: Encoded[] = []
  const readers = new Set<Reader>()
  const counts = { frames: 0, dropped: 0, gaps: 0 }
  const latency = createHistogram(LATENCY_SECONDS)
  let tick: Encoded[] = []
  let seq = 0

  const idOf = (seq: number) => formatPosition({ epoch, seq })

  function publish(frame: Frame): void {
    seq += 1
    counts.frames += 1
    const id = idOf(seq)
    const runId = 'run_id' in frame ? (frame.run_id ?? null) : null
    const bytes = once(() => encodeFrame(frame, id))
    const encoded = { id, seq, runId, bytes, at: monotonic() }
    ring.push(encoded)
    if (ring.length > ringFrames) ring.shift()
    tick.push(encoded)
    // No write is of more frames than a queue: else one long tick would be one endless write.
    if (tick.length >= queueFrames) flush()
    else if (tick.length === 1) soon(flush)
  }

  function flush(): void {
    const frames = tick
    if (frames.length === 0) return
    tick = []
    const batches = new Map<string | null, Uint8Array | null>()
    for (const reader of readers) {
      if (reader.behind !== null) enqueue(reader.behind, frames, reader.runId)
      else {
        const bytes = batchOf(batches, frames, reader.runId)
        if (bytes !== null && !reader.write(bytes))
          reader.behind = { missed: [], lost: null, queue: [] }
      }
    }
    const writtenAt = monotonic()
    for (const { at } of frames) latency.observe((writtenAt - at) / 1000)
  }

  function enqueue(behind: Behind, frames: readonly Encoded[], runId: string | null): void {
    for (const frame of frames) {
      if (!concerns(frame, runId)) continue
      behind.queue.push(frame)
      if (behind.queue.length <= queueFrames) continue
      const dropped = behind.queue.shift()
      if (dropped === undefined) continue
      counts.dropped += 1
      behind.lost = { from: behind.lost?.from ?? dropped.id, to: dropped.id }
    }
  }

  /** Writes what a reader has still to get, until it refuses again or has everything. */
  function catchUp(reader: Reader): void {
    while (reader.behind !== null) {
      const bytes = nextOf(reader.behind)
      if (bytes === null) reader.behind = null
      else if (!reader.write(bytes)) return
    }
  }

  // The gap and the queue behind it are one write: between them nothing more can be lost.
  function nextOf(behind: Behind): Uint8Array | null {
    const pieces = firstOf(behind.missed)
    if (pieces.length === 0) {
      if (behind.lost !== null) pieces.push(gapBytes(behind.lost.from, behind.lost.to))
      for (const { bytes } of behind.queue) pieces.push(bytes())
      behind.lost = null
      behind.queue = []
    }
    return pieces.length === 0 ? null : joined(pieces)
  }

  /** What a reader that comes back has to be told before anything else. */
  function missedSince(lastEventId: string, runId: string | null): Uint8Array[] {
    const last = seqOf(lastEventId)
    const oldest = ring[0]?.seq ?? seq + 1
    const missed = ring.slice(Math.max(0, (last ?? 0) + 1 - oldest))
    const pieces = missed.filter((frame) => concerns(frame, runId)).map(({ bytes }) => bytes())
    if (last === null) return [gapBytes(null, idOf(oldest - 1)), ...pieces]
    if (last < oldest - 1) return [gapBytes(idOf(last + 1), idOf(oldest - 1)), ...pieces]
    return pieces
  }

  /** null: not of this epoch, or of no frame that was. */
  function seqOf(id: string): number | null {
    const position = parsePosition(id)
    return position?.epoch === epoch && position.seq <= seq ? position.seq : null
  }

  function gapBytes(from: string | null, to: string): Uint8Array {
    counts.gaps += 1
    const gap: StreamGap = { kind: 'stream.gap', ts: now().toISOString(), from, to }
    return encodeFrame(gap, to)
  }

  return {
    publish,
    flush,
    position: () => idOf(seq),

    subscribe({ runId, write }, lastEventId) {
      // Whoever comes between a frame and its tick is told of it by the ring, if at all.
      flush()
      const missed = lastEventId === null ? [] : missedSince(lastEventId, runId)
      const reader: Reader = { runId, write, behind: { missed, lost: null, queue: [] } }
      readers.add(reader)
      catchUp(reader)
      return { drained: () => catchUp(reader), end: () => void readers.delete(reader) }
    },

    counts: () => ({ subscribers: readers.size, ...counts }),

    waiting() {
      const queues = [...readers].flatMap(({ behind }) => behind?.queue.length ?? [])
      return { readers: queues.length, frames: queues.reduce((sum, length) => sum + length, 0) }
    },

    latency,
  }
}

const LATENCY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

function once<T>(make: () => T): () => T {
  let made: T | null = null
  return () => (made ??= make())
}

const concerns = ({ runId }: Encoded, wanted: string | null) => wanted === null || runId === wanted

/** The frames of a tick that a reader asked for, joined once for all who asked for the same; null: none. */
function batchOf(
  batches: Map<string | null, Uint8Array | null>,
  frames: readonly Encoded[],
  runId: string | null,
): Uint8Array | null {
  const known = batches.get(runId)
  if (known !== undefined) return known
  const pieces = frames.filter((frame) => concerns(frame, runId)).map(({ bytes }) => bytes())
  const batch = pieces.length === 0 ? null : joined(pieces)
  batches.set(runId, batch)
  return batch
}

/** What was missed is joined for one reader alone, so that many who refuse it would hold as many copies: a little at a time. */
const MISSED_BYTES = 16 * 1024

function firstOf(missed: Uint8Array[]): Uint8Array[] {
  let bytes = 0
  const end = missed.findIndex((piece) => (bytes += piece.length) >= MISSED_BYTES)
  return missed.splice(0, end === -1 ? missed.length : end + 1)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces
  return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces)
}
