import type { RunResource } from '#contract/run.ts'
import { type Board, EMPTY_BOARD, record } from '#live/board.ts'
import { type Connection, FIRST_CONNECTION } from '#live/connection.ts'
import type { Trial } from '#live/trial.ts'
import { useStore } from 'zustand'
import { createStore } from 'zustand/vanilla'
import { runOf } from './queries.ts'

/** What this browser knows live. The core knows no React; screens read it by `useLive`. */
export type Live = {
  board: Board
  connection: Connection
  /** How the newest attempt at the stream went. */
  trial: Trial | null
  /** Last sign of life of the server, by this device's clock in milliseconds; null before the first. */
  heardAt: number | null
  /** Server's clock less this device's, in milliseconds. */
  offsetMs: number
  /** Runs whose record could not be had, and why. */
  failed: ReadonlyMap<string, unknown>
  /** Name of the newest frame: the indicator flashes for it. */
  latest: string | null
}

export const EMPTY_LIVE: Live = {
  board: EMPTY_BOARD,
  connection: FIRST_CONNECTION,
  trial: null,
  heardAt: null,
  offsetMs: 0,
  failed: new Map(),
  latest: null,
}

export const createLive = () => createStore<Live>()(() => EMPTY_LIVE)
export type LiveStore = ReturnType<typeof createLive>

/** The page's one. */
export const live = createLive()

export function useLive<T>(select: (state: Live) => T): T {
  return useStore(live, select)
}

/**
 * The store after an answer about a run: its record, and what the answer says of the server's clock. `askedNth`: how
 * many frames had come when it was asked for.
 */
export function withRecord(
  state: Live,
  resource: RunResource,
  { heardAt, askedNth }: { heardAt: number; askedNth: number },
): Live {
  const failed = new Map(state.failed)
  failed.delete(resource.run_id)
  return {
    ...withClock(state, resource.now, heardAt),
    board: record(state.board, runOf(resource), resource.as_of, askedNth),
    failed,
  }
}

export function withClock(state: Live, serverNow: string, heardAt: number): Live {
  const now = Date.parse(serverNow)
  return { ...state, heardAt, offsetMs: Number.isNaN(now) ? state.offsetMs : now - heardAt }
}
