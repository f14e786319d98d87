import { parsePosition } from '#contract/frame.ts'
import { counted } from '#evidence/counted.ts'
import type { Gap } from '#live/gaps.ts'
import { useNarrow } from '#viewer/parts/narrow.ts'
import { RunText } from '#viewer/parts/run-text.tsx'
import { ToldWord } from '#viewer/parts/told.tsx'
import { VirtualList } from '#viewer/parts/virtual-list.tsx'
import { useLive } from '#viewer/store.ts'
import { useState } from 'react'
import {
  contradictionSaid,
  type FactList,
  type FactRow,
  type Said,
  serverContradicts,
  streamContradicts,
} from './two-timelines.ts'

const ROW_PX = 34
const SHOWN_GAPS = 3
const NARROW_ROW_PX = 56
const MOST_ROWS_IN_SIGHT = 18

/** The two timelines side by side: what the stream hinted, and what is on record. */
export function FactTable({
  facts,
  isEnded,
  isFilled,
  foldsSilence = false,
  onRange,
}: {
  /** A row that is not here yet is undefined. */
  facts: FactList
  /** On record, the run is over: what contradicts it now is counted. */
  isEnded: boolean
  isFilled: (gap: Gap) => boolean
  /** Where the record is on the same page, a column of what was not heard is shown to who asks. */
  foldsSilence?: boolean
  onRange?: (from: number, to: number) => void
}) {
  const { count, contradicted, contradictedBy, hinted } = facts
  const first = contradicted > 0 ? facts.at(0) : undefined
  const [isAsked, setIsAsked] = useState(false)
  const isFolded = foldsSilence && isEnded && hinted === 0 && contradicted === 0 && !isAsked
  return (
    // As far in as the other cards of the page that it is on.
    <section
      aria-label="Two timelines"
      className={`card overflow-hidden ${foldsSilence ? '[--inset:1rem]' : '[--inset:0.75rem]'}`}
    >
      <div className="border-b border-line px-(--inset) py-2">
        <h2 className="flex items-baseline justify-between font-semibold">
          Two timelines
          <span className="text-xs font-normal text-ink-3">
            {count > 0 && `${count.toLocaleString('en')} facts`}
          </span>
        </h2>
        <p className="text-xs text-ink-2">
          The stream hints, the record counts. What only the stream said does not exist for an
          audit.
        </p>
      </div>
      {isEnded && (
        <p
          className={`flex flex-wrap items-center gap-x-3 px-(--inset) py-1.5 ${isFolded ? '' : 'border-b'} ${contradicted > 0 ? 'border-bad bg-bad-wash text-bad' : 'border-line text-ink-2'}`}
        >
          {contradicted > 0
            ? `${whoContradicts(contradictedBy)} in ${counted(contradicted, 'fact')}${count > contradicted ? ', listed first' : ''}.`
            : hinted === 0
              ? 'This page heard nothing of this run on the stream, so there is nothing to hold against the record.'
              : `No contradiction in ${counted(hinted, 'fact')} that the stream said.`}
          {first && <RunText text={contradictionSaid(first)} max={400} />}
          {isFolded && (
            <button
              type="button"
              className="button ml-auto"
              data-look="quiet"
              onClick={() => setIsAsked(true)}
            >
              Show them all the same
            </button>
          )}
        </p>
      )}
      {!isFolded && <Facts facts={facts} isFilled={isFilled} {...(onRange ? { onRange } : {})} />}
    </section>
  )
}

function whoContradicts({ stream, server }: FactList['contradictedBy']): string {
  if (server === 0) return 'The stream contradicted the record'
  return stream === 0
    ? 'The server’s answer contradicted the verified record'
    : 'The stream or the server’s answer contradicted the verified record'
}

function Facts({
  facts,
  isFilled,
  onRange,
}: {
  facts: FactList
  isFilled: (gap: Gap) => boolean
  onRange?: (from: number, to: number) => void
}) {
  const narrow = useNarrow()
  const gaps = useLive((state) => state.board.gaps)
  const { count } = facts
  return (
    <>
      <div
        aria-hidden="true"
        className={`${narrow ? 'grid grid-cols-2 items-center gap-x-3 px-(--inset)' : COLUMNS} h-7 border-b border-line text-xs text-ink-3`}
      >
        {!narrow && <span>Fact</span>}
        <span>Stream hinted</span>
        <span>On record</span>
        {!narrow && <span>So it is</span>}
      </div>
      {gaps.length > SHOWN_GAPS && (
        <p className="border-b border-line px-(--inset) py-1.5 text-xs text-ink-2">
          {counted(gaps.length - SHOWN_GAPS, 'earlier stretch', 'earlier stretches')} of the stream
          did not arrive either.
        </p>
      )}
      {gaps.slice(-SHOWN_GAPS).map((gap) => (
        <GapRow key={`${gap.from} ${gap.to}`} gap={gap} isFilled={isFilled(gap)} narrow={narrow} />
      ))}
      {count === 0 ? (
        <p className="p-4 text-ink-2">Nothing was said yet, by the stream or by the record.</p>
      ) : (
        <VirtualList
          label="Facts of the run"
          count={count}
          rowPx={narrow ? NARROW_ROW_PX : ROW_PX}
          // Half a row more than fits: what is cut says that there is more.
          className={count > MOST_ROWS_IN_SIGHT ? 'h-[629px]' : ''}
          onRange={onRange}
          renderRow={(index) => {
            const row = facts.at(index)
            if (row === undefined) return <span className="skeleton m-2.5 block h-3 w-1/3" />
            return narrow ? <NarrowRow row={row} /> : <Row row={row} />
          }}
        />
      )}
    </>
  )
}

