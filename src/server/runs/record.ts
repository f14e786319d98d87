import { setImmediate as nextTurn } from 'node:timers/promises'
import { LIMITS, type Limits, type Opening } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Run } from '#contract/run.ts'
import { PROFILE } from '#contract/scalar.ts'
import { extendChain, openChain, type ChainState } from '#evidence/chain.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { openGates, stepOf, stepStatusOf, summaryOf } from '#live/select.ts'
import { ProblemError } from '#server/problem.ts'
import {
  StorageError,
  type Append,
  type Authority,
  type RecordedFact,
  type Storage,
} from '#server/storage/storage.ts'
import { actsOf } from './acts.ts'
import { recordable, refuseUnfit } from './fit.ts'
import { later } from './run-time.ts'

/** Why a run is ended before it is over, and by whom. */
export type Stop = { readonly actor: string; readonly reason: string }

/** What is on record of a run. */
export type Current = {
  readonly run: Run
  readonly evidence_id: string
  readonly opening: Opening
  readonly chain: ChainState
  /** Number of facts. */
  readonly facts: number
  /** About what the facts will take in the envelope. */
  readonly bytes: number
  /** The latest instant in them. */
  readonly latest: string
  /** Of the steps, how many have succeeded: counted on, since there may be very many. */
  readonly stepsDone: number
  /** Whoever asked first that the run be ended. */
  readonly stop: Stop | null
}

/** What is on record, and the one way to add to it. */
export type Recorder = {
  /** A new run: nothing is known of it before its `run_started`. */
  open(fact: Extract<Fact, { type: 'run_started' }>, authority?: Authority | null): Promise<Current>
  /**
   * Runs `decide` on what is on record of the run, one call at a time per run, and resolves when the facts that it
   * returns are on disk and were told to every subscriber. When it throws, or returns none, nothing is recorded.
   * `not_found` for a run that is not there. `too_large` for a fact that no verifier would take, and for the start of a
   * step or gate when the record is nearly full: what is started can always be finished, and sealed. `authority`: what
   * somebody came by whose acts the facts are; `outdated` where it counts no more [ST15].
   */
  record(
    run_id: string,
    decide: (current: Current) => readonly Fact[],
    authority?: Authority | null,
  ): Promise<Current>
  /** What has happened, in words that `record` takes. What is only begun by it is refused all the same. */
  fitted(fact: Fact, current: Current): Fact
  /** null for a run that is not there. Never shows what is not on disk yet. */
  read(run_id: string): Promise<Current | null>
  /** Told of every fact once it is on disk, those of a run in their order. A listener never throws. */
  subscribe(listener: Listener): void
}

export type Listener = (fact: Fact, current: Current) => void

/** Calls for a run wait in its lane. `current` is null until it was read, and when a write left it uncertain. */
type Lane = { tail: Promise<unknown>; waiting: number; current: Current | null }

function isIdle({ waiting, current }: Lane): boolean {
  return waiting === 0 && (current === null || current.run.sealed !== null)
}

/** Sealed runs that stay in memory; others are there while they live. */
const IDLE_IN_MEMORY = 32

export function createRecorder(runs: Storage['runs'], limits: Limits = LIMITS): Recorder {
  const lanes = new Map<string, Lane>()
  const listeners: Listener[] = []

  function inLane<T>(run_id: string, work: (lane: Lane) => Promise<T>): Promise<T> {
    const lane = lanes.get(run_id) ?? { tail: Promise.resolve(), waiting: 0, current: null }
    // Set again, so that the map's order is that of use.
    lanes.delete(run_id)
    lanes.set(run_id, lane)
    lane.waiting += 1
    const done = lane.tail
      .then(() => work(lane))
      .finally(() => {
        lane.waiting -= 1
        if (isIdle(lane)) forget()
      })
    lane.tail = done.catch(() => null)
    return done
  }

  function forget(): void {
    const idle = [...lanes].filter(([, lane]) => isIdle(lane))
    for (const [run_id] of idle.slice(0, Math.max(0, idle.length - IDLE_IN_MEMORY)))
      lanes.delete(run_id)
  }

  async function load(lane: Lane, run_id: string): Promise<Current | null> {
    lane.current ??= await recall(await runs.facts(run_id))
    return lane.current
  }

  async function add(
    lane: Lane,
    run_id: string,
    before: Current | null,
    facts: readonly Fact[],
    authority: Authority | null,
  ) {
    const { current, recorded } = extended(before, facts)
    try {
      await runs.append({
        run_id,
        after: before?.facts ?? 0,
        facts: recorded,
        summary: summaryOf(current.run, current.stepsDone),
        gates: changedGates(before?.run ?? null, current.run),
        acts: facts.flatMap((fact) => actsOf(fact, authority)),
      })
    } catch (error) {
      // Whether it is on disk is not known here: the next call reads what is.
      lane.current = null
      throw error
    }
    lane.current = current
    for (const fact of facts) for (const listener of listeners) listener(fact, current)
    return current
  }

  return {
    open: (fact, authority = null) =>
      inLane(fact.run_id, async (lane) => {
        // A plan may be very long, and each of these takes its time over it.
        await nextTurn()
        refuseUnfit(fact, null, limits)
        await nextTurn()
        return await add(lane, fact.run_id, null, [fact], authority)
      }),

    record: (run_id, decide, authority = null) =>
      inLane(run_id, async (lane) => {
        const before = await load(lane, run_id)
        if (before === null) throw new ProblemError('not_found', `there is no run ${run_id}`)
        const facts = decide(before)
        for (const fact of facts) refuseUnfit(fact, before, limits)
        return facts.length === 0 ? before : add(lane, run_id, before, facts, authority)
      }),

    fitted: (fact, current) => recordable(fact, current, limits),

    async read(run_id) {
      const known = lanes.get(run_id)?.current
      return known ?? inLane(run_id, (lane) => load(lane, run_id))
    },

    subscribe(listener) {
      listeners.push(listener)
    },
  }
}

