/* Where a browser keeps things for the pages of a server: asked by transactions, each given up in time. */

/** Longest that the page waits for what the browser keeps, and how long it then goes on without. */
export const STORE_MS = 8_000
const SILENT_MS = 10_000
const SILENT = `it has not answered within ${STORE_MS / 1000} seconds`
let silentUntil = 0

/** One that has not answered in time is given up, and nothing of it counts. */
export async function transact<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => Promise<T>,
): Promise<T> {
  // Several are asked for one after the other: the reader does not wait for each.
  if (performance.now() < silentUntil) throw new Error(SILENT)
  const late = new AbortController()
  const given = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    silentUntil = performance.now() + SILENT_MS
    late.abort()
    given.reject(new Error(SILENT))
  }, STORE_MS)
  try {
    return await Promise.race([transacted(mode, work, late.signal), given.promise])
  } finally {
    clearTimeout(timer)
  }
}

async function transacted<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const database = await open()
  try {
    signal.throwIfAborted()
    const transaction = database.transaction('trust', mode)
    const ended = new Promise<void>((resolve, reject) => {
      transaction.addEventListener('complete', () => resolve())
      transaction.addEventListener('abort', () =>
        reject(transaction.error ?? new Error('it was broken off')),
      )
    })
    signal.addEventListener('abort', () => breakOff(transaction))
    try {
      const [done] = await Promise.all([work(transaction.objectStore('trust')), ended])
      return done
    } catch (error) {
      // Half of a change is none.
      breakOff(transaction)
      throw transaction.error ?? error
    }
  } finally {
    database.close()
  }
}

function breakOff(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It has ended by itself.
  }
}

export function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error ?? new Error('no answer')))
  })
}

async function open(): Promise<IDBDatabase> {
  if (typeof indexedDB === 'undefined') throw new Error('it has no IndexedDB')
  const request = indexedDB.open('runseal', 1)
  request.addEventListener('upgradeneeded', () => request.result.createObjectStore('trust'))
  return await answerOf(request)
}

/** In the browser's own words. */
export const whyNot = (error: unknown): string =>
  error instanceof Error
    ? [error instanceof DOMException ? error.name : '', error.message]
        .filter((word) => word !== '')
        .join(': ')
    : String(error)
