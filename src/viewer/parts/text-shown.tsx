import { counted } from '#evidence/counted.ts'
import { useState } from 'react'
import { classesOf, parseAnsi, PLAIN } from './ansi.ts'
import { RunText } from './run-text.tsx'
import { type TextLines, textLines } from './text-lines.ts'
import { VirtualList } from './virtual-list.tsx'

const ROW_PX = 20

/** A log is text whatever is in it; an artifact with a null byte in it is not: null. */
export const linesOf = (kind: 'log' | 'artifact', parts: readonly Uint8Array[]): TextLines | null =>
  kind === 'log' || !parts.some((part) => part.includes(0)) ? textLines(parts) : null

/** What is said once of a whole text; of most there is nothing to say. */
export function saidOfText({ endsInCrLf, stray }: TextLines): string {
  const said: string[] = []
  if (endsInCrLf) said.push('Its lines end in CR LF.')
  if (stray !== null) {
    const where = `byte ${(stray.first + 1).toLocaleString('en')}`
    said.push(
      stray.count === 1
        ? `Its ${where} is no text, and named where it stands.`
        : `${stray.count.toLocaleString('en')} of its bytes are no text, ${where} the first, and named where they stand.`,
    )
  }
  return said.join(' ')
}

/** A text to its end, its lines numbered, and each to its end by who asks for it [U1]. */
export function TextShown({ lines, label }: { lines: TextLines; label: string }) {
  const [whole, setWhole] = useState<number | null>(null)
  return (
    <>
      <VirtualList
        label={label}
        className={`bg-sunken py-1 font-mono text-xs ${lines.count > 16 ? 'h-80' : ''}`}
        count={lines.count}
        rowPx={ROW_PX}
        renderRow={(index) => (
          <Line index={index} line={lines.at(index)} onWhole={() => setWhole(index)} />
        )}
      />
      {whole !== null && whole < lines.count && (
        <WholeLine
          key={whole}
          number={whole + 1}
          line={lines.whole(whole)}
          onClose={() => setWhole(null)}
        />
      )}
    </>
  )
}

/** A line that is too long for one row, to its end. */
function WholeLine({
  number,
  line: { bytes, rows, at },
  onClose,
}: {
  number: number
  line: ReturnType<TextLines['whole']>
  onClose: () => void
}) {
  return (
    <section aria-label={`Line ${number}`} className="border-t border-line">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1">
        <h4 className="font-medium">
          Line {number}: all of its {counted(bytes, 'byte')}
        </h4>
        <button type="button" className="button ml-auto min-h-7 text-xs" onClick={onClose}>
          Close it
        </button>
      </div>
      <VirtualList
        label={`All of line ${number}`}
        className="h-80 bg-sunken py-1 font-mono text-xs"
        count={rows}
        rowPx={ROW_PX}
        renderRow={(row) => {
          const { from, text } = at(row)
          return (
            <div className="flex h-5 gap-3 pr-4 leading-5">
              <span aria-hidden="true" className="w-20 shrink-0 text-right text-ink-3 select-none">
                {from.toLocaleString('en')}
              </span>
              <span className="whitespace-pre">
                <RunText text={text} max={text.length} keep={'\t'} isOfBytes />
              </span>
            </div>
          )
        }}
      />
    </section>
  )
}

function Line({
  index,
  line: { text, isCut },
  onWhole,
}: {
  index: number
  line: { text: string; isCut: boolean }
  onWhole: () => void
}) {
  return (
    <div className="flex h-5 gap-3 pr-4 leading-5">
      <span aria-hidden="true" className="w-14 shrink-0 text-right text-ink-3 select-none">
        {index + 1}
      </span>
      {/* Before the text: behind it would be far out of sight. */}
      {isCut && (
        <button
          type="button"
          className="link shrink-0 font-sans whitespace-nowrap"
          onClick={onWhole}
        >
          Show all of line {index + 1}
        </button>
      )}
      <span className="whitespace-pre">
        {parseAnsi(text, PLAIN).spans.map((span, nth) => (
          <span key={nth} className={classesOf(span.look)}>
            <RunText text={span.text} max={text.length} keep={'\t'} isOfBytes />
          </span>
        ))}
        {isCut && <span className="text-ink-3">…</span>}
      </span>
    </div>
  )
}
