/** One writer a table. Who waits is let in by turns, with all that it wants at once, so that no two wait for each other. */
export type TableLocks = {
  /**
   * Resolves with what lets go again, or null where the tables were not to be had in time, or `signal` came first.
   * Who holds a table names itself, for those who ask.
   */
  take(
    tables: readonly string[],
    holder: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<(() => void) | null>
  holderOf(table: string): string | null
}

export function createTableLocks(): TableLocks {
  const held = new Map<string, string>()
  let waiting: { tables: readonly string[]; holder: string; enter: () => void }[] = []

  const isFree = (tables: readonly string[]) => tables.every((table) => !held.has(table))

  function letIn(): void {
    // Tables that somebody in front waits for are kept for it.
    const wanted = new Set<string>()
    for (const one of waiting) {
      if (isFree(one.tables) && one.tables.every((table) => !wanted.has(table))) {
        for (const table of one.tables) held.set(table, one.holder)
        waiting = waiting.filter((other) => other !== one)
        one.enter()
      } else for (const table of one.tables) wanted.add(table)
    }
  }

  return {
    take(tables, holder, timeoutMs, signal) {
      return new Promise((resolve) => {
        const leave = () => {
          for (const table of tables) held.delete(table)
          letIn()
        }
        const giveUp = () => {
          waiting = waiting.filter((other) => other !== one)
          settle(null)
          letIn()
        }
        const late = setTimeout(giveUp, timeoutMs)
        const settle = (answer: (() => void) | null) => {
          clearTimeout(late)
          signal.removeEventListener('abort', giveUp)
          resolve(answer)
        }
        const one = { tables, holder, enter: () => settle(leave) }
        signal.addEventListener('abort', giveUp)
        waiting.push(one)
        letIn()
        if (signal.aborted) giveUp()
      })
    },
    holderOf: (table) => held.get(table) ?? null,
  }
}
