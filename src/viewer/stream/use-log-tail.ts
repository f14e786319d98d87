import { fetchLog, fetchLogIndex, type LogAddress } from '#viewer/queries.ts'
import { useEffect, useRef, useState } from 'react'
import { EMPTY_TAIL, type LogRim, type LogTail, readLog } from './log-tail.ts'

const rim: LogRim = { fetchLog, fetchIndex: fetchLogIndex }

/** Most of a log that is loaded before anybody asks for all of it. */
const BACK_BYTES = 512 * 1024

/** The end of a log, growing; `known` is how many bytes there are by what the stream hinted. */
export function useLogTail(
  { run_id, step_id, attempt }: LogAddress,
  known: number,
): { tail: LogTail; loadAll: () => void } {
  const [back, setBack] = useState<number | 'all'>(BACK_BYTES)
  const [tail, setTail] = useState(EMPTY_TAIL)
  const reader = useRef<ReturnType<typeof readLog> | null>(null)
  useEffect(() => {
    reader.current = readLog({ run_id, step_id, attempt }, back, rim, setTail)
    return () => reader.current?.stop()
  }, [run_id, step_id, attempt, back])
  useEffect(() => {
    if (known > 0) reader.current?.more()
  }, [known])
  return { tail, loadAll: () => setBack('all') }
}
