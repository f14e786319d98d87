/**
 * The first byte that no JSON document has in its place, or how many there are where an end is missing; null where they
 * are one document, or nest so deep that nobody is to keep count. Engines say it each in another way. Never reads ahead.
 */
export function jsonBreakIn(bytes: Uint8Array): number | null {
  /** Of each list or object that is open, what ends it. */
  const open: number[] = []
  let next: Next = 'value'
  let at = 0
  for (;;) {
    while (isSpace(bytes[at])) at += 1
    const byte = bytes[at]
    if (byte === undefined) return next === 'end' ? null : bytes.length
    if (next === 'end') return at
    const closes = open.at(-1)
    if (byte === closes && (next === 'more' || next === 'first')) {
      open.pop()
      at += 1
      next = open.length === 0 ? 'end' : 'more'
    } else if (next === 'more') {
      if (byte !== COMMA) return at
      at += 1
      next = closes === CLOSE_OBJECT ? 'key' : 'value'
    } else if (next === 'colon') {
      if (byte !== COLON) return at
      at += 1
      next = 'value'
    } else if (next === 'key' || (next === 'first' && closes === CLOSE_OBJECT)) {
      if (byte !== QUOTE) return at
      const end = afterText(bytes, at)
      if (end.isBroken) return end.at
      at = end.at
      next = 'colon'
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (open.length === MOST_OPEN) return null
      open.push(byte === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT)
      at += 1
      next = 'first'
    } else {
      const end = afterPlain(bytes, at)
      if (end.isBroken) return end.at
      at = end.at
      next = open.length === 0 ? 'end' : 'more'
    }
  }
}

/** `first`: of a list or an object that has just begun, which may also end there. */
type Next = 'value' | 'first' | 'key' | 'colon' | 'more' | 'end'
type End = { readonly at: number; readonly isBroken: boolean }

const MOST_OPEN = 1_000_000

/** A text, number or word. */
function afterPlain(bytes: Uint8Array, at: number): End {
  const byte = bytes[at] ?? 0
  if (byte === QUOTE) return afterText(bytes, at)
  const word = WORDS.find((one) => one.charCodeAt(0) === byte)
  return word === undefined ? afterNumber(bytes, at) : afterWord(bytes, at, word)
}

const WORDS = ['true', 'false', 'null'] as const

function afterWord(bytes: Uint8Array, begin: number, word: string): End {
  for (let nth = 0; nth < word.length; nth += 1)
    if (bytes[begin + nth] !== word.charCodeAt(nth)) return { at: begin + nth, isBroken: true }
  return { at: begin + word.length, isBroken: false }
}

function afterText(bytes: Uint8Array, begin: number): End {
  let at = begin + 1
  for (;;) {
    const byte = bytes[at]
    if (byte === undefined || byte < SPACE) return { at, isBroken: true }
    if (byte === QUOTE) return { at: at + 1, isBroken: false }
    if (byte === BACKSLASH) {
      at += 1
      const escaped = bytes[at]
      if (escaped === undefined || !ESCAPED.has(escaped)) return { at, isBroken: true }
      for (let digits = escaped === LETTER_U ? 4 : 0; digits > 0; digits -= 1) {
        at += 1
        if (!isHex(bytes[at])) return { at, isBroken: true }
      }
    }
    at += 1
  }
}

function afterNumber(bytes: Uint8Array, begin: number): End {
  let at = begin
  if (bytes[at] === MINUS) at += 1
  const digits = (): boolean => {
    const from = at
    while (isDigit(bytes[at])) at += 1
    return at > from
  }
  if (bytes[at] === ZERO) at += 1
  else if (!digits()) return { at, isBroken: true }
  if (bytes[at] === POINT) {
    at += 1
    if (!digits()) return { at, isBroken: true }
  }
  if (bytes[at] === LETTER_E || bytes[at] === CAPITAL_E) {
    at += 1
    if (bytes[at] === MINUS || bytes[at] === PLUS) at += 1
    if (!digits()) return { at, isBroken: true }
  }
  return { at, isBroken: false }
}

/** The first byte that is no UTF-8; null where all are. */
export function utf8BreakIn(bytes: Uint8Array): number | null {
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0
    const more =
      lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
    if (more === -1) return at
    for (let nth = 1; nth <= more; nth += 1) {
      const byte = bytes[at + nth] ?? 0
      // No longer form than is needed, no surrogate, and nothing beyond U+10FFFF.
      const least = nth > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
      const most = nth > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
      if (byte < least || byte > most) return at + nth
    }
    at += more + 1
  }
  return null
}

const isSpace = (byte: number | undefined): boolean =>
  byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09
const isDigit = (byte: number | undefined): boolean =>
  byte !== undefined && byte >= ZERO && byte <= 0x39
const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66)

const [SPACE, QUOTE, PLUS, COMMA, MINUS, POINT, ZERO, COLON] = [
  0x20, 0x22, 0x2b, 0x2c, 0x2d, 0x2e, 0x30, 0x3a,
] as const
const [CAPITAL_E, LETTER_E, LETTER_U, BACKSLASH] = [0x45, 0x65, 0x75, 0x5c] as const
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d] as const
const ESCAPED: ReadonlySet<number> = new Set(new TextEncoder().encode(String.raw`"\/bfnrtu`))