const COLUMNS =
  'grid grid-cols-[minmax(0,3fr)_minmax(9.5rem,3fr)_minmax(9.5rem,3fr)_6rem] items-center gap-x-3 px-(--inset)'

function Row({ row }: { row: FactRow }) {
  const { about, what, told } = row
  return (
    <div
      className={`${COLUMNS} h-full border-b border-line`}
      title={contradictionSaid(row) || undefined}
    >
      <About about={about} what={what} />
      <BothCells row={row} />
      <span>
        <ToldWord by={told.by} />
      </span>
    </div>
  )
}

/** What the stream said, and what is on record. */
function BothCells({ row }: { row: FactRow }) {
  const { hint, record, told } = row
  return (
    <>
      <SaidCell said={hint} none="not heard" dashed wrong={streamContradicts(row)} />
      <SaidCell
        said={record}
        none="not on record"
        answered={told.by === 'contradicted' && serverContradicts(row) ? told.instead : null}
      />
    </>
  )
}

/** The same two side by side, below what they are about. */
function NarrowRow({ row }: { row: FactRow }) {
  const { about, what, told } = row
  return (
    <div
      className="grid h-full grid-cols-2 items-center gap-x-3 border-b border-line px-(--inset) py-1"
      title={contradictionSaid(row) || undefined}
    >
      <About about={about} what={what} />
      <span className="justify-self-end">
        <ToldWord by={told.by} />
      </span>
      <BothCells row={row} />
    </div>
  )
}

/** A stretch that did not arrive: nothing is guessed for it, and only the record fills it. */
function GapRow({ gap, isFilled, narrow }: { gap: Gap; isFilled: boolean; narrow: boolean }) {
  return (
    <div
      data-gap={isFilled ? 'filled' : 'open'}
      className={`${narrow ? 'grid grid-cols-2 items-center gap-x-3 px-(--inset) py-1' : `${COLUMNS} h-[34px]`} border-b border-line`}
    >
      {!narrow && <About about="stream" what="gap" />}
      <span
        className="gap-hatch truncate border-x border-dashed border-waiting px-1.5"
        title={`${gap.from ?? ''} to ${gap.to}`}
      >
        {framesOf(gap)} did not arrive
      </span>
      <span className="truncate text-ink-2">
        {isFilled ? 'the record is newer' : 'being asked for'}
      </span>
      {!narrow && <span>{isFilled && <ToldWord by="recorded" />}</span>}
    </div>
  )
}

// Which start of the server it was behind the number is for who asks.
function framesOf({ from, to }: Gap): string {
  const last = parsePosition(to)?.seq
  const first = from === null ? null : parsePosition(from)?.seq
  if (last === undefined || first === undefined) return 'some frames'
  if (first === null)
    return last === 0 ? 'frames before the server started anew' : `frames up to ${last}`
  return first === last ? `frame ${last}` : `frames ${first} to ${last}`
}

function About({ about, what }: { about: string; what: FactRow['what'] | 'gap' }) {
  return (
    <span className="truncate">
      <span className="font-medium">
        <RunText text={about} max={80} />
      </span>{' '}
      <span className="text-ink-2">{what}</span>
    </span>
  )
}

function SaidCell({
  said,
  none,
  dashed = false,
  wrong = false,
  answered = null,
}: {
  said: Said | null
  none: string
  dashed?: boolean
  wrong?: boolean
  /** What the server answered in the place of what is on record. */
  answered?: string | null
}) {
  return (
    <span className="truncate text-ink-2">
      {said === null ? (
        <span className={`text-ink-3 ${dashed ? 'border-b border-dashed border-line-strong' : ''}`}>
          {none}
        </span>
      ) : (
        <>
          {wrong ? (
            <s className="text-bad">
              <RunText text={said.value} max={60} />
            </s>
          ) : (
            <RunText text={said.value} max={60} />
          )}{' '}
          {answered !== null && (
            <span className="text-bad">
              answered{' '}
              <s>
                <RunText text={answered} max={60} />
              </s>{' '}
            </span>
          )}
          <time dateTime={said.at ?? undefined} className="text-xs text-ink-3">
            {said.at?.slice(11, 23)}
          </time>
        </>
      )}
    </span>
  )
}
