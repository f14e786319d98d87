import { HIDDEN } from '#contract/hidden.ts'

/** A stretch of untrusted text: shown as it is, or one character that would act or hide, named instead. */
export type Piece = { shown: string } | { named: string; means: string }

/**
 * Text of a run or a person, without the characters that would act on the reader's screen or hide from it [U1]:
 * controls, bidirectional overrides, zero-width and other invisible ones, lone surrogates, and piles of combining
 * marks. They are named, never dropped: a name with a hidden character in it must not look like the one without.
 * `keep` are the control characters that the place can show (line feed and tab in a block of text). `isOfBytes`: half a
 * pair stands for a byte that was no text.
 */
export function visible(text: string, keep: '' | '\n\t' | '\t' = '', isOfBytes = false): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const match of text.matchAll(HIDDEN)) {
    const [found] = match
    if (keep.includes(found)) continue
    if (match.index > from) pieces.push({ shown: text.slice(from, match.index) })
    pieces.push((isOfBytes && byteOf(found)) || nameOf(found))
    from = match.index + found.length
  }
  if (from < text.length) pieces.push({ shown: text.slice(from) })
  return pieces
}

/** The same as one string, for where no element can stand: the title of a page, an option, a label. */
export function plain(text: string, max = 160): string {
  const cut = text.length > max ? `${text.slice(0, max)}…` : text
  return visible(cut)
    .map((piece) => ('shown' in piece ? piece.shown : piece.named))
    .join('')
}

const NAMES: Readonly<Record<string, string>> = {
  '\0': 'null',
  '\t': 'tab',
  '\n': 'line feed',
  '\r': 'carriage return',
  '\u001B': 'escape',
  '\u00AD': 'soft hyphen',
  '\u061C': 'arabic letter mark',
  '\u200B': 'zero width space',
  '\u200C': 'zero width non-joiner',
  '\u200D': 'zero width joiner',
  '\u200E': 'left-to-right mark',
  '\u200F': 'right-to-left mark',
  '\u202A': 'left-to-right embedding',
  '\u202B': 'right-to-left embedding',
  '\u202C': 'pop directional formatting',
  '\u202D': 'left-to-right override',
  '\u202E': 'right-to-left override',
  '\u2066': 'left-to-right isolate',
  '\u2067': 'right-to-left isolate',
  '\u2068': 'first strong isolate',
  '\u2069': 'pop directional isolate',
  '\uFE0E': 'variation selector for text',
  '\uFE0F': 'variation selector for emoji',
  '\uFEFF': 'byte order mark',
}
// Only signs that every font has: of others a reader sees the same empty box.
const SIGNS: Readonly<Record<string, string>> = { '\n': '↵', '\t': '⇥' }

function byteOf(found: string): Piece | null {
  const byte = found.charCodeAt(0) - 0xdc00
  if (byte < 0x80 || byte > 0xff) return null
  const hex = byte.toString(16).toUpperCase()
  return { named: `byte ${hex}`, means: `a byte that is no text, ${hex} in hexadecimal` }
}

function nameOf(found: string): Piece {
  const codes = Array.from(
    found,

    (character) =>
      `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
  )
  if (codes.length > 1)
    return { named: `+${codes.length} marks`, means: `${codes.length} more combining marks` }
  const [code = ''] = codes
  return { named: SIGNS[found] ?? code, means: `${code} ${NAMES[found] ?? 'invisible character'}` }
}
