import type { RunResource } from '#contract/run.ts'
import { isBehind, recordSteps } from '#live/board.ts'
import { stepsOf } from '#viewer/queries.ts'
import { againAfterMs } from '#viewer/api.ts'
import { type LiveStore, withRecord } from '#viewer/store.ts'

/** Shortest time between two questions about one run; four times as long as the answer took, within bounds. */
const MIN_GAP_MS = 300
const MAX_GAP_MS = 4000
/**
 * A live connection does not mean that every frame came: whatever stands between may drop the last. A run is asked for
 * after so long without a frame, and one that ended without its envelope sooner.
 */
const UNHEARD_MS = 20_000
const UNSEALED_MS = 4000

/** Steps of an answer, some at a time. */
export type TakeSteps = (steps: RunResource['steps']) => void

export type RecordsRim = {
  /** Steps that `take` was given are not in the answer again. */
  ask: (run_id: string, signal: AbortSignal, take?: TakeSteps) => Promise<RunResource>
  monotonic: () => number
  wall: () => number
}

type Watched = {
  watchers: number
  asking: AbortController | null
  notBefore: number
  timer: ReturnType<typeof setTimeout> | undefined
}

export type Records = {
  /** Keeps the record of a run as new as the stream's hints, until the function it answers is called. */
  watch: (run_id: string) => () => void
  /** Asks again for every watched run that can still change; `run_id`: for that one, whatever is known. */
  again: (run_id?: string) => void
  stop: () => void
}

/**
 * Asks for the record of each run that a screen watches, whenever a hint is newer than the record [L8]. The frames
 * that arrive while an answer is under way are in the hints already: there is no hole between snapshot and stream.
 */
export function keepRecords(store: LiveStore, rim: RecordsRim): Records {
  const watched = new Map<string, Watched>()

  /** When the record is to be asked for; null: not before something else happens. */
  const dueAt = (run_id: string, { notBefore }: Watched): number | null => {
    const { board, failed } = store.getState()
    if (failed.has(run_id)) {
      const after = againAfterMs(failed.get(run_id))
      return after === null ? null : notBefore + after
    }
    const run = board.runs.get(run_id)
    if (run === undefined || run.record === null || isBehind(board, run)) return notBefore
    if (run.record.sealed !== null) return null
    return notBefore + (run.record.ended === null ? UNHEARD_MS : UNSEALED_MS)
  }

  const consider = (run_id: string, entry: Watched): void => {
    clearTimeout(entry.timer)
    const due = entry.asking ? null : dueAt(run_id, entry)
    if (due === null) return
    const wait = due - rim.monotonic()
    if (wait <= 0) return void ask(run_id, entry)
    entry.timer = setTimeout(() => consider(run_id, entry), wait)
  }

  const ask = async (run_id: string, entry: Watched): Promise<void> => {
    const asking = new AbortController()
    entry.asking = asking
    const began = rim.monotonic()
    const askedNth = store.getState().board.counts.frames
    const take: TakeSteps = (steps) => {
      if (!asking.signal.aborted)
        store.setState(({ board }) => ({ board: recordSteps(board, run_id, stepsOf(steps)) }))
    }
    try {
      const known = store.getState().board.runs.get(run_id)?.record
      const resource = await rim.ask(run_id, asking.signal, known ? take : undefined)
      const heardAt = rim.wall()
      if (!asking.signal.aborted)
        store.setState((state) => withRecord(state, resource, { heardAt, askedNth }))
    } catch (error) {
      if (!asking.signal.aborted)
        store.setState((state) => ({ failed: new Map(state.failed).set(run_id, error) }))
    } finally {
      const took = rim.monotonic() - began
      entry.notBefore = rim.monotonic() + Math.min(MAX_GAP_MS, Math.max(MIN_GAP_MS, 4 * took))
      entry.asking = null
      if (!asking.signal.aborted) consider(run_id, entry)
    }
  }

  const unsubscribe = store.subscribe((state, before) => {
    if (state.board === before.board) return
    for (const [run_id, entry] of watched) consider(run_id, entry)
  })

  const drop = (run_id: string, entry: Watched): void => {
    clearTimeout(entry.timer)
    entry.asking?.abort()
    watched.delete(run_id)
  }

  return {
    watch: (run_id) => {
      const entry = watched.get(run_id) ?? {
        watchers: 0,
        asking: null,
        notBefore: 0,
        timer: undefined,
      }
      watched.set(run_id, entry)
      entry.watchers += 1
      consider(run_id, entry)
      return () => {
        entry.watchers -= 1
        if (entry.watchers === 0) drop(run_id, entry)
      }
    },
    again: (only) => {
      const { board, failed } = store.getState()
      for (const [run_id, entry] of watched) {
        const settled = board.runs.get(run_id)?.record?.sealed && !failed.has(run_id)
        if (only === undefined ? settled : only !== run_id) continue
        if (!entry.asking) void ask(run_id, entry)
      }
    },
    stop: () => {
      unsubscribe()
      for (const [run_id, entry] of watched) drop(run_id, entry)
    },
  }
}
