import { HIDDEN } from '#contract/hidden.ts'

/**
 * Text of a run for a terminal: a character that would act on the screen or reorder it is named instead. Line feed
 * and tab stay, for text of ours that holds them.
 */
export function defuse(text: string): string {
  return text.replaceAll(HIDDEN, (found) =>
    KEPT.has(found)
      ? found
      : Array.from(found, (one) => `<U+${hex(one.codePointAt(0) ?? 0)}>`).join(''),
  )
}

/**
 * The same in one line: line feed and tab are named too, or two keys with them would look like one [U1]. So are spaces in a
 * row, by their number, which would fill a line up and begin what looks like the next.
 */
export function inOneLine(text: string): string {
  return defuse(text)
    .replaceAll(/[\n\t]/g, (found) => `<U+${hex(found.charCodeAt(0))}>`)
    .replaceAll(/ {4,}/g, ({ length }) => `<${length} spaces>`)
}

/** JSON for a terminal: the same value, and such a character by its escape, as JSON itself does with most controls. */
export function defusedJson(value: unknown): string {
  const escaped = (unit: string) => `\\u${hex(unit.charCodeAt(0)).toLowerCase()}`
  return JSON.stringify(value, null, 2).replaceAll(HIDDEN, (found) =>
    KEPT.has(found) ? found : found.split('').map(escaped).join(''),
  )
}

const hex = (code: number) => code.toString(16).toUpperCase().padStart(4, '0')

const KEPT = new Set(['\n', '\t'])
