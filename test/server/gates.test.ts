import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Decide } from '#contract/api.ts'
import { LIMITS, type Opening, type PlanGate } from '#contract/envelope.ts'
import type { Role } from '#contract/status.ts'
import { digestOf } from '#evidence/digest.ts'
import { readEnvelope } from '#evidence/read.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { closeGate, openGate, refusalReason } from '#server/gates/gate-facts.ts'
import type { Asker } from '#server/identity/asker.ts'
import { serverKeyOf } from '#server/seal/key.ts'
import {
  actOf,
  after,
  AT,
  digest,
  opening,
  planGate,
  policy,
  started,
  stepFinished,
  stepStarted,
  succeeded,
} from '#test/recorded.ts'
import { makeDataFolder, type DataFolder } from './data-folder.ts'

let data: DataFolder
beforeEach(async () => {
  data = await makeDataFolder()
  for (const name of ['root', 'ann', 'bob', 'cyd', 'dan'])
    await data.storage.identity.addUser(
      { name, role: name === 'root' ? 'admin' : 'approver', created_at: AT, disabled_at: null },
      actOf('user_added', name),
    )
})
afterEach(async () => {
  vi.useRealTimers()
  await data.remove()
})

const RUN = 'run_a'
const GATE = 'gate_a'
const approve: Decide = { decision: 'approved' }
const reject: Decide = { decision: 'rejected', comment: 'not today' }

const user = (name: string, role: Role = 'approver'): Asker => ({
  actor: `user:${name}`,
  role,
  owner: name,
  authority: null,
})

async function token(id: string, owner: string | null, role: Role = 'approver'): Promise<Asker> {
  const secret_sha256 = digest(id)
  const never = { created_at: AT, expires_at: null, revoked_at: null }
  await data.storage.identity.addToken(
    { token_id: id, secret_sha256, role, owner, ...never },
    actOf('token_made', id),
  )
  return { actor: `token:${id}`, role, owner, authority: null }
}

/** A run whose step is done and whose gate waits. */
async function ask(gate: Partial<PlanGate> = {}, over: Partial<Opening> = {}): Promise<void> {
  const asked = planGate(gate)
  const plan = { steps: opening().plan.steps, gates: [asked] }
  await data.recorder.open(started(RUN, { server: data.signer.key_id, plan, ...over }))
  await data.recorder.record(RUN, () => [stepStarted(RUN)])
  const artifacts = ['out/a.txt', 'out/b.txt'].map((path) => ({
    path,
    sha256: digest(path),
    bytes: 3,
  }))
  await data.recorder.record(RUN, () => [stepFinished(RUN, { artifacts })])
  await data.recorder.record(RUN, (current) => [openGate(current, asked, GATE, data.clock.at)])
}

const decide = (asker: Asker, answer: Decide = approve) => data.gates.decide(GATE, asker, answer)
const resolution = async () => (await data.storage.gates.get(GATE))?.gate.resolved
const entry = () => {
  const fact = data.told.find((fact) => fact.type === 'gate_resolved')
  if (fact === undefined) throw new Error('the gate is not resolved')
  return fact.entry
}

/** Ends and seals the run, and answers what a verifier finds wrong. */
async function faults(): Promise<string[]> {
  await data.recorder.record(RUN, ({ run }) =>
    run.gates.every(({ resolved }) => resolved?.outcome === 'approved')
      ? [{ ...succeeded(RUN), timestamp: data.clock.at }]
      : [
          {
            type: 'run_aborted',
            run_id: RUN,
            timestamp: data.clock.at,
            actor: 'system',
            reason: refusalReason(entry()),
          },
        ],
  )
  await data.sealer.seal(RUN)
  const { bytes } = await data.sealer.read('ev_a')
  const file = {
    schema: 'runseal/trust/1' as const,
    server_keys: [serverKeyOf(data.signer)],
    approvers: [],
    required: [],
  }
  const { claims } = await verifyEnvelope(bytes, { trust: [{ file, source: 'pinned' }] })
  return claims
    .filter(({ state }) => state === 'does not verify')
    .map(({ code, message }) => `${code}: ${message}`)
}

