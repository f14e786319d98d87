/** One writer a table. Who waits is let in by turns, with all that it wants at once, so that no two wait for each other. */
export type TableLocks = {
  /**
   * Resolves with what lets go again, or null where a run had the tables for longer than that, or `signal` came first. A
   * look is asked to let go, and waited for. Who holds a table names itself, for those who ask.
   */
  take(
    tables: readonly string[],
    holder: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<(() => void) | null>
  /**
   * Keeps tables that nobody has from being written; null where somebody has them, or waits for nothing but looks. Waits
   * for nobody, and is to let go when `signal` says that a run could have them but for it.
   */
  look(tables: readonly string[]): { signal: AbortSignal; leave: () => void } | null
  /** The run that has a table. */
  holderOf(table: string): string | null
  /** Who waits for another run: for which of its tables, and who has that or is let in before. */
  waits(): { holder: string; table: string; heldBy: string }[]
}

type Waiting = {
  tables: readonly string[]
  holder: string
  isLate: boolean
  enter: () => void
  giveUp: () => void
}

export function createTableLocks(): TableLocks {
  const held = new Map<string, string>()
  const looked = new Map<string, AbortController>()
  let waiting: Waiting[] = []
  /** Tables of those who wait for nothing but looks. */
  let due = new Set<string>()

  function letIn(): void {
    due = new Set()
    // Tables that somebody in front waits for are kept for it.
    const wanted = new Set<string>()
    for (const one of waiting) {
      const isTaken = one.tables.some((table) => held.has(table) || wanted.has(table))
      if (!isTaken && !one.tables.some((table) => looked.has(table))) {
        waiting = waiting.filter((other) => other !== one)
        for (const table of one.tables) held.set(table, one.holder)
        one.enter()
      } else if (one.isLate && isTaken) {
        waiting = waiting.filter((other) => other !== one)
        one.giveUp()
      } else
        for (const table of one.tables) {
          wanted.add(table)
          // Who waits for another run, maybe for hours, is not helped by tables that nobody looks at.
          if (isTaken) continue
          due.add(table)
          looked.get(table)?.abort()
        }
    }
  }

  return {
    take(tables, holder, timeoutMs, signal) {
      return new Promise((resolve) => {
        const late = setTimeout(() => {
          one.isLate = true
          letIn()
        }, timeoutMs)
        const settle = (answer: (() => void) | null) => {
          clearTimeout(late)
          signal.removeEventListener('abort', abort)
          resolve(answer)
        }
        const leave = () => {
          for (const table of tables) held.delete(table)
          letIn()
        }
        const abort = () => {
          waiting = waiting.filter((other) => other !== one)
          settle(null)
          letIn()
        }
        const one: Waiting = {
          tables,
          holder,
          isLate: false,
          enter: () => settle(leave),
          giveUp: () => settle(null),
        }
        signal.addEventListener('abort', abort)
        waiting.push(one)
        letIn()
        if (signal.aborted) abort()
      })
    },

    look(tables) {
      if (tables.some((table) => held.has(table) || looked.has(table) || due.has(table)))
        return null
      const controller = new AbortController()
      for (const table of tables) looked.set(table, controller)
      const leave = () => {
        for (const table of tables) looked.delete(table)
        letIn()
      }
      return { signal: controller.signal, leave }
    },

    holderOf: (table) => held.get(table) ?? null,

    waits() {
      const before = new Map(held)
      return waiting.flatMap(({ tables, holder }) => {
        const [wait] = tables.flatMap((table) => {
          const heldBy = before.get(table)
          return heldBy === undefined ? [] : [{ holder, table, heldBy }]
        })
        for (const table of tables) if (!before.has(table)) before.set(table, holder)
        return wait ?? []
      })
    },
  }
}
