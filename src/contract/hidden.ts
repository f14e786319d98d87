/**
 * Characters of untrusted text that would act on a screen or a terminal, reorder what stands there, or be there without
 * showing: one list for the page and for the command line [U1, C5]. What is left of a text looks like another one only
 * where it is another one, as far as characters go: letters that look alike, and spaces of another width, are left.
 *
 * Controls, format characters, separators of lines, half a surrogate pair; all that Unicode has rendered as nothing where
 * it is not supported, variation selectors and fillers too, and the few that are blank without being spaces. A selector
 * of emoji stands right after an emoji or in a keycap, U+200D between two emoji, and nowhere else. After four combining
 * marks the rest of a pile is one match.
 */
export const HIDDEN =
  // oxlint-disable-next-line no-misleading-character-class -- each of them is meant by itself
  /(?![\uFE0E\uFE0F\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{16FE4}\u{1D159}]|(?<!\p{Extended_Pictographic}|[0-9#*](?=.\u20E3))[\uFE0E\uFE0F]|(?<!\p{Extended_Pictographic}\uFE0F?|[\u{1F3FB}-\u{1F3FF}])\u200D|\u200D(?!\p{Extended_Pictographic})|(?<=\p{M}{4})\p{M}+/gu