it('[GA1] shows what was on record when it opened', async () => {
  await ask({ show: ['build/out/b.txt'], policy: policy({ expires_ms: 60_000 }) })
  const { shown, fields } = await data.gates.challenge(GATE, user('bob'))
  const stored = await data.storage.runs.facts(RUN)
  expect(shown).toEqual({
    step_id: 'release',
    question: 'Release it?',
    policy_sha256: digestOf(policy({ expires_ms: 60_000 })),
    chain_head_before: stored[2]?.link,
    opened_at: AT,
    expires_at: after(60_000),
    running: [],
    artifacts: [
      {
        step_id: 'build',
        attempt: 1,
        path: 'out/a.txt',
        sha256: digest('out/a.txt'),
        bytes: 3,
        opened: false,
      },
      {
        step_id: 'build',
        attempt: 1,
        path: 'out/b.txt',
        sha256: digest('out/b.txt'),
        bytes: 3,
        opened: true,
      },
    ],
    base: null,
  })
  expect(fields).toMatchObject({
    evidence_id: 'ev_a',
    run_id: RUN,
    gate_id: GATE,
    approver: 'user:bob',
    chain_head_before: shown.chain_head_before,
    shown_sha256: digestOf(shown),
    requested_at: AT,
    expires_at: after(60_000),
  })
})

it('[GA1] names the steps that still run', async () => {
  await data.recorder.open(started(RUN))
  const { run, chain } = await data.recorder.record(RUN, () => [stepStarted(RUN)])
  expect(openGate({ run, chain }, planGate(), GATE, AT).shown.running).toEqual(['build'])
})

it.each([
  ['approved', approve],
  ['rejected', reject],
] as const)(
  '[GA2] [GA10] resolves as %s by one answer, and the envelope verifies',
  async (outcome, answer) => {
    await ask()
    const { decision, resolved } = await decide(user('bob'), answer)
    expect(resolved).toEqual({ outcome, at: AT })
    expect(decision).toMatchObject({
      assertion: null,
      decision: { approver: 'user:bob', ...answer },
    })
    expect(await resolution()).toEqual({ outcome, by: 'user:bob', at: AT })
    expect(data.told.slice(-2).map(({ type }) => type)).toEqual(['gate_decided', 'gate_resolved'])
    expect(entry().decisions).toEqual([decision])
    expect(await faults()).toEqual([])
  },
)

it('[GA2] says why a run ends that was refused', async () => {
  await ask()
  await decide(user('bob'), reject)
  expect(refusalReason(entry())).toBe('gate release rejected by user:bob: not today')
})

it('[GA2] answers a later answer with what stands', async () => {
  await ask()
  await decide(user('bob'), reject)
  await expect(decide(user('cyd'))).rejects.toMatchObject({
    code: 'gate_resolved',
    detail: `rejected by user:bob at ${AT}`,
  })
  await expect(data.gates.challenge(GATE, user('cyd'))).rejects.toMatchObject({
    code: 'gate_resolved',
  })
  expect(await faults()).toEqual([])
  // Also when the run has ended since.
  await expect(decide(user('cyd'))).rejects.toMatchObject({ code: 'gate_resolved' })
})

it('[GA2] gives one resolution to many who answer at once', async () => {
  await ask({ policy: policy({ quorum: 2 }) })
  const answers = await Promise.allSettled(
    ['bob', 'cyd', 'dan', 'ann'].map((name) => decide(user(name))),
  )
  const taken = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  expect(taken.map(({ resolved }) => resolved?.outcome ?? null)).toEqual([null, 'approved'])
  expect(entry().decisions).toEqual(taken.map(({ decision }) => decision))
  expect(await faults()).toEqual([])
})

it('[GA2] resolves by the first rejection, whatever approvals there were', async () => {
  await ask({ policy: policy({ quorum: 3 }) })
  await decide(user('bob'))
  data.clock.at = after(5)
  await decide(user('cyd'))
  data.clock.at = after(7)
  await decide(user('ann'), reject)
  expect(entry()).toMatchObject({ outcome: 'rejected', resolved_at: after(7) })
  expect(entry().decisions.map(({ decision }) => decision.approver)).toEqual([
    'user:bob',
    'user:cyd',
    'user:ann',
  ])
  expect(await faults()).toEqual([])
})

it('[GA3] takes one decision of a person, with however many tokens', async () => {
  await ask({ policy: policy({ quorum: 2 }) })
  const [t1, t2] = [await token('t1', 'bob'), await token('t2', 'bob')]
  await decide(t1)
  for (const again of [t1, t2, user('bob')])
    await expect(decide(again)).rejects.toMatchObject({ code: 'already_decided' })
  await data.reopen()
  await expect(decide(user('bob'))).rejects.toMatchObject({ code: 'already_decided' })
  expect((await decide(user('cyd'))).resolved).toMatchObject({ outcome: 'approved' })
})

