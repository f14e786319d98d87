import type { Attempt } from '#contract/run.ts'
import type { Tone } from '#contract/status.ts'
import { wordsOf } from '#viewer/api.ts'
import { counted } from '#evidence/counted.ts'
import { bytesSaid } from '#viewer/parts/bytes-said.ts'
import { classesOf, type Span } from '#viewer/parts/ansi.ts'
import { useHotkeys } from '#viewer/parts/hotkeys.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { State } from '#viewer/parts/state.tsx'
import { plain } from '#viewer/parts/visible.ts'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import type { LogAddress } from '#viewer/queries.ts'
import type { LogLine } from '#viewer/stream/log-tail.ts'
import { useLogTail } from '#viewer/stream/use-log-tail.ts'
import { useMemo, useRef, useState } from 'react'

const LINE_PX = 20
const MAX_LINE_CHARS = 4000

/** The log of one attempt as it grows. */
export function LogPane({
  address,
  attempts,
  state,
  choose,
}: {
  address: LogAddress
  attempts: readonly Attempt[]
  state: { label: string; tone: Tone }
  choose: (attempt: number) => void
}) {
  const known = attempts.find(({ attempt }) => attempt === address.attempt)?.output_bytes ?? 0
  const { tail, loadAll } = useLogTail(address, known)
  const [follow, setFollow] = useState(true)
  const [query, setQuery] = useState('')
  const [hit, setHit] = useState(0)
  const box = useRef<HTMLInputElement>(null)
  useHotkeys({ f: () => setFollow(!follow), '/': () => box.current?.focus() })
  const hits = useMemo(() => find(tail.lines, query), [tail.lines, query])
  const active = hits[hit % Math.max(1, hits.length)]
  const next = (by: 1 | -1) => {
    setFollow(false)
    setHit((hit + by + hits.length) % Math.max(1, hits.length))
  }
  return (
    <div className="flex h-140 flex-col">
      <div className="flex min-h-9 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-3 py-1">
        <h2 className="flex min-w-0 items-center gap-2 font-semibold">
          <span className="truncate">
            <RunText text={address.step_id} max={80} />
          </span>
          <State of={state} />
        </h2>
        {attempts.length > 1 && (
          <fieldset className="flex gap-1">
            <legend className="sr-only">Attempts</legend>
            {attempts.map(({ attempt }) => (
              <button
                key={attempt}
                type="button"
                className="button min-h-6 px-2 text-xs"
                data-look={attempt === address.attempt ? undefined : 'quiet'}
                aria-pressed={attempt === address.attempt}
                onClick={() => choose(attempt)}
              >
                Attempt {attempt}
              </button>
            ))}
          </fieldset>
        )}
        <span className="ml-auto flex items-center gap-1.5">
          <input
            ref={box}
            type="search"
            className="field min-h-7 w-36 py-0"
            placeholder="Search   /"
            aria-label="Search in the loaded part of the log"
            value={query}
            onChange={(event) => {
              setQuery(event.target.value)
              setHit(0)
            }}
            onKeyDown={(event) => {
              if (event.key === 'Enter') next(event.shiftKey ? -1 : 1)
            }}
          />
          {query !== '' && (
            <output className="text-xs text-ink-2">
              {hits.length === 0 ? 'none' : `${(hit % hits.length) + 1} of ${hits.length}`}
            </output>
          )}
          <button
            type="button"
            className="button min-h-7 px-2 text-xs"
            aria-pressed={follow}
            onClick={() => setFollow(!follow)}
          >
            {follow ? 'Following' : 'Follow'}
          </button>
        </span>
      </div>
      {(tail.from > 0 || tail.truncated || tail.error !== null) && (
        <div className="flex flex-wrap items-center gap-x-3 border-b border-line bg-sunken px-3 py-1 text-xs text-ink-2">
          {tail.from > 0 && (
            <>
              <span>The first {bytesSaid(tail.from)} are not loaded.</span>
              <button type="button" className="link" onClick={loadAll}>
                Load from the beginning
              </button>
            </>
          )}
          {tail.truncated && (
            <span className="text-waiting">
              The log was cut at its limit: the step wrote more than is kept.
            </span>
          )}
          {tail.error !== null && (
            <span role="alert" className="min-w-0 wrap-anywhere text-bad">
              {wordsOf(tail.error).title}: {wordsOf(tail.error).detail}. Trying again.
            </span>
          )}
        </div>
      )}
      {tail.lines.length === 0 ? (
        <p className="flex-1 p-4 text-ink-2">
          {!tail.loaded
            ? 'Reading the log.'
            : tail.ended
              ? 'The step wrote nothing.'
              : 'The step has written nothing yet.'}
        </p>
      ) : (
        <VirtualList
          label={`Log of ${plain(address.step_id)}`}
          className="flex-1 py-1 font-mono text-xs"
          count={tail.lines.length}
          rowPx={LINE_PX}
          follow={follow && query === ''}
          onFollow={(atEnd) => {
            if (atEnd !== follow && query === '') setFollow(atEnd)
          }}
          active={query === '' ? undefined : active}
          renderRow={(index) => {
            const line = tail.lines[index]
            return (
              line && (
                <Line
                  line={line}
                  number={tail.from === 0 ? index + 1 : null}
                  marked={query !== '' && index === active}
                />
              )
            )
          }}
        />
      )}
      <div className="flex min-h-7 flex-wrap items-center justify-between gap-x-3 border-t border-line px-3 py-0.5 text-xs text-ink-3">
        <span>
          {counted(tail.lines.length, 'line')}
          {tail.from === 0 && tail.to >= tail.total
            ? `, ${bytesSaid(tail.total)}`
            : ` loaded, ${bytesSaid(tail.to - tail.from)} of ${bytesSaid(tail.total)}`}
        </span>
        <span>{tail.ended ? 'complete' : 'may grow'} · as the server sent it, not checked</span>
      </div>
    </div>
  )
}