/** What stored facts say, by the same steps as when they were recorded; null for no facts. In pieces, as they are read. */
async function recall(stored: readonly RecordedFact[]): Promise<Current | null> {
  let current: Current | null = null
  for (let at = 0; at < stored.length; at += PIECE) {
    const piece = stored.slice(at, at + PIECE)
    const facts = piece.map(({ fact }) => fact)
    const after = extended(current, facts)
    const torn = after.recorded.findIndex(({ link }, i) => link !== piece[i]?.link)
    if (torn !== -1)
      throw new StorageError(
        'damaged',
        `fact ${at + torn + 1} of ${after.current.run.run_id} is not the one that was recorded: its link differs`,
      )
    current = after.current
    if (at + PIECE < stored.length) await nextTurn()
  }
  return current
}

const PIECE = 200

function extended(
  before: Current | null,
  facts: readonly Fact[],
): { current: Current; recorded: RecordedFact[] } {
  let current = before
  const recorded = facts.map((fact): RecordedFact => {
    current = afterFact(current, fact)
    return { fact, link: hasBody(fact) ? current.chain.head : null }
  })
  if (current === null) throw new RangeError('a run begins with a fact')
  return { current, recorded }
}

/** What is on record with one more fact. */
export function afterFact(before: Current | null, fact: Fact): Current {
  const bytes = Buffer.byteLength(JSON.stringify(fact)) + LINK_BYTES
  if (fact.type === 'run_started') {
    const { run_id, evidence_id, opening } = fact
    if (before !== null) throw new StorageError('conflict', `${run_id} has started already`)
    const { state } = extendChain(openChain(evidence_id, run_id), 'opening', {
      schema: PROFILE,
      evidence_id,
      run_id,
      opening,
    })
    const run = reduce(newRun(run_id), fact)
    const latest = later(fact.timestamp, opening.started_at)
    return {
      run,
      evidence_id,
      opening,
      chain: state,
      facts: 1,
      bytes,
      latest,
      stepsDone: 0,
      stop: null,
    }
  }
  if (before === null) throw new StorageError('conflict', `${fact.run_id} has not started`)
  const { chain } = before
  const run = reduce(before.run, fact)
  return {
    ...before,
    run,
    chain:
      fact.type === 'step_finished'
        ? extendChain(chain, 'step', fact.entry).state
        : fact.type === 'gate_resolved'
          ? extendChain(chain, 'gate', fact.entry).state
          : chain,
    facts: before.facts + 1,
    bytes: before.bytes + (hasBody(fact) || isRepeated(fact) ? bytes : 0),
    latest: later(before.latest, latestIn(fact)),
    stop: before.stop ?? (fact.type === 'abort_asked' ? stopOf(fact) : null),
    stepsDone: before.stepsDone + (isDone(run, fact) ? 1 : 0) - (isDone(before.run, fact) ? 1 : 0),
  }
}

function stopOf({ actor, reason }: Stop): Stop {
  return { actor, reason }
}

export function latestIn(fact: Fact): string {
  if (fact.type === 'step_finished') return later(fact.timestamp, fact.entry.finished_at)
  if (fact.type === 'gate_resolved') return later(fact.timestamp, fact.entry.resolved_at)
  return fact.timestamp
}

/** Has the step that the fact is about succeeded? */
function isDone(run: Run, fact: Fact): boolean {
  if (fact.type !== 'step_started' && fact.type !== 'step_finished') return false
  const step = stepOf(run, fact.type === 'step_started' ? fact.step_id : fact.entry.step_id)
  return stepStatusOf(run, step) === 'succeeded'
}

/** A link as the envelope writes it, with room to spare. */
const LINK_BYTES = 256

/** In the entry of its gate again, for which there has to be room. */
function isRepeated({ type }: Fact): boolean {
  return type === 'needs_input' || type === 'gate_decided'
}

function hasBody({ type }: Fact): boolean {
  return type === 'run_started' || type === 'step_finished' || type === 'gate_resolved'
}

function changedGates(before: Run | null, after: Run): Append['gates'] {
  if (before?.gates === after.gates && after.ended === before.ended) return []
  const open = openGates(after)
  // A run that ends closes its gates too, though nothing about them was said.
  const ended = after.ended !== null && before?.ended === null
  return after.gates
    .filter((gate) => ended || before?.gates.includes(gate) !== true)
    .map((gate) => ({ gate, state: open.includes(gate) ? 'open' : 'resolved' }))
}
