import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { act, render, screen } from '@testing-library/react'
import { expect, it } from 'vitest'
import { ApiError } from '#viewer/api.ts'
import { Failure } from '#viewer/parts/failure.tsx'
import { useStandingError } from '#viewer/parts/standing-error.ts'

it('[U9] what is asked for again keeps its words and the focus on its button', async () => {
  const answers: PromiseWithResolvers<string>[] = []
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  function Asked() {
    const query = useQuery({
      queryKey: ['it'],
      queryFn: () => {
        const answer = Promise.withResolvers<string>()
        answers.push(answer)
        return answer.promise
      },
    })
    const failed = useStandingError(query)
    if (failed !== null) return <Failure error={failed} again={query.refetch} />
    return query.isPending ? <p>Reading it.</p> : <p>{query.data}</p>
  }
  render(
    <QueryClientProvider client={client}>
      <Asked />
    </QueryClientProvider>,
  )
  screen.getByText('Reading it.')
  answers[0]?.reject(new ApiError('unreadable', 500, 'GET /api/it answered 500'))
  const again = await screen.findByRole('button', { name: 'Try again' })
  again.focus()
  await act(async () => {
    again.click()
    await Promise.resolve()
  })
  expect(answers).toHaveLength(2)
  expect(client.getQueryState(['it'])?.status).toBe('pending')
  expect(document.activeElement).toBe(again)
  answers[1]?.resolve('It is here.')
  await screen.findByText('It is here.')
  expect(screen.queryByRole('button')).toBe(null)
})
