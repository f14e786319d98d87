import { useMemo, useState } from 'react'
import { RunText } from './run-text.tsx'
import { VirtualList } from './virtual-list.tsx'

const ROW_PX = 20
const ROW_CHARS = 100

/** A text of any length: its beginning, and all of it to its end for whoever asks, of which only what is in sight exists. */
export function LongText({
  text,
  max,
  what,
  block = false,
}: {
  text: string
  /** 0: its beginning stands elsewhere. */
  max: number
  /** What it is, to a screen reader. */
  what: string
  block?: boolean
}) {
  const [isAll, setIsAll] = useState(false)
  if (text.length <= max) return <RunText text={text} max={max} block={block} />
  return (
    <>
      {isAll ? (
        <Rows text={text} what={what} />
      ) : (
        max > 0 && <RunText text={text} max={max} block={block} />
      )}{' '}
      <button
        type="button"
        className="button min-h-7 font-sans text-xs"
        aria-expanded={isAll}
        onClick={() => setIsAll(!isAll)}
      >
        {isAll
          ? 'Show its beginning alone'
          : `Show all ${text.length.toLocaleString('en')} characters`}
      </button>
    </>
  )
}

/** In rows of so many characters, each with the place of its first. A line feed is named and ends its row. */
function Rows({ text, what }: { text: string; what: string }) {
  const starts = useMemo(() => startsOf(text), [text])
  return (
    <VirtualList
      label={`All of ${what}`}
      className="h-80 rounded-md bg-sunken py-1 font-mono text-xs"
      count={starts.length}
      rowPx={ROW_PX}
      renderRow={(index) => {
        const from = starts[index] ?? 0
        return (
          <div className="flex h-5 gap-3 pr-4 leading-5">
            <span aria-hidden="true" className="w-16 shrink-0 text-right text-ink-3 select-none">
              {from.toLocaleString('en')}
            </span>
            <span className="whitespace-pre">
              <RunText text={text.slice(from, starts[index + 1])} max={ROW_CHARS + 1} />
            </span>
          </div>
        )
      }}
    />
  )
}

export function startsOf(text: string): number[] {
  const starts: number[] = []
  for (let from = 0; from < text.length;) {
    starts.push(from)
    const feed = text.indexOf('\n', from)
    const end = feed >= 0 && feed < from + ROW_CHARS ? feed + 1 : from + ROW_CHARS
    // Halves of one character would each be named as what they are not.
    from = end + (isLow(text, end) ? 1 : 0)
  }
  return starts
}

const isLow = (text: string, at: number): boolean => {
  const code = text.charCodeAt(at)
  const before = text.charCodeAt(at - 1)
  return code >= 0xdc_00 && code <= 0xdf_ff && before >= 0xd8_00 && before <= 0xdb_ff
}
