import type { Status } from '#contract/api.ts'
import { statusQuery } from '#viewer/queries.ts'
import { useLive } from '#viewer/store.ts'
import { useQuery } from '@tanstack/react-query'

/** The server's status, asked for every second while something is derived: frames tell only of its start and end. */
export function useTablesStatus() {
  const hinted = useLive((state) => state.board.materializing)
  const status = useQuery({
    ...statusQuery,
    refetchInterval: ({ state }) => (hinted || isDeriving(state.data) ? WHILE_RUNNING_MS : false),
  })
  return { status, hinted, isRunning: isDeriving(status.data) }
}

export const WHILE_RUNNING_MS = 1000

const isDeriving = (status: Status | undefined): boolean =>
  status !== undefined &&
  (status.waiting.length > 0 || status.tables.some(({ running }) => running !== null))
