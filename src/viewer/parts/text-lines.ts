import { decoded, type Stray, strayBytes, wholeTo } from './stray-bytes.ts'

/** A text as bytes, as lines: each is decoded when it is looked at. */
export type TextLines = {
  count: number
  at: (index: number) => { text: string; isCut: boolean }
  /** A line of any length, in rows of so many bytes: each is decoded when it is looked at. */
  whole: (index: number) => WholeLine
  /** Each line that ends does so in CR LF, which is said once: then a line comes without its CR. */
  endsInCrLf: boolean
  /** Bytes that are no text. Each is in its line as half a surrogate pair, to be named where it stands. */
  stray: Stray | null
}

/** `from`: the place in the line of the row's first byte. */
export type WholeLine = {
  bytes: number
  rows: number
  at: (row: number) => { from: number; text: string }
}

/** Most bytes of one line that are decoded for a look. */
const MOST_BYTES = 16_384
const ROW_BYTES = 100
const LF = 10
const CR = 13

/**
 * Lines of a text that may come in parts, a line running on from one to the next. Nothing is dropped: a byte order mark
 * and every CR that is not of such an end stay, to be named where they stand [U1].
 */
export function textLines(parts: readonly Uint8Array[]): TextLines {
  const breaks = parts.map(breaksOf)
  let lines = 0
  let bytes = 0
  let ends = 0
  const starts = parts.map((part, nth) => {
    const from = { line: lines, byte: bytes }
    const { at, crlf } = breaks[nth] ?? NONE
    const isSplit = part[0] === LF && parts[nth - 1]?.at(-1) === CR
    lines += at.length
    ends += crlf + (isSplit ? 1 : 0)
    bytes += part.length
    return from
  })
  const isOpen = bytes > 0 && parts.findLast(({ length }) => length > 0)?.at(-1) !== LF
  const endsInCrLf = lines > 0 && ends === lines
  /** Where the line feed of this number stands, over all parts. */
  const breakAt = (index: number): number => {
    const nth = starts.findLastIndex(({ line }) => line <= index)
    const from = starts[nth] ?? { line: 0, byte: 0 }
    return from.byte + (breaks[nth]?.at[index - from.line] ?? 0)
  }
  const slice = (from: number, to: number): Uint8Array => {
    const found = new Uint8Array(to - from)
    for (const [nth, part] of parts.entries()) {
      const start = starts[nth]?.byte ?? 0
      const piece = part.subarray(Math.max(0, from - start), Math.max(0, to - start))
      if (piece.length > 0) found.set(piece, Math.max(0, start - from))
    }
    return found
  }
  const extentOf = (index: number) => ({
    from: index === 0 ? 0 : breakAt(index - 1) + 1,
    to: index < lines ? breakAt(index) - (endsInCrLf ? 1 : 0) : bytes,
  })
  return {
    count: lines + (isOpen ? 1 : 0),
    endsInCrLf,
    stray: strayBytes(parts),
    whole: (index) => {
      const { from, to } = extentOf(index)
      // A character stays in one row, which of bytes that are none cannot be said.
      const edge = (row: number): number => {
        const at = Math.min(to, from + row * ROW_BYTES)
        const ahead = slice(at, Math.min(to, at + 4))
        const head = ahead.findIndex((byte) => (byte & 0xc0) !== 0x80)
        if (head >= 0) return at + head
        return ahead.length < 4 ? to : at
      }
      const rows = Math.ceil((to - from) / ROW_BYTES)
      return {
        bytes: to - from,
        // What would be the last row can be the end of a character that stands in the one before.
        rows: rows > 1 && edge(rows - 1) === to ? rows - 1 : rows,
        at: (row) => {
          const [first, next] = [row === 0 ? from : edge(row), edge(row + 1)]
          return { from: first - from, text: decoded(slice(first, next)) }
        },
      }
    },
    at: (index) => {
      const { from, to } = extentOf(index)
      const isCut = to - from > MOST_BYTES
      const shown = slice(from, Math.min(to, from + MOST_BYTES))
      return { text: decoded(isCut ? shown.subarray(0, wholeTo(shown)) : shown), isCut }
    },
  }
}

type Breaks = { at: Uint32Array; crlf: number }
const NONE: Breaks = { at: new Uint32Array(), crlf: 0 }
// Another part that comes costs what is in it, and not what came before.
const known = new WeakMap<Uint8Array, Breaks>()

function breaksOf(part: Uint8Array): Breaks {
  const found = known.get(part)
  if (found) return found
  let count = 0
  for (let at = part.indexOf(LF); at >= 0; at = part.indexOf(LF, at + 1)) count += 1
  const breaks = { at: new Uint32Array(count), crlf: 0 }
  let nth = 0
  for (let at = part.indexOf(LF); at >= 0; at = part.indexOf(LF, at + 1)) {
    breaks.at[nth] = at
    if (at > 0 && part[at - 1] === CR) breaks.crlf += 1
    nth += 1
  }
  known.set(part, breaks)
  return breaks
}
