import type { Limits } from '#contract/envelope.ts'
import { Fact } from '#contract/fact.ts'
import { parse } from '#contract/parse.ts'
import { ProblemError } from '#server/problem.ts'
import { cutText } from '#server/cut-text.ts'
import type { Current } from './record.ts'

/**
 * Refuses a fact that no verifier would take, and one that begins something where the record is nearly full. A fact is
 * refused before it is recorded or never: what is on record must be sealed, and what is sealed must be read.
 */
export function refuseUnfit(fact: Fact, before: Current | null, limits: Limits): void {
  refuseOddText(fact, limits.textBytes)
  const parsed = parse(Fact, fact)
  if (!parsed.ok)
    throw new RangeError(`${fact.type}${parsed.error.at} ${parsed.error.message}: not recorded`)
  if (fact.type === 'step_finished' && fact.entry.artifacts.length > limits.artifactsPerStep)
    throw new ProblemError(
      'too_large',
      `more than ${limits.artifactsPerStep} artifacts of one step`,
    )
  refuseOverfull(fact, before, limits)
}

/**
 * What has happened already, as it can be recorded: where its words are too long or too many, in ours. So an end is
 * never refused, and no run goes on for ever for want of one.
 */
export function recordable(fact: Fact, before: Current | null, limits: Limits): Fact {
  const cut = withCutReason(fact, limits.textBytes)
  try {
    refuseUnfit(cut, before, limits)
    return cut
  } catch (error) {
    return inOurWords(cut, error)
  }
}

function withCutReason(fact: Fact, bytes: number): Fact {
  if (fact.type === 'step_finished' && fact.entry.reason !== null)
    return { ...fact, entry: { ...fact.entry, reason: cutText(fact.entry.reason, bytes) } }
  return 'reason' in fact ? { ...fact, reason: cutText(fact.reason, bytes) } : fact
}

function inOurWords(fact: Fact, error: unknown): Fact {
  switch (fact.type) {
    case 'step_finished': {
      const { cells: _, cells_part: __, ...entry } = fact.entry
      const { type, run_id, timestamp } = fact
      const outcome = entry.outcome === 'succeeded' ? 'failed' : entry.outcome
      const reason = error instanceof ProblemError ? `${UNFIT}: ${error.detail}` : UNFIT
      return { type, run_id, timestamp, entry: { ...entry, outcome, reason, artifacts: [] } }
    }
    case 'run_failed':
    case 'run_aborted':
    case 'seal_failed':
      return { ...fact, reason: UNFIT }
    case 'run_started':
    case 'step_started':
    case 'needs_input':
    case 'gate_decided':
    case 'gate_resolved':
    case 'abort_asked':
    case 'run_succeeded':
    case 'run_finalized':
      return fact
  }
}

const UNFIT = 'what is to be said of it does not fit into the record'

function refuseOddText(value: unknown, limit: number): void {
  if (typeof value === 'string') {
    const bytes = Buffer.byteLength(value)
    if (bytes > limit)
      throw new ProblemError('too_large', `a text of ${bytes} bytes, at most ${limit} fit`)
    // Without a form in canonical JSON, and so in no chain.
    if (!value.isWellFormed())
      throw new ProblemError('bad_request', 'a text has half of a surrogate pair')
  } else if (typeof value === 'object' && value !== null)
    for (const member of Object.values(value)) refuseOddText(member, limit)
}

function refuseOverfull(fact: Fact, before: Current | null, limits: Limits): void {
  const { bytes, chain } = before ?? { bytes: 0, chain: { seq: 0 } }
  const share = SHARE[fact.type]
  // What is far from full is not counted: most facts are small.
  if (share === null || (share === ENDS_FIT && bytes < limits.bytes / 4)) return
  const size = Buffer.byteLength(JSON.stringify(fact))
  if (before === null && size > limits.bytes * share)
    throw new ProblemError(
      'too_large',
      `what the run begins with takes ${size} bytes, at most ${limits.bytes * share} fit`,
    )
  const isMany = share === STARTS_FIT && chain.seq > limits.entries * share
  if (bytes + size > limits.bytes * share || isMany)
    throw new ProblemError(
      'too_large',
      `the record of ${fact.run_id} is full: ${chain.seq} entries, about ${bytes} bytes`,
    )
}

/** The rest is for what runs by then, and for its end. */
const STARTS_FIT = 0.75
const ANSWERS_FIT = 0.85
const ENDS_FIT = 0.95
/** A plan is held, drawn, digested and verified whole, again and again. */
export const OPENING_FITS = 1 / 32

/** Part of the limits within which it is recorded; null: in any case. */
const SHARE = {
  run_started: OPENING_FITS,
  step_started: STARTS_FIT,
  needs_input: STARTS_FIT,
  gate_decided: ANSWERS_FIT,
  step_finished: ENDS_FIT,
  gate_resolved: null,
  abort_asked: null,
  run_succeeded: null,
  run_failed: null,
  run_aborted: null,
  run_finalized: null,
  seal_failed: null,
} as const satisfies Record<Fact['type'], number | null>
