import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { againAfterMs, ApiError } from './api.ts'
import { retryOnce, sessionQuery } from './queries.ts'

/** The page's questions and their answers: how long one counts, and what becomes of one that failed. */
export function createClient(): QueryClient {
  // A session that is over is first seen by what it is refused.
  const onError = (error: Error) => {
    if (error instanceof ApiError && error.code === 'unauthenticated')
      void client.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }
  const client = new QueryClient({
    mutationCache: new MutationCache({ onError }),
    queryCache: new QueryCache({ onError }),
    defaultOptions: {
      queries: {
        retry: retryOnce,
        staleTime: 2_000,
        refetchOnWindowFocus: false,
        refetchInterval: ({ state }) => againAfterMs(state.error) ?? false,
      },
    },
  })
  return client
}
