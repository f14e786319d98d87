const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Does `undo`, at once, where an interrupt comes before `act` is through. The process ends by that signal then. */
export async function undoneByInterrupt<T>(undo: () => void, act: () => Promise<T>): Promise<T> {
  const leave = (signal: NodeJS.Signals) => {
    undo()
    process.kill(process.pid, signal)
  }
  for (const signal of INTERRUPTS) process.once(signal, leave)
  try {
    return await act()
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, leave)
  }
}