it('[GA11] counts no token that belongs to no person towards several', async () => {
  await ask({ policy: policy({ quorum: 2 }) })
  for (const nobodys of [await token('t1', null), await token('t2', null)]) {
    await expect(decide(nobodys)).rejects.toMatchObject({ code: 'may_not_decide' })
    expect((await data.gates.get(GATE, nobodys)).may_decide.yes).toBe(false)
  }
  expect((await data.storage.gates.get(GATE))?.gate.decisions).toEqual([])
})

it('[GA11] makes no quorum with somebody who may decide no more', async () => {
  const { identity } = data.storage
  const by = actOf('user_changed', 'bob')
  const takenAway = { bob: { disabled_at: AT }, cyd: { role: 'viewer' } } as const
  await ask({ policy: policy({ quorum: 3 }) })
  await decide(await token('t1', 'bob'))
  await decide(user('cyd'))
  for (const name of ['bob', 'cyd'] as const) {
    await identity.changeUser(name, takenAway[name], by)
    await expect(decide(user('dan'))).rejects.toMatchObject({ code: 'may_not_decide' })
    await identity.changeUser(name, { disabled_at: null, role: 'approver' }, by)
  }
  // Bob's token is revoked by now, and he may decide again.
  expect((await decide(user('dan'))).resolved).toMatchObject({ outcome: 'approved' })
  expect(await faults()).toEqual([])
})

it('[GA11] lets a gate be refused that somebody approved who may decide no more', async () => {
  await ask({ policy: policy({ quorum: 2 }) })
  await decide(user('bob'))
  await data.storage.identity.changeUser('bob', { disabled_at: AT }, actOf('user_changed', 'bob'))
  expect((await decide(user('cyd'), reject)).resolved).toMatchObject({ outcome: 'rejected' })
  expect(await faults()).toEqual([])
})

it('[GA3] takes one decision of a person who answers twice at once', async () => {
  await ask({ policy: policy({ quorum: 2 }) })
  const [t1, t2] = [await token('t1', 'bob'), await token('t2', 'bob')]
  const answers = await Promise.allSettled([decide(t1), decide(t2), decide(user('bob'))])
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  expect(await resolution()).toBeNull()
})

describe('who may decide', () => {
  const may = async (asker: Asker | null) => (await data.gates.get(GATE, asker)).may_decide

  it.each([
    ['viewer', false],
    ['operator', false],
    ['reviewer', false],
    ['approver', true],
    ['admin', true],
  ] as const)('[GA4] a gate for approvers, a %s: %s', async (role, yes) => {
    await ask()
    expect((await may(user('bob', role))).yes).toBe(yes)
    if (!yes)
      await expect(decide(user('bob', role))).rejects.toMatchObject({ code: 'may_not_decide' })
    expect((await may(await token('t1', null, role))).yes).toBe(yes)
  })

  it('[GA4] a gate for admins: no approver', async () => {
    await ask({ policy: policy({ roles: ['admin'] }) })
    await expect(decide(user('bob'))).rejects.toMatchObject({ code: 'may_not_decide' })
    expect(await may(user('bob', 'admin'))).toEqual({ yes: true, why_not: null })
  })

  it('[GA4] a gate for named people: no other, be it an admin', async () => {
    await ask({ policy: policy({ roles: [], users: ['bob'] }) })
    expect((await may(user('bob'))).yes).toBe(true)
    expect((await may(await token('t1', 'bob'))).yes).toBe(true)
    for (const other of [user('cyd'), user('cyd', 'admin'), await token('t2', null)])
      await expect(decide(other)).rejects.toMatchObject({ code: 'may_not_decide' })
  })

  it('[GA4] nobody who is not signed in', async () => {
    await ask()
    expect(await may(null)).toEqual({ yes: false, why_not: 'sign in to decide' })
  })

  it('[GA4] nobody, where a passkey is asked for', async () => {
    await ask({ policy: policy({ sign: 'passkey' }) })
    await expect(decide(user('bob', 'admin'))).rejects.toMatchObject({
      code: 'may_not_decide',
      detail: 'this gate wants a passkey, which this server cannot check',
    })
  })

  it('[GA4] a gate that is resolved', async () => {
    await ask()
    await decide(user('bob'))
    expect(await may(user('cyd'))).toEqual({ yes: false, why_not: 'the gate is resolved' })
  })
})

