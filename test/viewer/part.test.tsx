import { act, cleanup, render, screen } from '@testing-library/react'
import { Suspense } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { PageBoundary } from '#viewer/parts/failure.tsx'
import { part } from '#viewer/parts/part.ts'
import { PartAwaited } from '#viewer/parts/part-awaited.tsx'

/* A part of the page that is fetched while its server goes, comes back, or is another one. */

let there: boolean
beforeEach(() => {
  vi.useFakeTimers()
  there = false
  vi.stubGlobal(
    'fetch',
    vi.fn<typeof fetch>(async () => {
      if (!there) throw new TypeError('Failed to fetch')
      return new Response('ok\n', { headers: { 'content-type': 'text/plain' } })
    }),
  )
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(() => {
  cleanup()
  vi.useRealTimers()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

const Log = () => <p>The log</p>

function draw(load: () => Promise<typeof Log>) {
  const Part = part(load)
  render(
    <PageBoundary page="/">
      <Suspense
        fallback={
          <PartAwaited>
            <p>Loading</p>
          </PartAwaited>
        }
      >
        <Part />
      </Suspense>
    </PageBoundary>,
  )
}

const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms))

it('[CH4] is asked for until the server is back, however long that takes', async () => {
  let asked = 0
  draw(async () => {
    asked += 1
    if (!there) throw new TypeError('Failed to fetch dynamically imported module')
    return Log
  })
  await pass(10 * 60_000)
  expect(asked).toBeGreaterThan(100)
  // And is said not to be had, which is another thing than that it is on its way.
  expect(screen.queryByText('Loading')).toBeNull()
  expect(
    screen.getByText(/^This part of the page is not here yet: there is no network/),
  ).toBeDefined()
  there = true
  await pass(4_000)
  expect(screen.getByText('The log')).toBeDefined()
})

it('is of another version where the server answers and has it no more', async () => {
  there = true
  draw(() => Promise.reject(new TypeError('Failed to fetch dynamically imported module')))
  await pass(4_000)
  expect(screen.getByText('Loading')).toBeDefined()
  await pass(4_000)
  expect(screen.getByText(/probably updated/)).toBeDefined()
  expect(screen.getByRole('button', { name: 'Load the page anew' })).toBeDefined()
})
