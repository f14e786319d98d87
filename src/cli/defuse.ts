/**
 * Text of a run for a terminal: a character that would act on the screen or reorder it is named instead. `keep`: line
 * feed and tab stay, for text of ours that holds them.
 */
export function defuse(text: string): string {
  return text.replaceAll(HARMFUL, (found) => `<U+${hex(found.codePointAt(0) ?? 0)}>`)
}

const hex = (code: number) => code.toString(16).toUpperCase().padStart(4, '0')

// Controls but line feed and tab, line separators, bidirectional and invisible format characters, tags, surrogates.
const HARMFUL = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]|\u034F/gu
