/**
 * JSON for whoever reads line by line. Attacker: a text with U+2028 or U+2029, which JSON leaves as they are and at which
 * Node's readline ends a line, so that the half of a message is heard as a broken one.
 */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (end) =>
    end === '\u2028' ? String.raw`\u2028` : String.raw`\u2029`,
  )
}
