import { MutationObserver, QueryClient, QueryObserver } from '@tanstack/react-query'
import { afterEach, expect, it, vi } from 'vitest'
import { approvedRun, newSigner, trustFileOf } from '#test/evidence/fixture.ts'
import { judgedByKeys } from '#viewer/keys-at-hand.ts'
import { changeTrust, trustQuery } from '#viewer/queries.ts'
import { verdictOf } from './verdict-of.ts'

afterEach(() => vi.unstubAllGlobals())

it('[U16] what is under way when the reader changes what they trust is begun again, so that no part of it goes by what was before', async () => {
  const client = new QueryClient()
  const begun: AbortSignal[] = []
  const verdict = new QueryObserver(client, {
    queryKey: ['verdict', 'several files'],
    queryFn: async ({ signal }) => {
      begun.push(signal)
      return await new Promise<never>(() => undefined)
    },
  })
  const stop = verdict.subscribe(() => undefined)
  await vi.waitFor(() => expect(begun).toHaveLength(1))
  void new MutationObserver(client, changeTrust(client)).mutate(async () => undefined)
  await vi.waitFor(() => expect(begun).toHaveLength(2))
  expect(begun.map(({ aborted }) => aborted)).toEqual([true, false])
  stop()
})

it('[U16] what was judged while what is kept could not be had is judged again as soon as it can', async () => {
  const signer = await newSigner()
  const { bytes } = await approvedRun(signer).seal()
  vi.stubGlobal('fetch', async () => Response.json(trustFileOf(signer)))
  const client = new QueryClient()
  const judged = judgedByKeys(client)
  const verdict = new QueryObserver(client, {
    queryKey: ['verdict', 'ev-1'],
    queryFn: () => judged(async ({ trust }) => await verdictOf(bytes, trust)),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const stop = verdict.subscribe(() => undefined)
  const source = () => verdict.getCurrentResult().data?.sealed_by?.source
  await vi.waitFor(() => expect(source()).toBe('offered'))
  vi.stubGlobal('indexedDB', storeInMemory())
  await client.query({ ...trustQuery, staleTime: 0 })
  await vi.waitFor(() => expect(source()).toBe('first_seen'))
  stop()
})

/** As much of a browser's store as is asked of it. */
function storeInMemory() {
  const values = new Map<string, unknown>()
  const told = <T extends object>(what: T, event: string) => {
    const target = Object.assign(new EventTarget(), what)
    setTimeout(() => target.dispatchEvent(new Event(event)))
    return target
  }
  const store = {
    get: (name: string) => told({ result: structuredClone(values.get(name)) }, 'success'),
    put: (value: unknown, name: string) => values.set(name, structuredClone(value)),
  }
  const transaction = () => told({ objectStore: () => store }, 'complete')
  return { open: () => told({ result: { transaction, close: () => undefined } }, 'success') }
}
