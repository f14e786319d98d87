import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render, screen, waitFor } from '@testing-library/react'
import { userEvent } from '@testing-library/user-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GateResource, Session } from '#contract/api.ts'
import type { RecordedDecision } from '#contract/envelope.ts'
import { newRun } from '#live/reduce.ts'
import { summaryOf } from '#live/select.ts'
import { GateAnswer } from '#viewer/approve/gate-answer.tsx'
import { Clock } from '#viewer/parts/clock.tsx'

/* The screen over the real client; only the network is another. */

const NOW = Date.parse('2026-11-12T09:30:00.000Z')

let gate: GateResource
let sent: { path: string; method: string; secret: string | null; body: unknown }[]
let refusal: { status: number; code: string; detail: string } | null

beforeEach(() => {
  sent = []
  refusal = null
  gate = {
    gate_id: 'gate_1',
    step_id: 'ship',
    reason: null,
    opened_at: '2026-11-12T09:29:00.000Z',
    question: 'Release <b>1.0</b>?',
    policy: {
      roles: ['approver'],
      users: ['ann'],
      quorum: 1,
      four_eyes: true,
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
  vi.setSystemTime(NOW)
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    const { pathname } = url
    if (pathname === '/api/session')
      return Response.json({
        actor: 'user:ann',
        role: 'approver',
        secret: 's3cret',
        expires_at: null,
      } satisfies Session)
    if (init.method === 'GET') return Response.json(gate)
    sent.push({
      path: pathname,
      method: init.method ?? '',
      secret: new Headers(init.headers).get('runseal-secret'),
      body: typeof init.body === 'string' ? JSON.parse(init.body) : null,
    })
    if (refusal)
      return Response.json(
        { type: 'about:blank', title: 'no', ...refusal },
        { status: refusal.status },
      )
    return Response.json({ decision: decided('approved', ''), resolved: null }, { status: 201 })
  })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function decided(decision: 'approved' | 'rejected', comment: string): RecordedDecision {
  const hex = 'a'.repeat(64)
  return {
    assertion: null,
    decision: {
      type: 'runseal/evidence-envelope/1/gate-decision',
      evidence_id: 'ev_1',
      run_id: 'run_1',
      gate_id: 'gate_1',
      question: 'Release?',
      policy_sha256: hex,
      decision,
      comment,
      inputs: {},
      approver: 'user:ann',
      chain_head_before: hex,
      shown_sha256: hex,
      nonce: 'b'.repeat(32),
      requested_at: '2026-11-12T09:29:30.000Z',
      expires_at: null,
      decided_at: '2026-11-12T09:29:40.000Z',
    },
  }
}

function show(offsetMs = 0, run_id: string | null = null): void {
  render(
    <QueryClientProvider
      client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}
    >
      <Clock state={{ offsetMs, stoppedAt: null }}>
        <GateAnswer gate_id="gate_1" run_id={run_id} />
      </Clock>
    </QueryClientProvider>,
  )
}

const approve = () => screen.findByRole('button', { name: /^Approve/ })

describe('a gate', () => {
  it('[CH6] of another run is no question on the page of this one, whatever the stream said', async () => {
    show(0, 'run_1')
    await approve()
    show(0, 'run_2')
    await waitFor(() => expect(screen.queryByLabelText('Loading the gate')).toBeNull())
    expect(screen.getAllByRole('region', { name: 'Gate' })).toHaveLength(1)
  })

  it('asks as text, and says who may decide', async () => {
    show()
    await screen.findByRole('heading', { name: 'Release <b>1.0</b>?' })
    screen.getByText('ann, anyone with the role approver')
    screen.getByText(/not whoever started the run/)
  })

  it('is approved with one click, with the comment and the secret of the session', async () => {
    show()
    await userEvent.type(await screen.findByLabelText(/^Comment/), 'Looks right')
    await userEvent.click(await approve())
    await waitFor(() => expect(sent).toHaveLength(1))
    expect(sent[0]).toEqual({
      path: '/api/gates/gate_1/decisions',
      method: 'POST',
      secret: 's3cret',
      body: { decision: 'approved', comment: 'Looks right', inputs: {} },
    })
    await screen.findByText('Your decision is on record. More people must approve.')
  })

  it('is rejected as easily', async () => {
    show()
    await userEvent.click(await screen.findByRole('button', { name: 'Reject' }))
    await waitFor(() => expect(sent[0]?.body).toMatchObject({ decision: 'rejected' }))
  })

  it('[U8] says why this person may not decide, and sends nothing', async () => {
    gate.may_decide = { yes: false, why_not: 'you started this run' }
    show()
    const button = await approve()
    expect(button.getAttribute('aria-disabled')).toBe('true')
    expect(screen.getAllByText('you started this run').length).toBeGreaterThan(0)
    await userEvent.click(button)
    expect(sent).toEqual([])
  })

  it('counts down by the server’s clock, and takes no answer after its end', async () => {
    gate.expires_at = '2026-11-12T09:31:00.000Z'
    show(-30_000)
    await screen.findByText('expires in 1 m 30 s, unanswered means no')
    show(60_000)
    await screen.findByText('expired: an answer is refused now')
  })

  it('says what the server refused, in words', async () => {
    refusal = { status: 409, code: 'gate_resolved', detail: 'user:bob approved it' }
    show()
    await userEvent.click(await approve())
    expect((await screen.findByRole('alert')).textContent).toBe(
      'The gate is resolved: user:bob approved it',
    )
  })

  it('asks for what must be filled in to approve, not to reject', async () => {
    gate.policy?.inputs.push({ name: 'ticket', label: 'Ticket', required: true })
    show()
    expect((await approve()).getAttribute('aria-disabled')).toBe('true')
    expect(screen.getByRole('button', { name: 'Reject' }).getAttribute('aria-disabled')).toBe(
      'false',
    )
    await userEvent.type(screen.getByLabelText(/^Ticket/), 'T-1')
    expect((await approve()).getAttribute('aria-disabled')).toBe('false')
  })

  it.each([
    ['rejected', 'user:ann', [decided('rejected', 'not yet')], 'not yet'],
    ['expired', 'system', [], 'Nobody decided in time, so the system closed the gate.'],
    ['aborted', 'system', [], 'The run was aborted, so the system closed the gate.'],
  ] as const)('that is %s says by whom and why', async (outcome, by, decisions, says) => {
    gate = {
      ...gate,
      state: 'resolved',
      decisions: [...decisions],
      resolved: { outcome, by, at: '2026-11-12T09:29:40.000Z' },
    }
    show()
    await screen.findByText(says, { exact: false })
    expect(screen.queryByRole('button', { name: /^Approve/ })).toBeNull()
  })
})