describe('four eyes', () => {
  const eyes = policy({ four_eyes: true })
  const four = (over: Partial<Opening>) => ask({ policy: eyes }, over)
  const refused = (asker: Asker) =>
    expect(decide(asker)).rejects.toMatchObject({ code: 'may_not_decide' })

  it('[GA5] exclude whoever started the run, also by a token', async () => {
    await four({ actor: 'user:ann' })
    await refused(user('ann', 'admin'))
    await refused(await token('t1', 'ann'))
    expect((await decide(user('bob'))).resolved).toMatchObject({ outcome: 'approved' })
    expect(await faults()).toEqual([])
  })

  it('[GA5] exclude the owner of the token that started it, and every other token of theirs', async () => {
    await token('t1', 'ann')
    await four({ actor: 'token:t1' })
    await refused(user('ann'))
    await refused(await token('t2', 'ann'))
    await decide(user('bob'))
  })

  it('[GA5] exclude every starter of the runs that it repeats', async () => {
    await token('t1', 'cyd')
    await four({ rerun_of: { run_id: 'run_0', starters: ['user:bob', 'token:t1'] } })
    for (const name of ['ann', 'bob', 'cyd']) await refused(user(name))
    await decide(user('dan'))
  })

  it.each(['system', 'token:t1', 'token:gone'])('[GA5] fail where %s started it', async (actor) => {
    await token('t1', null)
    await four({ actor })
    await refused(user('bob', 'admin'))
  })

  it('[GA5] fail where the token that answers is of nobody', async () => {
    await four({ actor: 'user:ann' })
    await refused(await token('t1', null))
  })
})

describe('inputs', () => {
  const inputs = [
    { name: 'ticket', label: 'Ticket', required: true },
    { name: 'note', label: 'Note', required: false },
  ]
  beforeEach(() => ask({ policy: policy({ inputs }) }))

  it.each([
    [{}, 'the gate asks for ticket'],
    [{ ticket: '' }, 'the gate asks for ticket'],
    [{ ticket: '7', other: 'x' }, 'the gate does not ask for other'],
  ])('[GA6] are refused: %j', async (inputs, detail) => {
    await expect(decide(user('bob'), { ...approve, inputs })).rejects.toMatchObject({
      code: 'bad_inputs',
      detail,
    })
    expect(await resolution()).toBeNull()
  })

  it('[GA6] are recorded with the decision', async () => {
    const { decision } = await decide(user('bob'), { ...approve, inputs: { ticket: '7' } })
    expect(decision.decision.inputs).toEqual({ ticket: '7' })
    expect(await faults()).toEqual([])
  })

  it('[GA6] need not be filled in to say no', async () => {
    await decide(user('bob'), reject)
    expect(await faults()).toEqual([])
  })
})

it('[GA6] refuses a text that cannot be recorded', async () => {
  await ask()
  await expect(decide(user('bob'), { ...approve, comment: '\udc00' })).rejects.toMatchObject({
    code: 'bad_request',
  })
  await expect(
    decide(user('bob'), { ...approve, comment: '€'.repeat(LIMITS.textBytes / 2) }),
  ).rejects.toMatchObject({ code: 'too_large' })
  await decide(user('bob'), { ...approve, comment: '<b>日本</b>' })
  expect(await faults()).toEqual([])
})

describe('a nonce', () => {
  it('[GA7] is good for one answer, of whoever asked for it, at that gate', async () => {
    await ask({ policy: policy({ quorum: 2 }) })
    data.clock.at = after(1000)
    const { fields } = await data.gates.challenge(GATE, user('bob'))
    data.clock.at = after(2000)
    const answer = { ...approve, nonce: fields.nonce }
    for (const wrong of [
      decide(user('cyd'), answer),
      decide(user('bob'), { ...approve, nonce: '0'.repeat(32) }),
    ])
      await expect(wrong).rejects.toMatchObject({ code: 'bad_request' })
    const { decision } = await decide(user('bob'), answer)
    expect(decision.decision).toEqual({
      ...fields,
      ...approve,
      comment: '',
      inputs: {},
      decided_at: after(2000),
    })
    await expect(decide(user('cyd'), answer)).rejects.toMatchObject({ code: 'bad_request' })
  })
})

