import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { problemOf, served, type Served } from './served.ts'

const PROJECT = `
runs:
  one:
    steps: [{ id: say, run: echo hello }]
    gates: [{ id: go, needs: [say], question: 'Go on?' }]
  three:
    steps: [{ id: say, run: echo hello }]
    gates: [{ id: go, needs: [say], question: 'Go on?', quorum: 3 }]
  eyes:
    steps: [{ id: say, run: echo hello }]
    gates: [{ id: go, needs: [say], question: 'Go on?', quorum: 2, four_eyes: true }]
`

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let server: Served
/** Tokens by whom they belong to. */
const tokens: Record<'ann' | 'bob' | 'cyd' | 'dan' | 'operator', string> = {
  ann: '',
  bob: '',
  cyd: '',
  dan: '',
  operator: '',
}
beforeAll(async () => {
  server = await served(PROJECT)
  // Admins, who may start and answer: what keeps them apart is the gate alone.
  for (const name of ['ann', 'bob', 'cyd', 'dan'] as const)
    tokens[name] = await server.person(name, 'admin')
  tokens.operator = await server.token('operator')
})
afterAll(() => server.end())

/** Starts a run and answers with the gate that it waits at. */
async function waiting(definition: string, token: string) {
  const { run_id } = await server.ask(ENDPOINT.startRun.answer, '/api/runs', {
    token,
    body: { definition },
  })
  return { run_id, gate_id: await gateOf(run_id) }
}

async function gateOf(run_id: string): Promise<string> {
  for (;;) {
    const { gates } = await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)
    const [gate] = gates
    if (gate !== undefined) return gate.gate_id
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const decide = (gate_id: string, token: string, decision = 'approved') =>
  server.send(`/api/gates/${gate_id}/decisions`, { token, body: { decision } })
const codeOf = async (answer: Promise<Response>) => (await problemOf(await answer)).code

it('[GA2] of fifty answers at one instant one resolves, and the others hear what stands', async () => {
  const people = await Promise.all(
    Array.from({ length: 50 }, (_, i) => server.person(`p${i}`, 'approver')),
  )
  for (const [definition, resolving] of [
    ['one', 1],
    ['three', 3],
  ] as const) {
    const { run_id, gate_id } = await waiting(definition, tokens.operator)
    const answers = await Promise.all(people.map((token) => decide(gate_id, token)))
    const accepted = answers.filter(({ status }) => status === 201)
    expect(accepted).toHaveLength(resolving)
    const decisions = await Promise.all(
      accepted.map(async (answer) => ENDPOINT.decideGate.answer.parse(await answer.json())),
    )
    expect(decisions.filter(({ resolved }) => resolved !== null)).toHaveLength(1)
    const last = decisions.find(({ resolved }) => resolved !== null)?.decision.decision.approver
    const refused = await Promise.all(answers.filter(({ status }) => status !== 201).map(problemOf))
    expect(new Set(refused.map(({ status, code }) => `${status} ${code}`))).toEqual(
      new Set(['409 gate_resolved']),
    )
    for (const { detail } of refused) expect(detail).toContain(`approved by ${last}`)
    const { gates } = await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)
    expect(gates[0]?.decisions).toHaveLength(resolving)
    expect(gates[0]?.resolved).toMatchObject({ outcome: 'approved', by: last })
  }
})

it('[GA2] of fifty refusals and approvals at one instant one resolves', async () => {
  const { gate_id } = await waiting('one', tokens.operator)
  const people = await Promise.all(
    Array.from({ length: 50 }, (_, i) => server.person(`q${i}`, 'approver')),
  )
  const answers = await Promise.all(
    people.map((token, i) => decide(gate_id, token, i % 2 ? 'approved' : 'rejected')),
  )
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(49)
})

it('[GA3] a person is one with however many tokens, and an earlier approval is 201', async () => {
  const { gate_id } = await waiting('three', tokens.operator)
  const first = await decide(gate_id, tokens.ann)
  expect(first.status).toBe(201)
  expect(ENDPOINT.decideGate.answer.parse(await first.json()).resolved).toBeNull()
  expect(await codeOf(decide(gate_id, await server.token('approver', 'ann')))).toBe(
    'already_decided',
  )
  expect((await decide(gate_id, tokens.bob)).status).toBe(201)
  const third = await decide(gate_id, tokens.cyd)
  expect(ENDPOINT.decideGate.answer.parse(await third.json()).resolved).toMatchObject({
    outcome: 'approved',
  })
  expect(await codeOf(decide(gate_id, tokens.dan))).toBe('gate_resolved')
})

