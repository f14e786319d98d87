import { MutationObserver, QueryClient, QueryObserver } from '@tanstack/react-query'
import { expect, it, vi } from 'vitest'
import { changeTrust } from '#viewer/queries.ts'

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
