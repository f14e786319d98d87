import { useNow } from './clock.tsx'

/** An instant as the reader's clock would say it, with the exact one behind it. */
export function When({ at, ago = false }: { at: string | null; ago?: boolean }) {
  return at === null || Number.isNaN(Date.parse(at)) ? (
    <span className="text-ink-3">—</span>
  ) : ago ? (
    <Ago at={at} />
  ) : (
    <time dateTime={at} title={at} className="whitespace-nowrap">
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
      {age < 1000
        ? 'just now'
        : age < 7 * DAY
          ? `${duration(age, 1)} ago`
          : DATE.format(new Date(at))}
    </time>
  )
}

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

/** `3 h 12 m`, `4 m 05 s`, `12 s`, `420 ms`: the first `parts` units. */
export function duration(ms: number, parts: 1 | 2 = 2): string {
  const whole = Math.max(0, Math.round(ms))
  if (whole < 1000) return parts === 1 ? 'under 1 s' : `${whole} ms`
  if (whole < 10_000 && parts === 2) return `${(whole / 1000).toFixed(1)} s`
  const [big, small] = UNITS.flatMap(([unit, size], index) => {
    if (whole < size) return []
    const next = UNITS[index + 1]
    const rest = next ? Math.floor((whole % size) / next[1]) : 0
    return [[`${Math.floor(whole / size)} ${unit}`, next && rest > 0 ? `${rest} ${next[0]}` : '']]
  })[0] ?? ['0 s', '']
  return parts === 2 && small ? `${big} ${small}` : (big ?? '')
}

const DAY = 86_400_000
const UNITS: readonly (readonly [string, number])[] = [
  ['d', DAY],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]
const ABSOLUTE = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