function Line({ line, number, marked }: { line: LogLine; number: number | null; marked: boolean }) {
  const { shown, more } = bounded(line.spans)
  return (
    <div
      className={`flex h-5 gap-3 pr-4 leading-5 ${line.pipe === 'stderr' ? 'bg-bad-wash' : ''} ${marked ? 'bg-waiting-wash' : ''}`}
    >
      <span aria-hidden="true" className="w-14 shrink-0 text-right text-ink-3 select-none">
        {number}
      </span>
      <span className="w-7 shrink-0 text-ink-2 select-none">
        {line.pipe === 'stdout' ? '' : line.pipe === 'stderr' ? 'err' : 'sys'}
      </span>
      <span className="whitespace-pre">
        {shown.map((span, index) => (
          <span key={index} className={classesOf(span.look)}>
            <RunText text={span.text} max={MAX_LINE_CHARS} keep={'\t'} />
          </span>
        ))}
        {more > 0 && (
          <span className="text-ink-3" title="The rest is not drawn here">
            … {more.toLocaleString('en')} more characters
          </span>
        )}
      </span>
    </div>
  )
}

// A line of many spans is bounded as a whole, not each span by itself.
function bounded(spans: readonly Span[]): { shown: readonly Span[]; more: number } {
  let left = MAX_LINE_CHARS
  const shown: Span[] = []
  for (const { text, look } of spans) {
    if (left > 0) shown.push({ look, text: text.slice(0, left) })
    left -= text.length
  }
  return { shown, more: Math.max(0, -left) }
}

// Plain text, case ignored: linear in the length of what is loaded.
function find(lines: readonly LogLine[], query: string): number[] {
  if (query === '') return []
  const wanted = query.toLowerCase()
  return lines.flatMap(({ spans }, index) =>
    spans
      .map(({ text }) => text)
      .join('')
      .toLowerCase()
      .includes(wanted)
      ? [index]
      : [],
  )
}