it('[GA5] four eyes: not who started it, by token or by another one; not a token of nobody', async () => {
  const { gate_id } = await waiting('eyes', tokens.ann)
  expect(await codeOf(decide(gate_id, tokens.ann))).toBe('may_not_decide')
  expect(await codeOf(decide(gate_id, await server.token('approver', 'ann')))).toBe(
    'may_not_decide',
  )
  expect(await codeOf(decide(gate_id, await server.token('approver')))).toBe('may_not_decide')
  expect((await decide(gate_id, tokens.bob)).status).toBe(201)
  expect((await decide(gate_id, tokens.cyd)).status).toBe(201)
})

it('[GA5] four eyes: nobody in the lineage of reruns', async () => {
  const first = await waiting('eyes', tokens.ann)
  const rerun = async (run_id: string, token: string) => {
    await server.send(`/api/runs/${run_id}/abort`, { token, body: {} })
    for (;;) {
      const { seal } = await server.ask(ENDPOINT.run.answer, `/api/runs/${run_id}`)
      if (seal === 'sealed') break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const body = { from: 'start' }
    return await server.ask(ENDPOINT.rerunRun.answer, `/api/runs/${run_id}/rerun`, { token, body })
  }
  const second = await rerun(first.run_id, tokens.bob)
  const third = await rerun(second.run_id, tokens.cyd)
  const gate_id = await gateOf(third.run_id)
  for (const token of [tokens.ann, tokens.bob, tokens.cyd])
    expect(await codeOf(decide(gate_id, token))).toBe('may_not_decide')
  expect((await decide(gate_id, tokens.dan)).status).toBe(201)
})

it('[GA5] four eyes: a starter whom nobody owns fails them for everybody', async () => {
  const { gate_id } = await waiting('eyes', tokens.operator)
  for (const token of [tokens.ann, tokens.bob])
    expect((await problemOf(await decide(gate_id, token))).detail).toContain('is no known person')
  const gate = await server.ask(ENDPOINT.gate.answer, `/api/gates/${gate_id}`, {
    token: tokens.ann,
  })
  expect(gate.may_decide.yes).toBe(false)
})

it('[GA5] four eyes: a token that was revoked since is still its owner', async () => {
  const { people } = server.administration
  const made = await people.makeToken(
    { role: 'operator', owner: 'ann', expires_at: null },
    'system',
  )
  const { gate_id } = await waiting('eyes', made.token)
  await people.revokeToken(made.token_id, 'system')
  expect(await codeOf(decide(gate_id, tokens.ann))).toBe('may_not_decide')
  expect((await decide(gate_id, tokens.bob)).status).toBe(201)
})

it('[GA9] an answer to a dead run is 410', async () => {
  const { run_id, gate_id } = await waiting('one', tokens.operator)
  await server.send(`/api/runs/${run_id}/abort`, { token: tokens.operator, body: {} })
  const late = await decide(gate_id, tokens.ann)
  expect(late.status).toBe(410)
  expect((await problemOf(late)).code).toBe('gate_gone')
})

it('[P15] the journal has who started, answered and aborted, once each', async () => {
  const { run_id, gate_id } = await waiting('three', tokens.ann)
  await decide(gate_id, tokens.bob)
  await decide(gate_id, tokens.bob)
  await server.send(`/api/runs/${run_id}`, { token: tokens.cyd })
  await server.send(`/api/runs/${run_id}/abort`, { token: tokens.cyd, body: {} })
  const { items } = await server.ask(ENDPOINT.journal.answer, '/api/journal?limit=200', {
    token: tokens.dan,
  })
  const ofIt = items.filter(({ about }) => about === run_id || about === gate_id).toReversed()
  expect(ofIt.map(({ act, detail }) => [act, detail])).toEqual([
    ['run_started', 'three'],
    ['gate_decided', 'approved'],
    ['run_aborted', null],
  ])
  expect(new Set(ofIt.map(({ actor }) => actor)).size).toBe(3)
})
