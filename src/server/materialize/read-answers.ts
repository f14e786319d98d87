import { notKeptIn } from '#contract/kept-number.ts'
import { Decimal } from '#contract/scalar.ts'
import { parse } from '#contract/parse.ts'
import type { FieldType } from '#contract/status.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { sumOf } from '#evidence/summarise.ts'
import { JsonFault, strictJson } from '#contract/strict-json.ts'

/** What a process made of one record. `value` is its RFC 8785 form. */
export type Answer = { ok: true; value: string; cost: string | null } | Failure
/** `isCostLost`: it may have cost more, which cannot be read. To try again would hide that. */
type Failure = { ok: false; error: string; cost: string | null; isCostLost: boolean }

/** Lines of a process, in UTF-8; those that are not are empty, and their numbers, from 1, in `invalid`. */
export type Lines = { text: string; invalid: readonly number[] }

/** What came of a process in the end. `text`: what it wrote last, of which the last line may be half. */
export type End = Lines & {
  /** Why records have no answer, where it was not the process that left them out. */
  unanswered: string
  /** Its end was its own: the last line is whole though nothing ends it. */
  isWhole: boolean
  /** It wrote more than was kept. */
  isFlood: boolean
}

export const ANSWER_LIMITS = { lineChars: 1024 * 1024, depth: 32, errorChars: 1000 } as const

/**
 * Reads the answers to the records that a process was given, as they come. From the first line on that says nothing
 * about one of them, the process is not believed any more. `isPrivate`: no word of it is repeated.
 */
export class AnswerReader {
  readonly #record_ids: ReadonlySet<string>
  readonly #type: FieldType
  readonly #quoted: Quote
  readonly #answers = new Map<string, Answer>()
  #lines = 0
  #fault: string | null = null
  #isUnread = false

  constructor(
    record_ids: readonly string[],
    { type, isPrivate }: { type: FieldType; isPrivate: boolean },
  ) {
    this.#record_ids = new Set(record_ids)
    this.#type = type
    this.#quoted = (text) => (isPrivate ? WITHHELD : clip(text))
  }

  /** Whole lines. Answers the records that they are about, with what is known of each by now. */
  read({ text, invalid }: Lines): ReadonlyMap<string, Answer> {
    const lines = text.split('\n')
    lines.pop()
    return this.#read(lines, invalid)
  }

