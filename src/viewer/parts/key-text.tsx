import { RunText } from './run-text.tsx'
import { plain } from './visible.ts'

const MAX_CHARS = 200

/**
 * The key of a record in one line. Where there is no room for all of it the beginning is left out: keys that are paths
 * or numbered are told apart by their ends. The whole is its title.
 */
export function KeyText({ text }: { text: string }) {
  const end = keyEnd(text, MAX_CHARS)
  return (
    // From right to left, so that what overflows is its beginning; the text itself is isolated and stays as it is.
    <span dir="rtl" className="block truncate text-left" title={plain(text, 1000)}>
      <RunText text={end === text ? text : `…${end}`} />
    </span>
  )
}

/** Not from the middle of a character of two units. */
export function keyEnd(text: string, chars: number): string {
  return text.slice(-chars).replace(/^[\uDC00-\uDFFF]/, '')
}
