import { type Look, parseAnsi, PLAIN, type Span } from '#viewer/parts/ansi.ts'
import type { LogAddress, LogPart } from '#viewer/queries.ts'

export type Pipe = 'stdout' | 'stderr' | 'system'
export type LogLine = { offset: number; pipe: Pipe; spans: readonly Span[] }
export type LogIndexItem = { offset: number; pipe: Pipe }

/** The loaded part of a log, as lines: bytes `from` to `to` of the `total` that there are so far. */
export type LogTail = {
  from: number
  to: number
  total: number
  truncated: boolean
  ended: boolean
  lines: readonly LogLine[]
  /** Bytes of the last line where its end has not come, and the look that it begins with. */
  rest: Uint8Array
  look: Look
  loaded: boolean
  error: unknown
}

export const EMPTY_TAIL: LogTail = {
  from: 0,
  to: 0,
  total: 0,
  truncated: false,
  ended: false,
  lines: [],
  rest: new Uint8Array(),
  look: PLAIN,
  loaded: false,
  error: null,
}

/** Most lines that a page holds of one log; from then on it forgets the beginning. */
const MAX_LINES = 200_000

/** The tail after the part of the log that follows it. */
export function append(tail: LogTail, part: LogPart, index: readonly LogIndexItem[]): LogTail {
  const bytes = new Uint8Array(tail.rest.length + part.bytes.length)
  bytes.set(tail.rest)
  bytes.set(part.bytes, tail.rest.length)
  const read = linesOf(bytes, part.from - tail.rest.length, index, tail.look)
  const before = tail.rest.length > 0 ? tail.lines.slice(0, -1) : tail.lines
  const lines = [...before, ...read.lines].slice(-MAX_LINES)
  return {
    from: lines.length === MAX_LINES ? (lines[0]?.offset ?? tail.from) : tail.from,
    to: part.from + part.bytes.length,
    total: part.total,
    truncated: part.truncated,
    ended: part.ended,
    lines,
    rest: read.rest,
    look: read.look,
    loaded: true,
    error: null,
  }
}

// A character may be cut by the end of a part, a line never is: the last one is read again with what follows.
function linesOf(
  bytes: Uint8Array,
  from: number,
  index: readonly LogIndexItem[],
  start: Look,
): { lines: LogLine[]; rest: Uint8Array; look: Look } {
  const decoder = new TextDecoder()
  const lines: LogLine[] = []
  let look = start
  let item = 0
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(10, at)
    const end = newline === -1 ? bytes.length : newline
    while ((index[item + 1]?.offset ?? Number.POSITIVE_INFINITY) <= from + at) item += 1
    // The usual line end of some programs is CR LF; a CR anywhere else is shown.
    const text = decoder.decode(bytes.subarray(at, bytes[end - 1] === 13 ? end - 1 : end))
    const { spans, end: next } = parseAnsi(text, look)
    lines.push({ offset: from + at, pipe: index[item]?.pipe ?? 'stdout', spans })
    if (newline === -1) return { lines, rest: bytes.slice(at), look }
    look = next
    at = end + 1
  }
  return { lines, rest: new Uint8Array(), look }
}

export type LogRim = {
  fetchLog: (
    address: LogAddress,
    offset: number,
    limit: number,
    signal: AbortSignal,
  ) => Promise<LogPart>
  fetchIndex: (
    address: LogAddress,
    offset: number,
    limit: number,
    signal: AbortSignal,
  ) => Promise<{ items: LogIndexItem[] }>
}

const PART_BYTES = 1024 * 1024
/** How often a log that has not ended is looked at where no hint tells that it grew. */
const LOOK_AGAIN_MS = 3000

/** Reads a log from `back` bytes before its end, or from its beginning, and goes on as it grows. */
export function readLog(
  address: LogAddress,
  back: number | 'all',
  rim: LogRim,
  set: (tail: LogTail) => void,
): { more: () => void; stop: () => void } {
  const stopped = new AbortController()
  const { signal } = stopped
  let tail = EMPTY_TAIL
  let reading = false
  let asked = true
  let timer: ReturnType<typeof setTimeout> | undefined

  const more = async (): Promise<void> => {
    asked = true
    if (reading) return
    reading = true
    clearTimeout(timer)
    try {
      while (asked && !signal.aborted) {
        asked = false
        const first = !tail.loaded
        const offset = first ? (back === 'all' ? 0 : -back) : tail.to
        const part = await rim.fetchLog(address, offset, PART_BYTES, signal)
        const index =
          part.bytes.length > 0
            ? await rim.fetchIndex(address, part.from, part.bytes.length, signal)
            : { items: [] }
        tail = append(first ? { ...EMPTY_TAIL, from: part.from } : tail, part, index.items)
        if (tail.to < tail.total) asked = true
        set(tail)
      }
    } catch (error) {
      if (!signal.aborted) {
        tail = { ...tail, error }
        set(tail)
      }
    } finally {
      reading = false
    }
    if (!signal.aborted && !(tail.ended && tail.to >= tail.total))
      timer = setTimeout(() => void more(), LOOK_AGAIN_MS)
  }

  void more()
  return {
    more: () => void more(),
    stop: () => {
      clearTimeout(timer)
      stopped.abort()
    },
  }
}
