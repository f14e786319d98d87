import {
  createContext,
  type ReactNode,
  useContext,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react'

/**
 * The screen's clock, in milliseconds of the server's. `stoppedAt` is the last sign of life: without a heartbeat no
 * duration advances [U3].
 */
export type ClockState = { offsetMs: number; stoppedAt: number | null }

export function Clock({ state, children }: { state: ClockState; children: ReactNode }) {
  return <ClockContext value={state}>{children}</ClockContext>
}

/** Now by the server's clock, once a second; stands still while the server is silent. */
export function useNow(): number {
  const { offsetMs, stoppedAt } = useContext(ClockContext)
  const second = useSyncExternalStore(everySecond, wholeSecond)
  return (stoppedAt ?? second) + offsetMs
}

/** Now by this device's clock: for saying how old something is, which must go on while the server is silent. */
export function useDeviceNow(): number {
  return useSyncExternalStore(everySecond, wholeSecond)
}

/** For how long the server has not been heard, once the screen's clock stands still; null while it runs. */
export function useSilence(): number | null {
  const { stoppedAt } = useContext(ClockContext)
  const now = useDeviceNow()
  return stoppedAt === null ? null : Math.max(0, now - stoppedAt)
}

/** Does the screen's clock stand still? Then nothing on it may look as if it went on. */
export function useStandsStill(): boolean {
  return useContext(ClockContext).stoppedAt !== null
}

/** The clock of what the server does not answer for any more: it stands still from then on. */
export function StoppedClock({ stopped, children }: { stopped: boolean; children: ReactNode }) {
  const { offsetMs, stoppedAt } = useContext(ClockContext)
  const now = useDeviceNow()
  const [since, setSince] = useState<number | null>(null)
  if (stopped !== (since !== null)) setSince(stopped ? now : null)
  const state = useMemo(
    () => ({ offsetMs, stoppedAt: stoppedAt ?? since }),
    [offsetMs, stoppedAt, since],
  )
  return <Clock state={state}>{children}</Clock>
}

const ClockContext = createContext<ClockState>({ offsetMs: 0, stoppedAt: null })

function everySecond(changed: () => void): () => void {
  const timer = setInterval(changed, 1000)
  return () => clearInterval(timer)
}

const wholeSecond = (): number => Math.floor(Date.now() / 1000) * 1000
