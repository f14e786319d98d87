import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, render, screen, within } from '@testing-library/react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { RunFrame } from '#contract/frame.ts'
import { EMPTY_BOARD, receive, record } from '#live/board.ts'
import { newRun, reduceAll } from '#live/reduce.ts'
import { planStep } from '#test/evidence/fixture.ts'
import { ApiError } from '#viewer/api.ts'
import { RunPage } from '#viewer/operate/run-page.tsx'
import { EMPTY_LIVE, live } from '#viewer/store.ts'

/* The page of a run over the real board; nothing is asked of any network. */

const RUN = 'run_1'
const AT = '2026-11-12T09:00:00.000Z'
const started: RunFrame = { type: 'run_started', run_id: RUN, timestamp: AT, title: 'A long one' }
const step: RunFrame = {
  type: 'step_started',
  run_id: RUN,
  step_id: 'build',
  kind: 'test',
  timestamp: AT,
}
const ended: RunFrame = { type: 'run_failed', run_id: RUN, reason: 'never', status: 'failed' }
const running = reduceAll(newRun(RUN), [started, step])

beforeEach(() => {
  vi.stubGlobal('fetch', async () => Response.json({}, { status: 500 }))
  vi.stubGlobal(
    'Worker',
    class {
      addEventListener = () => undefined
      postMessage = () => undefined
    },
  )
})
afterEach(() => {
  vi.unstubAllGlobals()
  live.setState(EMPTY_LIVE)
})

function page(): void {
  render(
    <QueryClientProvider
      client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}
    >
      <RunPage run_id={RUN} renderGate={() => null} />
    </QueryClientProvider>,
  )
}

function stands(): HTMLElement {
  page()
  return screen.getByRole('region', { name: 'Where the run stands' })
}

it('[U2] [U4] an end that only the stream told does not stand over a newer record: both are shown', () => {
  const told = receive(record(EMPTY_BOARD, running, 'e-2'), [{ id: 'e-3', frame: ended }])
  live.setState({ board: told })
  const region = stands()
  const status = within(region).getByTestId('status')
  expect(status.querySelector('[data-told]')?.textContent).toBe('hint')
  act(() => live.setState({ board: record(told, running, 'e-3') }))
  expect(status.textContent).toMatch(/^Running.*the stream said Failed/)
  expect(status.querySelector('[data-told]')?.getAttribute('data-told')).toBe('contradicted')
})

it('[U4] a run that is told to be sealed, and not how it ended, neither runs nor can be aborted', () => {
  live.setState({ board: record(EMPTY_BOARD, running, 'e-2') })
  const status = within(stands()).getByTestId('status')
  screen.getByRole('button', { name: 'Abort' })
  const sealed: RunFrame = { type: 'run_finalized', run_id: RUN, evidence_id: 'ev_1' }
  const told = receive(record(EMPTY_BOARD, running, 'e-2'), [{ id: 'e-3', frame: sealed }])
  act(() => live.setState({ board: told }))
  expect(status.textContent).toBe('Endedhint')
  expect(screen.queryByRole('button', { name: 'Abort' })).toBe(null)
  const succeeded = reduceAll(running, [
    { type: 'run_succeeded', run_id: RUN, timestamp: AT },
    sealed,
  ])
  act(() => live.setState({ board: record(told, succeeded, 'e-3') }))
  expect(status.textContent).toBe('Succeededrecorded')
})

it('[U3] a run that the server does not know any more is said to be so, and nothing of it goes on', () => {
  live.setState({ board: record(EMPTY_BOARD, running, 'e-2') })
  stands()
  const moving = () => document.querySelectorAll(':not(.\\*\\:animate-none) > .animate-turn').length
  expect(screen.queryByText(/does not answer for this run/)).toBeNull()
  expect(moving()).toBeGreaterThan(0)
  const refused = new ApiError('not_found', 404, 'there is no such run')
  act(() => live.setState({ failed: new Map([[RUN, refused]]) }))
  screen.getByText(/does not answer for this run any more: not found/)
  expect(moving()).toBe(0)
  act(() => live.setState({ failed: new Map() }))
  expect(screen.queryByText(/does not answer for this run/)).toBeNull()
  expect(moving()).toBeGreaterThan(0)
})

it('[U9] a run that could not be had keeps its words while it is asked for again', () => {
  const refused = new ApiError('unreachable', 0, 'GET /api/runs/run_1: no connection')
  live.setState({ failed: new Map([[RUN, refused]]) })
  page()
  const again = screen.getByRole('button', { name: 'Try again' })
  again.focus()
  act(() => again.click())
  expect(document.activeElement).toBe(again)
  screen.getByText('The server cannot be reached')
  // What is on record stays, and what of it is not newer is said.
  act(() => live.setState({ board: record(EMPTY_BOARD, running, 'e-2') }))
  screen.getByText(/not up to date: The server cannot be reached/)
})

it('[U20] what was pressed or has the focus is the same step when the plan puts another before it', () => {
  const board = record(EMPTY_BOARD, running, 'e-2')
  live.setState({ board })
  page()
  const button = () =>
    within(screen.getByRole('region', { name: 'Steps' })).getByRole('button', { name: /build/ })
  const pressed = button()
  pressed.focus()
  const [fetched, built] = [planStep('fetch'), planStep('build', { needs: ['fetch'] })]
  const plan = { steps: [fetched, built], gates: [] }
  act(() => live.setState({ board: record(board, { ...running, plan }, 'e-3') }))
  screen.getByRole('button', { name: /fetch/ })
  expect(button()).toBe(pressed)
  expect(document.activeElement).toBe(pressed)
})
