import { duration } from '#contract/duration.ts'
import { useNow } from './clock.tsx'

/** An instant as the reader's clock would say it, with the exact one behind it. */
export function When({ at, ago = false }: { at: string | null; ago?: boolean }) {
  return at === null || Number.isNaN(Date.parse(at)) ? (
    <span className="text-ink-3">—</span>
  ) : ago ? (
    <Ago at={at} />
  ) : (
    <time dateTime={at} title={at} className="whitespace-nowrap @max-[16rem]:whitespace-normal">
      {ABSOLUTE.format(new Date(at))}
    </time>
  )
}

function Ago({ at }: { at: string }) {
  const now = useNow()
  const age = now - Date.parse(at)
  return (
    <time
      dateTime={at}
      title={`${ABSOLUTE.format(new Date(at))} · ${at}`}
      className="whitespace-nowrap"
    >
      {age < 1000 ? 'just now' : age < 7 * DAY ? `${duration(age, 1)} ago` : daySaid(at)}
    </time>
  )
}

/** Within a sentence: `12 Nov 2026`. */
export const daySaid = (at: string): string => DATE.format(new Date(at))

/** Time between two instants; runs on by the screen's clock while `to` is null. */
export function Lasting({ from, to }: { from: string | null; to: string | null }) {
  // Times of hints are any text.
  if (from === null || Number.isNaN(Date.parse(from)) || Number.isNaN(Date.parse(to ?? from)))
    return <span className="text-ink-3">—</span>
  return to === null ? <Running from={from} /> : <>{duration(Date.parse(to) - Date.parse(from))}</>
}

function Running({ from }: { from: string }) {
  return <>{duration(useNow() - Date.parse(from))}</>
}

/** How old what is shown is, in milliseconds. */
export function asOf(ageMs: number): string {
  return ageMs < 1000 ? 'as of just now' : `as of ${duration(ageMs, 1)} ago`
}

const DAY = 86_400_000
const ABSOLUTE = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
