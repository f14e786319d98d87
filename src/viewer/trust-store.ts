import { parse } from '#contract/parse.ts'
import { Count, Id, Sha256 } from '#contract/scalar.ts'
import { type ServerKey, TrustFile } from '#contract/trust.ts'
import type { Trusted } from '#evidence/trust.ts'
import type { HeldEnvelope } from '#evidence/place.ts'
import * as z from 'zod/mini'

/**
 * What this reader trusts, kept in this browser and never by the server that it is about. `pinned`: compared by the
 * reader. `seen`: keys that the server offered here before, with the day; a new one beside them is a loud event.
 */
const Kept = z.object({
  pinned: TrustFile,
  seen: z.record(Sha256, z.string()),
  heads: z.array(z.object({ server: Sha256, evidence_id: Id, head: Sha256, seal_seq: Count })),
})
export type Kept = z.infer<typeof Kept>

export const NOTHING_KEPT: Kept = {
  pinned: { schema: 'runseal/trust/1', server_keys: [], approvers: [], required: [] },
  seen: {},
  heads: [],
}

const MAX_HEADS = 1000

export async function readKept(): Promise<Kept> {
  const parsed = parse(Kept, await transact('readonly', (store) => store.get('kept')))
  return parsed.ok ? parsed.value : NOTHING_KEPT
}

/** Reads, changes and writes in one transaction: two tabs do not undo each other. */
async function change(by: (kept: Kept) => Kept): Promise<Kept> {
  let next = NOTHING_KEPT
  await transact('readwrite', (store) => {
    const read = store.get('kept')
    read.addEventListener('success', () => {
      const parsed = parse(Kept, read.result)
      next = by(parsed.ok ? parsed.value : NOTHING_KEPT)
      store.put(next, 'kept')
    })
    return read
  })
  return next
}

export const pin = (key: ServerKey) =>
  change((kept) => ({
    ...kept,
    pinned: { ...kept.pinned, server_keys: [...without(kept, key.key_id), key] },
  }))

export const unpin = (key_id: string) =>
  change((kept) => ({
    ...kept,
    pinned: { ...kept.pinned, server_keys: without(kept, key_id) },
  }))

/** A trust file that the reader has from elsewhere takes the place of what was pinned. */
export const adopt = (file: TrustFile) => change((kept) => ({ ...kept, pinned: file }))

export const see = (keys: readonly ServerKey[], today: string) =>
  change((kept) => ({
    ...kept,
    seen: { ...Object.fromEntries(keys.map(({ key_id }) => [key_id, today])), ...kept.seen },
  }))

export const rememberHead = (head: HeldEnvelope) =>
  change((kept) => ({
    ...kept,
    heads: [
      ...kept.heads.filter(({ evidence_id }) => evidence_id !== head.evidence_id),
      head,
    ].slice(-MAX_HEADS),
  }))

/** What a verifier is given: pinned, and of what the server offers, what was seen here before and what was not. */
export function trustedOf(kept: Kept, offered: readonly ServerKey[]): Trusted[] {
  const file = (server_keys: ServerKey[]): TrustFile => ({
    schema: 'runseal/trust/1',
    server_keys,
    approvers: [],
    required: [],
  })
  const isSeen = ({ key_id }: ServerKey) => Object.hasOwn(kept.seen, key_id)
  return [
    { file: kept.pinned, source: 'pinned' },
    { file: file(offered.filter(isSeen)), source: 'first_seen' },
    { file: file(offered.filter((key) => !isSeen(key))), source: 'offered' },
  ]
}

const without = ({ pinned }: Kept, key_id: string): ServerKey[] =>
  pinned.server_keys.filter((key) => key.key_id !== key_id)

async function transact<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await open()
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction('trust', mode)
      const request = work(transaction.objectStore('trust'))
      transaction.addEventListener('complete', () => resolve(request.result))
      transaction.addEventListener('abort', () => reject(transaction.error ?? new Error('aborted')))
    })
  } finally {
    database.close()
  }
}

async function open(): Promise<IDBDatabase> {
  return await new Promise((resolve, reject) => {
    const request = indexedDB.open('runseal', 1)
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore('trust'))
    request.addEventListener('success', () => resolve(request.result))
    request.addEventListener('error', () => reject(request.error ?? new Error('no IndexedDB')))
  })
}
