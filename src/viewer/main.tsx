import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { ApiError } from './api.ts'
import { App } from './app.tsx'
import { retryOnce, sessionQuery } from './queries.ts'
import './styles.css'

// A session that is over is first seen by what it is refused.
const onError = (error: Error) => {
  if (error instanceof ApiError && error.code === 'unauthenticated')
    void client.invalidateQueries({ queryKey: sessionQuery.queryKey })
}

const client = new QueryClient({
  mutationCache: new MutationCache({ onError }),
  queryCache: new QueryCache({ onError }),
  defaultOptions: { queries: { retry: retryOnce, staleTime: 2_000, refetchOnWindowFocus: false } },
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <QueryClientProvider client={client}>
    <App />
  </QueryClientProvider>,
)
