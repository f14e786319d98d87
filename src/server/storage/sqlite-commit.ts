import type { Database } from 'better-sqlite3'

/** Runs `write` in a transaction of its own and resolves with its answer once that is on stable storage. */
export type Commit = {
  <T>(write: () => T): Promise<T>
  /** Commits at once what waits. */
  now(): void
}

type Waiting = { apply: () => () => void; reject: (error: unknown) => void }

/**
 * Group commit: all that was asked in one turn of the event loop goes into one transaction and so waits for one fsync.
 * Each write has a savepoint, so that one which fails is undone alone. Nothing resolves before the commit did. `mayWrite`
 * throws where nothing may be written any more.
 */
export function createCommit(db: Database, mayWrite: () => void = () => {}): Commit {
  let waiting: Waiting[] = []
  const savepoint = db.transaction((write: () => void) => {
    write()
  })
  const group = db.transaction((batch: readonly Waiting[]) => batch.map(attempt))

  function attempt({ apply, reject }: Waiting): () => void {
    let settle = () => {}
    try {
      savepoint(() => {
        settle = apply()
      })
    } catch (error) {
      // Disk full and I/O errors roll back the whole transaction: then nobody's write is in it any more.
      if (!db.inTransaction) throw error
      return () => reject(error)
    }
    return settle
  }

  function now(): void {
    const batch = waiting
    waiting = []
    if (batch.length === 0) return
    let settle: (() => void)[]
    try {
      mayWrite()
      settle = group.immediate(batch)
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return
    }
    for (const each of settle) each()
  }

  function commit<T>(write: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const apply = () => {
        const answer = write()
        return () => resolve(answer)
      }
      if (waiting.push({ apply, reject }) === 1) setImmediate(now)
    })
  }
  return Object.assign(commit, { now })
}
