/**
 * A value on one line, as text: a text is itself, everything else is JSON. Only the beginning of what is long, since
 * megabytes are not drawn.
 */
export function valueSaid(value: unknown, max = 200): string {
  if (typeof value === 'string') return value.slice(0, max + 1)
  return (JSON.stringify(value) ?? '').slice(0, max + 1)
}
