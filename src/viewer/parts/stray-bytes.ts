/** Bytes that are of no character in UTF-8: how many, and the place of the first, from 0. */
export type Stray = { count: number; first: number }

/** Those of a text that may come in parts, a character running on from one to the next. */
export function strayBytes(parts: readonly Uint8Array[]): Stray | null {
  const found: Stray[] = []
  const note = (stray: Stray | null, from: number) => {
    if (stray !== null) found.push({ count: stray.count, first: from + stray.first })
  }
  // What the next part may make a character of.
  let open = new Uint8Array()
  let at = 0
  for (const part of parts) {
    const { from, to, stray } = innerOf(part)
    const edge = joined(open, part.subarray(0, from))
    if (from === part.length) open = edge
    else {
      note(strayIn(edge), at - open.length)
      note(stray, at + from)
      open = part.slice(to)
    }
    at += part.length
  }
  note(strayIn(open), at - open.length)
  const [first] = found
  if (first === undefined) return null
  return { count: found.reduce((sum, { count }) => sum + count, 0), first: first.first }
}

/** A text whose stray bytes are each half a surrogate pair, U+DC00 and the byte, which no UTF-8 decodes to. */
export function decoded(bytes: Uint8Array): string {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
  if (!text.includes('\uFFFD')) return text
  let whole = ''
  let from = 0
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  for (let at = nextStray(bytes, 0); at >= 0; at = nextStray(bytes, from)) {
    const before = decoder.decode(bytes.subarray(from, at))
    whole += before + String.fromCharCode(0xdc00 + byteAt(bytes, at))
    from = at + 1
  }
  return whole + decoder.decode(bytes.subarray(from))
}

/** Where a character begins that these bytes have not to its end; else their end. */
export function wholeTo(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 3); at -= 1) {
    const byte = byteAt(bytes, at)
    if (isWithin(byte)) continue
    return sizeOf(byte) > bytes.length - at ? at : bytes.length
  }
  return bytes.length
}

type Inner = { from: number; to: number; stray: Stray | null }
// Another part that comes costs what is in it, and not what came before.
const known = new WeakMap<Uint8Array, Inner>()

/** All of a part that no other part has to do with. */
function innerOf(part: Uint8Array): Inner {
  const before = known.get(part)
  if (before) return before
  const head = part.findIndex((byte) => !isWithin(byte))
  const from = head < 0 ? part.length : head
  const to = Math.max(from, wholeTo(part))
  const inner = { from, to, stray: strayIn(part.subarray(from, to)) }
  known.set(part, inner)
  return inner
}

function strayIn(bytes: Uint8Array): Stray | null {
  const first = nextStray(bytes, 0)
  if (first < 0) return null
  let count = 0
  for (let at = first; at >= 0; at = nextStray(bytes, at + 1)) count += 1
  return { count, first }
}

function nextStray(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length;) {
    const size = byteAt(bytes, at) < 0x80 ? 1 : characterAt(bytes, at)
    if (size === 0) return at
    at += size
  }
  return -1
}

// The Unicode Standard, table 3-7: nothing longer than it has to be, no surrogate, nothing above U+10FFFF.
function characterAt(bytes: Uint8Array, at: number): number {
  const lead = byteAt(bytes, at)
  const size = sizeOf(lead)
  const second = byteAt(bytes, at + 1)
  const [low, high] = SECOND[lead] ?? [0x80, 0xbf]
  if (size === 0 || second < low || second > high) return 0
  for (let more = 2; more < size; more += 1) if (!isWithin(byteAt(bytes, at + more))) return 0
  return size
}

const SECOND: Readonly<Record<number, readonly [low: number, high: number]>> = {
  0xe0: [0xa0, 0xbf],
  0xed: [0x80, 0x9f],
  0xf0: [0x90, 0xbf],
  0xf4: [0x80, 0x8f],
}

/** Bytes of a character that begins so, and is more than one; 0: none does. */
function sizeOf(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0
  if (lead < 0xe0) return 2
  return lead < 0xf0 ? 3 : 4
}

/** Of a character that began before. */
const isWithin = (byte: number): boolean => (byte & 0xc0) === 0x80

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}
