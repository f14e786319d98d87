import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render, screen, within } from '@testing-library/react'
import { userEvent } from '@testing-library/user-event'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { GateResource } from '#contract/api.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { summaryOf } from '#live/select.ts'
import { Diagnosis } from '#viewer/diagnosis.tsx'
import { EMPTY_LIVE, live } from '#viewer/store.ts'

/* The screen over the real client and the real findings; only the network is another. */

const OPENED = '2026-11-12T09:29:00.000Z'
const gate: GateResource = {
  gate_id: 'gate_1',
  step_id: 'ship',
  reason: null,
  opened_at: OPENED,
  question: 'A secret question?',
  policy: {
    roles: ['approver'],
    users: ['zoe'],
    quorum: 1,
    four_eyes: false,
    expires_ms: null,
    sign: 'session',
    inputs: [],
  },
  shown: null,
  decisions: [],
  resolved: null,
  state: 'open',
  run: summaryOf(newRun('run_1')),
  expires_at: null,
  may_decide: { yes: true, why_not: null },
}
const unsealed = summaryOf(
  reduce(newRun('run_2'), {
    type: 'run_failed',
    run_id: 'run_2',
    timestamp: OPENED,
    reason: 'x',
    status: 'failed',
  }),
)

beforeEach(() => {
  vi.setSystemTime(Date.parse(OPENED) + 600_000)
  vi.stubGlobal('fetch', async ({ pathname }: URL) => {
    if (pathname === '/api/gates') return Response.json({ items: [gate], next_cursor: null })
    if (pathname === '/api/runs') return Response.json({ items: [unsealed], next_cursor: null })
    return Response.json({}, { status: 500 })
  })
  // Whether a run is not sealed for a reason is asked for in a worker.
  vi.stubGlobal(
    'Worker',
    class {
      addEventListener = () => undefined
      postMessage = () => undefined
    },
  )
})
afterEach(() => {
  live.setState(EMPTY_LIVE)
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

it('[U35] says of each trouble what was found, and what to do', async () => {
  live.setState({
    connection: { state: 'refused', status: 200, attempt: 1, at: 0, trying: null, why: 'html' },
  })
  show()
  const events = within(await trouble('No events arrive'))
  events.getByText(/is a page and no event stream/)
  events.getByText(/Open this address in a new tab/)
  const input = within(await trouble('Stuck in needs_input'))
  await input.findByText(/oldest for 10 min/)
  input.getByText(/^Ask one of: approver, zoe/)
  const envelope = within(await trouble('Success, but no envelope'))
  await envelope.findByText(/still not sealed/)
})

it('[U35] copies a report, in which no name and no text of a run is', async () => {
  const user = userEvent.setup()
  show()
  await within(await trouble('Stuck in needs_input')).findByText(/oldest for 10 min/)
  await user.click(screen.getByRole('button', { name: 'Copy a report' }))
  await screen.findByText('Copied')
  const report = await navigator.clipboard.readText()
  expect(report).toContain('gate_1 of run_1')
  expect(report).toContain('No events arrive: yes')
  expect(report).not.toMatch(/zoe|secret/)
})

function show(): void {
  render(
    <QueryClientProvider
      client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}
    >
      <Diagnosis />
    </QueryClientProvider>,
  )
}

async function trouble(name: string): Promise<HTMLElement> {
  const heading = await screen.findByRole('heading', { name: new RegExp(name) })
  const item = heading.closest('li')
  if (item === null) throw new Error(`${name} is in no list`)
  return item
}
