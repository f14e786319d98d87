import { formatPosition, parsePosition } from '#contract/frame.ts'
import { keysOf } from '#contract/status.ts'
import { diceOf, type Dice } from './dice.ts'
import { FRAME_LIE, type Act } from './frame-lies.ts'
import { REFUSAL, type Refusal } from './refusals.ts'
import { nothingSeen, see } from './seen.ts'

/**
 * Decides what lie is told to whom, and tells none itself. Everything follows from the seed, from how many asked before,
 * and from the true events that passed: the same of these are the same lies again.
 */
export type Liar = {
  /** Somebody asks for the stream. */
  stream(): StreamLies
  /** Somebody asks for something else, or for a change; null: the true answer. A change is only ever refused. */
  answer(path: string, isChange?: boolean): AnswerLie | null
  /** From now on it is a plain proxy. What was told is told. */
  stop(): void
  /** How many lies were told, and whether there will be more. */
  state(): { told: number; lying: boolean }
}

export type StreamLies = {
  /** In the place of a stream. */
  refusal: Refusal | null
  /** What is done in the place of sending `event`, a true one with its blank line. */
  passes(event: string): Exclude<Act, { act: 'later' }>[]
}

export type AnswerLie =
  | { lie: 'refusal'; refusal: Refusal }
  /** The true answer, cut in its middle: the rest never comes. */
  | { lie: 'cut' }
  /** What this was answered the time before, as a cache would that keeps what it may not. */
  | { lie: 'stale' }

export type LiarOptions = {
  /** After so many lies it stops. */
  most?: number
  /** Longest that anything is held back. */
  longestMs?: number
}

const LONGEST_MS = 45_000

export function createLiar(
  seed: number,
  { most = Number.POSITIVE_INFINITY, longestMs = LONGEST_MS }: LiarOptions = {},
): Liar {
  const temper = diceOf(`${seed}`)
  const odds = {
    refusal: temper.pick([0.1, 0.3, 0.6], 0.3),
    event: temper.pick([0.1, 0.3, 0.7], 0.3),
    answer: temper.pick([0.1, 0.25, 0.5], 0.25),
    rebirth: temper.pick([0, 0.02, 0.05], 0),
  }
  const seen = nothingSeen()
  const asked = new Map<string, number>()
  let told = 0
  let stopped = false
  // A server that says it has started anew: from then on every id is of an epoch that never was.
  let rebirth: { epoch: string; after: number } | null = null

  const isLying = () => !stopped && told < most
  const wantsTo = (dice: Dice, chance: number): boolean => {
    if (!dice.isLucky(chance) || !isLying()) return false
    told += 1
    return true
  }
  // Chances of their own for each that asks: whoever asks for other things between changes nothing.
  const diceFor = (path: string): Dice => {
    const nth = (asked.get(path) ?? 0) + 1
    asked.set(path, nth)
    if (asked.size > MAX_PATHS) asked.delete([...asked.keys()][0] ?? path)
    return diceOf(`${seed} ${path} ${nth}`)
  }

  const renamed = (event: string): string => {
    if (rebirth === null || !isLying()) return event
    const { epoch, after } = rebirth
    return event.replace(/^id: (.*)$/m, (line, id: string) => {
      const at = parsePosition(id)
      return at === null
        ? line
        : `id: ${formatPosition({ epoch, seq: Math.max(0, at.seq - after) })}`
    })
  }

  return {
    stream() {
      const dice = diceFor('/events')
      const refusal = wantsTo(dice, odds.refusal)
        ? REFUSAL[dice.pick(keysOf(REFUSAL), 'reset')](dice, longestMs)
        : null
      let held: Uint8Array[] = []
      return {
        refusal,
        passes(event) {
          const acts: Exclude<Act, { act: 'later' }>[] = []
          see(seen, event)
          if (wantsTo(dice, odds.rebirth)) {
            rebirth = { epoch: `reborn${dice.roll(1e6)}`, after: seen.seq }
            acts.push({ act: 'end' })
          }
          const isFrame = event.includes('\ndata: ') || event.startsWith('data: ')
          // Of what is no frame, but a comment or a `retry:`, there is less to lie about.
          const lies = isFrame ? keysOf(FRAME_LIE) : OF_A_COMMENT
          const before = held
          held = []
          const truth = renamed(event)
          const chosen = wantsTo(dice, odds.event)
            ? FRAME_LIE[dice.pick(lies, 'drop')]({ event: truth, seen, dice, longestMs })
            : [{ act: 'send' as const, bytes: Buffer.from(truth) }]
          for (const act of chosen) {
            if (act.act === 'later') held.push(act.bytes)
            else acts.push(act)
          }
          acts.push(...before.map((bytes) => ({ act: 'send' as const, bytes })))
          return acts
        },
      }
    },

    answer(path, isChange = false) {
      const dice = diceFor(path)
      if (!wantsTo(dice, odds.answer)) return null
      const lie = isChange ? 'refusal' : dice.pick(OF_AN_ANSWER, 'refusal')
      if (lie !== 'refusal') return { lie }
      return { lie, refusal: REFUSAL[dice.pick(keysOf(REFUSAL), 'reset')](dice, longestMs) }
    },

    stop() {
      stopped = true
    },

    state: () => ({ told, lying: isLying() }),
  }
}

const OF_A_COMMENT = [
  'drop',
  'repeat',
  'split',
  'carriage',
  'stall',
  'end',
  'reset',
  'lateRetry',
] as const
const OF_AN_ANSWER = ['refusal', 'refusal', 'refusal', 'cut', 'stale'] as const
/** Paths that are told apart; beyond that the oldest begin anew. */
const MAX_PATHS = 1000