  /** The same of the rest; and those without an answer, which are failed by `unanswered`. */
  end({ text, invalid, unanswered, isWhole, isFlood }: End): {
    answers: ReadonlyMap<string, Answer>
    missing: ReadonlyMap<string, Answer>
  } {
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    if (isWhole && rest !== '') lines.push(rest)
    const answers = this.#read(lines, invalid)
    const missing = new Map<string, Answer>()
    const isCostLost = this.#isUnread || (isFlood && this.#fault === null)
    const failure = { ...failed(this.#fault ?? unanswered), isCostLost }
    for (const record_id of this.#record_ids)
      if (!this.#answers.has(record_id)) missing.set(record_id, failure)
    return { answers, missing }
  }

  #read(lines: readonly string[], invalid: readonly number[]): ReadonlyMap<string, Answer> {
    const answers = new Map<string, Answer>()
    const before = this.#lines
    this.#lines += lines.length
    const [noText] = invalid
    for (const [at, line] of lines.entries()) {
      if (this.#fault !== null) break
      const isText = at + 1 !== noText
      if (isText && line.trim() === '') continue
      const read = isText ? lineOf(line, this.#quoted) : 'is not UTF-8'
      const place = `line ${before + at + 1} of its output`
      if (typeof read === 'string') {
        this.#fault = `${place} ${read}`
        this.#isUnread = line.length > ANSWER_LIMITS.lineChars
      } else if (!this.#record_ids.has(read.record_id))
        this.#fault = `${place} is about ${brief(read.record_id, this.#quoted)}, which it was not asked for`
      else {
        const { record_id } = read
        const known = this.#answers.get(record_id)
        const answer = answerOf(read, this.#type, this.#quoted)
        const now = known === undefined ? answer : answeredTwice(known, answer)
        this.#answers.set(record_id, now)
        answers.set(record_id, now)
      }
    }
    return answers
  }
}

/** `notKept`: members with a number that JSON.parse has made another one. */
type Line = {
  record_id: string
  members: Readonly<Record<string, unknown>>
  notKept: readonly string[]
}

type Quote = (text: string) => string

const WITHHELD = '(withheld, since a value is private)'

function lineOf(line: string, quoted: Quote): Line | string {
  if (line.length > ANSWER_LIMITS.lineChars)
    return `is longer than ${ANSWER_LIMITS.lineChars} characters: what it cost is not known`
  let value: unknown
  try {
    value = strictJson(line, ANSWER_LIMITS.depth)
  } catch (cause) {
    if (cause instanceof JsonFault) return `${cause.message}: ${brief(line, quoted)}`
    throw cause
  }
  if (!isObject(value)) return 'is no object'
  const { record_id, ...members } = value
  if (typeof record_id !== 'string') return 'has no record_id'
  const notKept = Array.from(notKeptIn(line), ([member]) => String(member))
  return { record_id, members, notKept }
}

// A copy of each would be the half of what it takes.
function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function answerOf({ members, notKept }: Line, type: FieldType, quoted: Quote): Answer {
  const { value, error, cost: said, ...others } = members
  const cost = said === undefined || said === null ? null : decimalOf(said)
  const noCost = notKept.includes('cost')
    ? 'its cost is a number of more digits than are kept: say it as text'
    : `its cost is no amount: ${AN_AMOUNT}`
  if (cost === undefined || notKept.includes('cost')) return { ...failed(noCost), isCostLost: true }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    return failed(`its answer has a member ${brief(unknown, quoted)}`, cost)
  if (error !== undefined) {
    if (value !== undefined) return failed('its answer has a value and an error', cost)
    return failed(
      typeof error === 'string' && error !== '' ? quoted(error) : 'its error is no text',
      cost,
    )
  }
  if (value === undefined) return failed('its answer has neither value nor error', cost)
  if (notKept.includes('value'))
    return failed('its value has a number of more digits than are kept: say it as text', cost)
  const is = type === 'text' ? 'string' : type
  if (value !== null && type !== 'json' && typeof value !== is)
    return failed(`its value is no ${type}`, cost)
  try {
    return { ok: true, value: canonicalize(value), cost }
  } catch (cause) {
    if (cause instanceof EvidenceError) return failed(`its value: ${cause.message}`, cost)
    throw cause
  }
}

/** Neither is believed, but what each cost was spent. */
function answeredTwice(...both: readonly Answer[]): Failure {
  const spent = both.flatMap(({ cost }) => cost ?? [])
  const unread = both.find((one) => !one.ok && one.isCostLost)
  const why = unread?.ok === false ? `, and once ${unread.error}` : ''
  const failure = failed(
    `its process answered twice${why}`,
    spent.length === 0 ? null : sumOf(spent),
  )
  return { ...failure, isCostLost: why !== '' }
}

function failed(error: string, cost: string | null = null): Failure {
  return { ok: false, error: clip(error), cost, isCostLost: false }
}

/** undefined: no amount of money. As large, and as many, as they may be, their sum is still a decimal of a record. */
function decimalOf(cost: unknown): string | undefined {
  const written = typeof cost === 'number' ? plain(cost) : cost
  if (typeof written !== 'string' || !/^\d{1,12}(\.|$)/.test(written)) return undefined
  return parse(Decimal, written).ok ? written : undefined
}

const AN_AMOUNT = 'from 0 on, below a million millions, of at most 18 decimal places'

// Without an exponent, which a decimal does not have; a positive one stands for too much.
function plain(cost: number): string {
  const [digits = '', exponent] = String(cost).split('e-')
  if (exponent === undefined) return digits
  return `0.${'0'.repeat(Number(exponent) - 1)}${digits.replace('.', '')}`
}

function brief(text: string, quoted: Quote): string {
  return quoted(JSON.stringify(text.length <= 80 ? text : `${text.slice(0, 79)}…`))
}

/** What a process says is any text, and has to fit an entry of an envelope. */
export function clip(text: string): string {
  const { errorChars } = ANSWER_LIMITS
  return (text.length <= errorChars ? text : `${text.slice(0, errorChars - 1)}…`).toWellFormed()
}
