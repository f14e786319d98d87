import { type Previous } from '#contract/envelope.ts'
import { counted, listed } from './counted.ts'
import { type HeldEnvelope } from './place.ts'

type Numbered = HeldEnvelope & { readonly previous: Previous }

/** Numbers of which at least so many are missing. */
export type Hole = {
  /** The key with whose series it is told. */
  readonly server: string
  readonly from: number
  readonly to: number
  readonly count: number
  readonly message: string
}

export type Holes = {
  readonly missing: readonly Hole[]
  /** What cannot be told, and by which key it is told. */
  readonly open: readonly { readonly server: string; readonly message: string }[]
}

/**
 * Numbers that nothing has and nothing names. Each key counts from 1, or goes on where it took over: where what one
 * follows cannot be had, nobody knows whether what another key has or names was before it.
 */
export function holesOf({
  members,
  remembered,
  gone,
  spare,
  isTakenOver,
  isHere,
}: {
  /** All that has a place, or is named by the head of it. */
  members: readonly Numbered[]
  remembered: readonly HeldEnvelope[]
  /** Numbers of those that are remembered, or named, and not here: they are told of by that. */
  gone: readonly number[]
  /** Of so many that are here nobody knows the number. */
  spare: number
  /** Does it follow a record of another key, and that one is here? */
  isTakenOver: (one: Numbered) => boolean
  isHere: (evidence_id: string) => boolean
}): Holes {
  const known = merged(
    [
      ...members.flatMap((one) => [namedFrom(one), one.seal_seq]),
      ...remembered.flatMap(({ seal_seq, previous }) =>
        previous && isHere(previous.evidence_id) ? [seal_seq - 1, seal_seq] : [seal_seq],
      ),
    ].map(spanOf),
  )
  const isGone = merged(gone.map(spanOf))
  // By records of whichever key: the numbers that are not told of elsewhere.
  const others = summed(outside(known, isGone))
  // What is told of as missing may be before another one too, and is told of once.
  const accounted = merged([...known, ...isGone])
  const mine = Map.groupBy(remembered, ({ server }) => server)
  const open: { server: string; message: string }[] = []
  const isOpen: Span[] = []
  const nameless: (Span & { server: string })[] = []
  for (const [server, ofKey] of Map.groupBy(members, (one) => one.server)) {
    const own = merged((mine.get(server) ?? []).map(({ seal_seq }) => spanOf(seal_seq)))
    const found: Span[] = []
    let last = 0
    // Of two that stand in one place, one that took over leaves nothing before it to the other.
    for (const one of ofKey.toSorted(
      (a, b) => a.seal_seq - b.seal_seq || Number(isTakenOver(b)) - Number(isTakenOver(a)),
    )) {
      const { evidence_id, seal_seq, previous } = one
      const hole = { from: last + 1, to: namedFrom(one) - 1 }
      last = Math.max(last, seal_seq)
      if (hole.from > hole.to || isTakenOver(one)) continue
      // Nor is it said twice of one number that it cannot be told.
      const untold = outside([hole], own).flatMap((span) => account(isOpen, span))
      const named = joined(untold.map((span) => within(others, span)))
      if (named.count > 0) {
        const isOne = named.count === 1
        const who = isOne
          ? 'a record of another key is or names such a number'
          : 'records of other keys are or name such numbers'
        const message = `Whether ${numbersSaid(named)} ${isOne ? 'is' : 'are'} missing cannot be told: ${evidence_id} ${previous === null ? 'says that it follows nothing' : `follows ${previous.evidence_id}, which could not be had`}, and ${who}.`
        open.push({ server, message })
      }
      for (const span of account(accounted, hole)) found.push(span)
    }
    for (const span of found) nameless.push({ server, ...span })
  }
  const [first] = nameless
  if (first === undefined) return { missing: [], open }
  if (spare === 0) return { missing: nameless.map(holeOf), open }
  // Whatever could be any of them excuses none before another, so that they are told of at once.
  const [all, which] = [countOf(nameless), whichSaid(nameless)]
  const them = all === 1 ? 'it' : 'them'
  const why = `nothing that has a place is or names ${them}, and ${counted(spare, 'record')} without a place can be anything`
  const { server } = first
  if (spare >= all) {
    const message = `Whether ${which} ${all === 1 ? 'is' : 'are'} missing cannot be told: ${why}.`
    return { missing: [], open: [...open, { server, message }] }
  }
  const count = all - spare
  const message = `Of ${which} at least ${count.toLocaleString('en')} ${count === 1 ? 'is' : 'are'} missing: ${why}.`
  const span = nameless.reduce((a, b) => ({
    ...a,
    from: Math.min(a.from, b.from),
    to: Math.max(a.to, b.to),
  }))
  return { missing: [{ ...span, count, message }], open }
}

function holeOf(span: Span & { server: string }): Hole {
  const count = countOf([span])
  const [verb, them] = count === 1 ? ['is', 'it'] : ['are', 'them']
  const message = `N${numbersSaid(spansSaid([span])).slice(1)} ${verb} not here, and nothing here names ${them}.`
  return { ...span, count, message }
}

