import { RunText } from './run-text.tsx'
import { plain } from './visible.ts'

const END_CHARS = 18
const MAX_CHARS = 200

/**
 * The key of a record in one line. Where there is no room for all of it the middle is left out: keys that are paths are
 * told apart by their ends. The whole is its title, and what is said of it.
 */
export function KeyText({ text }: { text: string }) {
  if (text.length <= END_CHARS)
    return (
      <span className="truncate">
        <RunText text={text} />
      </span>
    )
  const at = endOf(text)
  return (
    <span className="flex min-w-0" title={plain(text, MAX_CHARS)}>
      <span className="sr-only">
        <RunText text={text} max={MAX_CHARS} />
      </span>
      <span aria-hidden="true" className="min-w-0 truncate whitespace-pre">
        <RunText text={text.slice(0, at)} />
      </span>
      <span aria-hidden="true" className="shrink-0 whitespace-pre">
        <RunText text={text.slice(at)} />
      </span>
    </span>
  )
}

/** Not in the middle of a character of two units. */
function endOf(text: string): number {
  const at = text.length - END_CHARS
  return /[\uDC00-\uDFFF]/.test(text[at] ?? '') ? at - 1 : at
}
