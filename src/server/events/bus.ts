import { formatPosition, parsePosition, type Frame, type StreamGap } from '#contract/frame.ts'
import { encodeFrame } from './encode.ts'

/**
 * The one stream of hints: publishers on one side, any number of subscribers on the other, nothing kept but a ring of
 * the newest frames. A frame is encoded once; ring and queues hold references to the same bytes.
 */
export type Bus = {
  /** Gives the frame the next id and hands it to every subscriber it concerns. Never blocks and never throws. */
  publish(frame: Frame): void
  /** Id of the last frame published; `<epoch>-0` before the first. */
  position(): string
  /**
   * Frames from now on, and before them those after `lastEventId` that the ring still has. What cannot be told is told
   * as one `stream.gap`: at once where the ring no longer reaches, else before the next frame that gets through.
   */
  subscribe(subscriber: Subscriber, lastEventId: string | null): Subscription
  counts(): BusCounts
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

type Encoded = { id: string; seq: number; runId: string | null; bytes: Uint8Array }

export function createBus({
  epoch,
  now,
  ringFrames = 2048,
  queueFrames = 64,
}: {
  /** Names this start of the server: lowercase letters and digits. */
  epoch: string
  now: () => Date
  ringFrames?: number
  queueFrames?: number
}): Bus {
  const ring: Encoded[] = []
  const deliveries = new Set<(frame: Encoded) => void>()
  const counts = { frames: 0, dropped: 0, gaps: 0 }
  let seq = 0

  const idOf = (seq: number) => formatPosition({ epoch, seq })

  function gapBytes(from: string | null, to: string): Uint8Array {
    counts.gaps += 1
    const gap: StreamGap = { kind: 'stream.gap', ts: now().toISOString(), from, to }
    return encodeFrame(gap, to)
  }

  return {
    publish(frame) {
      seq += 1
      counts.frames += 1
      const id = idOf(seq)
      const runId = 'run_id' in frame ? (frame.run_id ?? null) : null
      const encoded = { id, seq, runId, bytes: encodeFrame(frame, id) }
      ring.push(encoded)
      if (ring.length > ringFrames) ring.shift()
      for (const deliver of deliveries) deliver(encoded)
    },

    position: () => idOf(seq),

    subscribe({ runId, write }, lastEventId) {
      const concerns = (frame: Encoded) => runId === null || frame.runId === runId
      const last = lastEventId === null ? seq : seqOf(lastEventId)
      const oldest = ring[0]?.seq ?? seq + 1
      const missed = ring.filter((frame) => frame.seq > (last ?? 0) && concerns(frame))
      const queue: Encoded[] = []
      let lost: { from: string; to: string } | null = null
      let writable = true

      if (last === null) writable = write(gapBytes(null, idOf(oldest - 1)))
      else if (last < oldest - 1) writable = write(gapBytes(idOf(last + 1), idOf(oldest - 1)))

      function flush(): void {
        while (writable) {
          const early = missed.shift()
          const frame = early ?? queue.shift()
          if (frame === undefined) return
          // What was lost came after all that was missed and before all that is queued. The gap and the frame after it
          // are one write: between them nothing more can be lost.
          if (early === undefined && lost !== null) {
            const gap = gapBytes(lost.from, lost.to)
            lost = null
            writable = write(Buffer.concat([gap, frame.bytes]))
          } else writable = write(frame.bytes)
        }
      }

      function deliver(frame: Encoded): void {
        if (!concerns(frame)) return
        queue.push(frame)
        flush()
        if (queue.length <= queueFrames) return
        const dropped = queue.shift()
        if (dropped === undefined) return
        counts.dropped += 1
        lost = { from: lost?.from ?? dropped.id, to: dropped.id }
      }

      deliveries.add(deliver)
      flush()
      return {
        drained() {
          writable = true
          flush()
        },
        end() {
          deliveries.delete(deliver)
        },
      }
    },

    counts: () => ({ subscribers: deliveries.size, ...counts }),
  }

  /** null: not of this epoch, or of no frame that was. */
  function seqOf(id: string): number | null {
    const position = parsePosition(id)
    return position?.epoch === epoch && position.seq <= seq ? position.seq : null
  }
}
