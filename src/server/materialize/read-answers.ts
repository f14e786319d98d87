import { Decimal } from '#contract/scalar.ts'
import { parse } from '#contract/parse.ts'
import type { FieldType } from '#contract/status.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { sumOf } from '#evidence/summarise.ts'
import { JsonFault, strictJson } from '#contract/strict-json.ts'

/** What a process made of one record. `value` is its RFC 8785 form. */
export type Answer =
  | { ok: true; value: string; cost: string | null }
  | { ok: false; error: string; cost: string | null }

/** What came of a process that was given some records. */
export type Output = {
  /** All that it wrote, in UTF-8; lines that are not are empty, and in `invalid`. */
  text: string
  /** Numbers of lines, from 1. */
  invalid: readonly number[]
  /** Why records have no answer, where it was not the process that left them out. */
  unanswered: string
  /** Its end was its own: the last line is whole though nothing ends it. */
  isWhole: boolean
}

export const ANSWER_LIMITS = { lineChars: 1024 * 1024, depth: 32, errorChars: 1000 } as const

/**
 * The answers to the records that a process was given; those without one are failed by `unanswered`. From the first line
 * on that says nothing about one of them, the process is not believed any more. `isPrivate`: no word of it is repeated.
 */
export function readAnswers(
  record_ids: readonly string[],
  { text, invalid, unanswered, isWhole }: Output,
  { type, isPrivate }: { type: FieldType; isPrivate: boolean },
): { answers: Map<string, Answer>; missing: string[]; fault: string | null } {
  const asked = new Set(record_ids)
  const answers = new Map<string, Answer>()
  let fault: string | null = null
  const quoted: Quote = (text) => (isPrivate ? WITHHELD : clip(text))
  const lines = text.split('\n')
  const rest = lines.pop() ?? ''
  if (isWhole && rest !== '') lines.push(rest)
  for (const [at, line] of lines.entries()) {
    if (line.trim() === '' && !invalid.includes(at + 1)) continue
    const read = invalid.includes(at + 1) ? 'is not UTF-8' : lineOf(line, quoted)
    if (typeof read === 'string') fault = `line ${at + 1} of its output ${read}`
    else if (!asked.has(read.record_id))
      fault = `line ${at + 1} of its output is about ${brief(read.record_id, quoted)}, which it was not asked for`
    if (typeof read === 'string' || fault !== null) break
    const before = answers.get(read.record_id)
    const answer = answerOf(read.members, type, quoted)
    answers.set(read.record_id, before === undefined ? answer : answeredTwice(before, answer))
  }
  const missing = record_ids.filter((record_id) => !answers.has(record_id))
  for (const record_id of missing) answers.set(record_id, failed(fault ?? unanswered))
  return { answers, missing, fault }
}

type Line = { record_id: string; members: Readonly<Record<string, unknown>> }

type Quote = (text: string) => string

const WITHHELD = '(withheld, since a value is private)'

function lineOf(line: string, quoted: Quote): Line | string {
  if (line.length > ANSWER_LIMITS.lineChars)
    return `is longer than ${ANSWER_LIMITS.lineChars} characters`
  let value: unknown
  try {
    value = strictJson(line, ANSWER_LIMITS.depth)
  } catch (cause) {
    if (cause instanceof JsonFault) return `${cause.message}: ${brief(line, quoted)}`
    throw cause
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no object'
  const { record_id, ...members } = Object.fromEntries(Object.entries(value))
  return typeof record_id === 'string' ? { record_id, members } : 'has no record_id'
}

function answerOf(members: Line['members'], type: FieldType, quoted: Quote): Answer {
  const { value, error, cost: said, ...others } = members
  const cost = said === undefined || said === null ? null : decimalOf(said)
  if (cost === undefined) return failed(`its cost is no amount: ${AN_AMOUNT}`)
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
function answeredTwice(...both: readonly Answer[]): Answer {
  const spent = both.flatMap(({ cost }) => cost ?? [])
  return failed('its process answered twice', spent.length === 0 ? null : sumOf(spent))
}

function failed(error: string, cost: string | null = null): Answer {
  return { ok: false, error: clip(error), cost }
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