type Span = { readonly from: number; readonly to: number }

/** Each names the one before it, but for one that says that it follows none, whatever its number. */
const namedFrom = ({ seal_seq, previous }: Numbered): number =>
  previous === null ? seal_seq : seal_seq - 1

const spanOf = (number: number): Span => ({ from: number, to: number })

const countOf = (spans: readonly Span[]): number =>
  spans.reduce((sum, { from, to }) => sum + to - from + 1, 0)

/** In order, and each number once. */
function merged(spans: readonly Span[]): Span[] {
  const found: { from: number; to: number }[] = []
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    const last = found.at(-1)
    if (last !== undefined && from <= last.to + 1) last.to = Math.max(last.to, to)
    else found.push({ from, to })
  }
  return found
}

/** What of them is in none of the others, which are `merged`. */
function outside(spans: readonly Span[], others: readonly Span[]): Span[] {
  return spans.flatMap(({ from, to }) => {
    const found: Span[] = []
    let next = from
    for (let at = firstUpTo(others, from); at < others.length && next <= to; at += 1) {
      const other = others[at]
      if (other === undefined || other.from > to) break
      if (other.from > next) found.push({ from: next, to: other.from - 1 })
      next = other.to + 1
    }
    return next <= to ? [...found, { from: next, to }] : found
  })
}

/** The first that ends there or later. */
function firstUpTo(spans: readonly Span[], number: number): number {
  let [low, high] = [0, spans.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((spans[middle]?.to ?? Infinity) < number) low = middle + 1
    else high = middle
  }
  return low
}

/** What of this is in none of them; from then on it is in them. Each is met once, since those that touch are one. */
function account(spans: Span[], { from, to }: Span): Span[] {
  const found: Span[] = []
  const first = firstUpTo(spans, from - 1)
  let [at, next] = [first, from]
  for (let one = spans[at]; one !== undefined && one.from <= to + 1; one = spans[(at += 1)]) {
    if (one.from > next) found.push({ from: next, to: one.from - 1 })
    next = Math.max(next, one.to + 1)
  }
  if (next <= to) found.push({ from: next, to })
  if (found.length > 0) {
    const start = Math.min(from, spans[first]?.from ?? from)
    spans.splice(first, at - first, { from: start, to: Math.max(to, next - 1) })
  }
  return found
}

/** `before`: for each span the numbers in those before it, and at last all of them. */
type Summed = { readonly spans: readonly Span[]; readonly before: readonly number[] }

function summed(spans: readonly Span[]): Summed {
  const before = [0]
  for (const span of spans) before.push((before.at(-1) ?? 0) + countOf([span]))
  return { spans, before }
}

/** What of them is in this span: they are many, and so may it be, so that they are not gone through for each. */
function within({ spans, before }: Summed, { from, to }: Span): Said {
  const first = firstUpTo(spans, from)
  const last = firstUpTo(spans, to)
  const end = (spans[last]?.from ?? Infinity) <= to ? last + 1 : last
  if (first === end) return spansSaid([])
  const over = from - (spans[first]?.from ?? from)
  const beyond = (spans[end - 1]?.to ?? to) - to
  const count = (before[end] ?? 0) - (before[first] ?? 0) - Math.max(0, over) - Math.max(0, beyond)
  const few = spans
    .slice(first, Math.min(end, first + MOST_SAID))
    .map((one) => ({ from: Math.max(one.from, from), to: Math.min(one.to, to) }))
  return { count, few, of: end - first }
}

const joined = (parts: readonly Said[]): Said => ({
  count: parts.reduce((sum, { count }) => sum + count, 0),
  few: parts.flatMap(({ few }) => few).slice(0, MOST_SAID),
  of: parts.reduce((sum, { of }) => sum + of, 0),
})

/** Of so many spans, with so many numbers in them, the first. */
type Said = { readonly count: number; readonly few: readonly Span[]; readonly of: number }

const spansSaid = (spans: readonly Span[]): Said => ({
  count: countOf(spans),
  few: spans.slice(0, MOST_SAID),
  of: spans.length,
})

/** `number 1`, `numbers 1, 4 and 6 to 7`. */
function numbersSaid({ count, few, of }: Said): string {
  const said = few.map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to}`))
  return `${count === 1 ? 'number' : 'numbers'} ${listed(said, of)}`
}

/** With the key, where they are of several. */
function whichSaid(nameless: readonly (Span & { readonly server: string })[]): string {
  const byKey = [...Map.groupBy(nameless, ({ server }) => server)]
  return byKey.length === 1
    ? numbersSaid(spansSaid(nameless))
    : listed(
        byKey
          .slice(0, MOST_SAID)
          .map(([server, of]) => `${numbersSaid(spansSaid(of))} of the key ${server.slice(0, 8)}…`),
        byKey.length,
      )
}

const MOST_SAID = 8
