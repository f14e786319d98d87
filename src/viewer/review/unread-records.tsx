import { RunText } from '#viewer/parts/run-text.tsx'
import { useRef, useState } from 'react'
import { Link } from 'wouter'
import type { Walked } from './walk-chain.ts'

/** What is asked for again now: one record, or all that could not be had; null where nothing is. */
export type AskingAgain = {
  asking: { only: string | null } | null
  askAgain: (only: string | null) => void
}

/** So many are named at a time. */
export const MOST_NAMED = 100

/** Records that the server lists and did not give: each can be asked for again by itself. */
export function UnreadRecords({
  walked,
  asking,
  askAgain,
}: { walked: readonly Walked[] } & AskingAgain) {
  const [shown, setShown] = useState(MOST_NAMED)
  const list = useRef<HTMLUListElement>(null)
  const them = walked.length === 1 ? 'it' : 'them'
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="max-w-prose">
        The server lists {them}, or a record names {them}, and what was answered is no record.
        Nothing is known of {them}: all else is said of the others alone.
      </p>
      <ul ref={list} className="w-full divide-y divide-line rounded-md border border-line">
        {walked.slice(0, shown).map((one) => {
          const { evidence_id } = one.listed
          return (
            <li key={evidence_id} className="flex flex-wrap items-center gap-x-4 gap-y-2 px-3 py-2">
              <span className="min-w-0 flex-1 basis-64 wrap-anywhere">
                <OneNamed one={one} />
              </span>
              <AskAgain said="Ask again" only={evidence_id} asking={asking} askAgain={askAgain} />
            </li>
          )
        })}
      </ul>
      <div className="flex flex-wrap gap-2">
        {walked.length > 1 && (
          <AskAgain
            said="Ask again for all of them"
            only={null}
            asking={asking}
            askAgain={askAgain}
          />
        )}
        {walked.length > shown && (
          <button
            type="button"
            className="button"
            onClick={() => {
              setShown(shown + MOST_NAMED)
              requestAnimationFrame(() =>
                list.current?.children[shown]?.querySelector('button')?.focus(),
              )
            }}
          >
            Show {Math.min(MOST_NAMED, walked.length - shown)} more
          </button>
        )}
      </div>
    </div>
  )
}

/** Where the list broke off: what is behind is not known, and can be asked for. */
export function Unlisted({ why, asking, askAgain }: { why: string } & AskingAgain) {
  return (
    <div className="flex flex-col items-start gap-2">
      <p className="max-w-prose">
        The server’s list broke off: <RunText text={why} max={300} />. What a record names, and what
        this browser has seen here, was asked for all the same; of what else there may be nothing is
        known, and none of it is called missing.
      </p>
      <AskAgain said="Ask for the list again" only={null} asking={asking} askAgain={askAgain} />
    </div>
  )
}

/** Not switched off while it asks: the focus would go. */
function AskAgain({
  said: asks,
  only,
  asking,
  askAgain,
}: { said: string; /** null: for all. */ only: string | null } & AskingAgain) {
  const isAsked = asking?.only === only
  const said = isAsked ? 'Asking again' : asks
  return (
    <button
      type="button"
      className="button"
      aria-label={only === null ? undefined : `${said} for ${only}`}
      aria-busy={isAsked}
      aria-disabled={asking !== null}
      onClick={() => {
        if (asking === null) askAgain(only)
      }}
    >
      {said}
    </button>
  )
}

export function OneNamed({ one: { listed, fault, unkept, open, verdict } }: { one: Walked }) {
  return (
    <>
      <Link href={`/evidence/${encodeURIComponent(listed.evidence_id)}`} className="link">
        {listed.evidence_id}
      </Link>
      , number {listed.seal_seq}: {verdict}.{' '}
      <RunText text={fault ?? unkept ?? open ?? ''} max={400} />
    </>
  )
}