describe('a clock that is set back', () => {
  it('[GA7] does not record an answer before its question', async () => {
    await ask()
    data.clock.at = after(-60_000)
    const { decision } = await decide(user('bob'))
    expect(decision.decision).toMatchObject({ requested_at: AT, decided_at: AT })
    data.clock.at = AT
    expect(await faults()).toEqual([])
  })
})

describe('expiry', () => {
  const soon = { policy: policy({ expires_ms: 60_000, quorum: 2 }) }

  it('[GA8] closes the gate when its time has come, and can look like nobody', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await ask(soon)
    await decide(user('bob'))
    data.clock.at = after(60_000)
    await vi.advanceTimersByTimeAsync(60_000)
    await vi.waitFor(async () => expect(await resolution()).not.toBeNull())
    expect(await resolution()).toEqual({ outcome: 'expired', by: 'system', at: after(60_000) })
    expect(refusalReason(entry())).toBe('gate release expired')
    expect(await faults()).toEqual([])
  })

  it('[GA8] closes at restart what was overdue by then', async () => {
    await ask(soon)
    await data.reopen()
    data.clock.at = after(3_600_000)
    await data.gates.resume()
    await vi.waitFor(async () => expect(await resolution()).toMatchObject({ outcome: 'expired' }))
    expect(await faults()).toEqual([])
  })

  it('[GA8] closes at the first answer that is too late, even if no timer came', async () => {
    await ask(soon)
    data.clock.at = after(60_000)
    await expect(decide(user('bob'))).rejects.toMatchObject({ code: 'gate_resolved' })
    expect(await resolution()).toMatchObject({ outcome: 'expired', by: 'system' })
    expect(await faults()).toEqual([])
  })

  it('[GA8] waits longer than a timer can', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const days = 60 * 86_400_000
    await ask({ policy: policy({ expires_ms: days }) })
    await vi.advanceTimersByTimeAsync(2 ** 31)
    expect(await resolution()).toBeNull()
    data.clock.at = after(days)
    await vi.advanceTimersByTimeAsync(2 ** 31)
    await vi.waitFor(async () => expect(await resolution()).toMatchObject({ outcome: 'expired' }))
  })

  it('[GA8] comes to nothing when the gate was answered before', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    await ask({ policy: policy({ expires_ms: 60_000 }) })
    await decide(user('bob'))
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a run that ended', () => {
  it('[GA9] answers that the gate is gone', async () => {
    await ask()
    await data.recorder.record(RUN, ({ run }) => [
      ...run.gates.map((gate) => closeGate(run, gate, 'aborted', { at: AT, salt: '0'.repeat(32) })),
      { type: 'run_aborted', run_id: RUN, timestamp: AT, actor: 'user:ann', reason: 'stopped' },
    ])
    await expect(decide(user('bob'))).rejects.toMatchObject({ code: 'gate_gone' })
    await expect(data.gates.challenge(GATE, user('bob'))).rejects.toMatchObject({
      code: 'gate_gone',
    })
    expect((await data.gates.get(GATE, user('bob'))).state).toBe('resolved')
  })

  it('[GA9] answers so too when its gate was left open', async () => {
    await ask()
    await data.recorder.record(RUN, () => [
      { type: 'run_failed', run_id: RUN, timestamp: AT, reason: 'x' },
    ])
    await expect(decide(user('bob'))).rejects.toMatchObject({ code: 'gate_gone' })
    expect((await data.gates.list('open', { cursor: null, limit: 10 }, null)).items).toEqual([])
  })
})

it('[GA4] lists the inbox with what each gate asks', async () => {
  await ask()
  const { items } = await data.gates.list('open', { cursor: null, limit: 10 }, user('bob'))
  expect(items).toMatchObject([
    {
      gate_id: GATE,
      question: 'Release it?',
      state: 'open',
      expires_at: null,
      run: { run_id: RUN, status: 'needs_input' },
      may_decide: { yes: true, why_not: null },
    },
  ])
  await expect(data.gates.get('gate_x', null)).rejects.toMatchObject({ code: 'not_found' })
})

it('[GA10] records every decision as the envelope has it', async () => {
  await ask()
  const { decision } = await decide(user('bob'))
  expect(await faults()).toEqual([])
  const { gates } = readEnvelope((await data.sealer.read('ev_a')).bytes, LIMITS)
  expect(gates).toEqual([entry()])
  expect(gates[0]?.decisions).toEqual([decision])
})
