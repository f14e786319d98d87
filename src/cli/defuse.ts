/**
 * Text of a run for a terminal: a character that would act on the screen or reorder it is named instead. `keep`: line
 * feed and tab stay, for text of ours that holds them.
 */
export function defuse(text: string): string {
  return text.replaceAll(HARMFUL, (found) => `<U+${hex(found.codePointAt(0) ?? 0)}>`)
}

/** JSON for a terminal: the same value, and such a character by its escape, as JSON itself does with most controls. */
export function defusedJson(value: unknown): string {
  const escaped = (unit: string) => `\\u${hex(unit.charCodeAt(0)).toLowerCase()}`
  return JSON.stringify(value, null, 2).replaceAll(HARMFUL, (found) =>
    found.split('').map(escaped).join(''),
  )
}

const hex = (code: number) => code.toString(16).toUpperCase().padStart(4, '0')

// Controls but line feed and tab, line separators, bidirectional and invisible format characters, tags, surrogates.
const HARMFUL = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]|\u034F/gu
