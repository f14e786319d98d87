import { describe, expect, it } from 'vitest'
import { type Envelope, type Policy } from '#contract/envelope.ts'
import { hasAttemptLeft } from '#evidence/summarise.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { type Answer, bytesOf, newSigner, pinned, planGate, planStep, startRun } from './fixture.ts'
import { newPasskey } from './passkey.ts'

const signer = await newSigner()
const ann = newPasskey('ann', { user: 'ann' })
const trust = [pinned(signer, { approvers: [ann.approver] })]
const signed: Answer = { approver: 'ann', sign: ann.sign }

type Resolution = Partial<Parameters<ReturnType<typeof startRun>['gate']>[1]>

async function verdictOf(
  policy: Partial<Policy>,
  decisions: Answer[],
  by = trust,
  over: Resolution = {},
) {
  const run = startRun(signer, { gates: [planGate('ship', { policy })] })
  run.gate('ship', { decisions, ...over })
  const { bytes } = await run.seal({ finished_at: '2026-11-13T10:00:00.000Z' })
  const { verdict, claims } = await verifyEnvelope(bytes, { trust: by })
  return { verdict, codes: claims.flatMap(({ claim, code }) => (claim === 'gate' ? [code] : [])) }
}

it('[V11] a gate names the last entry that its decision is over, and so does a signature', async () => {
  const gates = [planGate('ship', { needs: ['build'], policy: { sign: 'passkey' } })]
  const run = startRun(signer, { steps: [planStep('build')], gates })
  run.step('build')
  run.gate('ship', { decisions: [signed] })
  const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust })
  const said = claims.flatMap(({ claim, message }) => (claim.startsWith('gate') ? [message] : []))
  expect(said).toEqual([
    'Gate ship is recorded as approved, decided by ann, over everything up to entry 1 (step build).',
    'The passkey of ann that you pinned signed “approved” over everything up to entry 1 (step build).',
  ])
})

it('[V25] a gate that a token answered was decided by whoever had the token', async () => {
  const run = startRun(signer, { gates: [planGate('ship')] })
  run.gate('ship', { decisions: [{ approver: 'token:ci' }] })
  const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust })
  expect(claims.find(({ claim }) => claim === 'gate')?.message).toContain(
    'decided by the holder of token ci, over',
  )
})

it('[V11] a gate of a quorum says so where two of its approvers may be one person', async () => {
  const bob = newPasskey('bob', { seed: 8 })
  const cyd = newPasskey('cyd', { seed: 9 })
  const by = [pinned(signer, { approvers: [bob.approver, cyd.approver] })]
  const isDoubted = async (...decisions: Answer[]) => {
    const run = startRun(signer, { gates: [planGate('ship', { policy: { quorum: 2 } })] })
    run.gate('ship', { decisions })
    const { claims } = await verifyEnvelope((await run.seal()).bytes, { trust: by })
    const [gate] = claims.filter(({ claim }) => claim === 'gate')
    expect(gate?.code).toBe('gate-recorded')
    return gate?.message.includes('different people is not known') === true
  }
  const [a, b] = [{ approver: 'token:a' }, { approver: 'token:b' }]
  const signedBy = ({ approver, sign }: typeof bob): Answer => ({ approver: approver.id, sign })
  expect(await isDoubted(a, b)).toBe(true)
  expect(await isDoubted({ approver: 'user:ann' }, b)).toBe(true)
  expect(await isDoubted({ approver: 'user:ann' }, signedBy(bob))).toBe(true)
  expect(await isDoubted(signedBy(ann), signedBy(bob))).toBe(true)
  // Whom the reader pinned as two, and whom the server has as two.
  expect(await isDoubted(signedBy(bob), signedBy(cyd))).toBe(false)
  expect(await isDoubted({ approver: 'user:ann' }, { approver: 'user:bob' })).toBe(false)
})

it.each([
  ['itself', { a: ['a'] }],
  ['each other', { a: ['b'], b: ['a'] }],
])('[V10] gates that wait for %s are no plan', async (_, needs) => {
  const gates = Object.entries(needs).map(([id, before]) => planGate(id, { needs: before }))
  const { bytes } = await startRun(signer, { steps: [planStep('build')], gates }).seal()
  const { claims } = await verifyEnvelope(bytes, { trust })
  expect(claims.map(({ code }) => code)).toContain('plan-broken')
})

describe('a decision', () => {
  it.each(['constructor', 'toString', 'valueOf', 'answer'])(
    '[V11] does not have the input %s without giving it',
    async (name) => {
      const inputs = [{ name, label: 'Ticket', required: true }]
      const without = await verdictOf({ inputs }, [{ approver: 'user:ann' }])
      expect(without).toEqual({ verdict: 'does not verify', codes: ['inputs-broken'] })
      const given = await verdictOf({ inputs }, [{ approver: 'user:ann', inputs: { [name]: 'x' } }])
      expect(given).toEqual({ verdict: 'proven', codes: ['gate-recorded'] })
    },
  )

  it('[V11] by a passkey that is pinned as another than the policy names', async () => {
    const named = (user: string): Partial<Policy> => ({ roles: [], users: [user], sign: 'passkey' })
    expect(await verdictOf(named('alice'), [signed])).toEqual({
      verdict: 'does not verify',
      codes: ['approver-not-allowed'],
    })
    expect((await verdictOf(named('ann'), [signed])).verdict).toBe('proven')
    expect(await verdictOf(named('alice'), [signed], [pinned(signer)])).toMatchObject({
      codes: ['approver-unknown'],
    })
  })

  it('[V11] by nobody whose name the policy has, where it admits by name alone', async () => {
    const anybody = newPasskey('mallory')
    const holders = [pinned(signer, { approvers: [anybody.approver] })]
    const passkey: Partial<Policy> = { roles: [], users: ['alice'], sign: 'passkey' }
    const unknown = { verdict: 'proven', codes: ['approver-unknown'] }
    expect(
      await verdictOf(passkey, [{ approver: 'mallory', sign: anybody.sign }], holders),
    ).toEqual(unknown)
    const token: Answer = { approver: 'token:ci' }
    expect(await verdictOf({ roles: [], users: ['alice'] }, [token])).toEqual(unknown)
    const refused = { verdict: 'does not verify', codes: ['approver-not-allowed'] }
    expect(await verdictOf({ roles: [], users: [] }, [token])).toEqual(refused)
    expect(await verdictOf({ roles: [], users: [] }, [{ approver: 'user:ann' }])).toEqual(refused)
  })

  it.each(['approved', 'rejected'] as const)(
    '[V11] that makes the gate %s after its term',
    async (decision) => {
      const answer: Answer = { ...signed, decision, decided_at: '2026-11-12T09:30:04.000Z' }
      const policy: Partial<Policy> = { expires_ms: 60_000, sign: 'passkey' }
      const late = { resolved_at: '2026-11-12T21:00:00.000Z' }
      expect(await verdictOf(policy, [answer], trust, late)).toEqual({
        verdict: 'does not verify',
        codes: ['expiry-broken'],
      })
      expect((await verdictOf(policy, [answer])).verdict).toBe('proven')
    },
  )

  it('[V11] after the one that resolved the gate', async () => {
    const late = { verdict: 'does not verify', codes: ['gate-outcome-differs'] }
    const [a, b] = [{ approver: 'user:a' }, { approver: 'user:b' }]
    const no: Answer = { approver: 'user:c', decision: 'rejected' }
    expect(await verdictOf({}, [a, b])).toEqual(late)
    expect(await verdictOf({}, [a, no])).toEqual(late)
    expect(await verdictOf({ quorum: 2 }, [a, no, b])).toEqual(late)
    expect((await verdictOf({ quorum: 2 }, [a, b])).verdict).toBe('proven')
    expect(await verdictOf({ quorum: 2 }, [no, { ...no, approver: 'user:d' }])).toEqual(late)
    // Two clocks: what came last need not be told last.
    for (const either of [
      [a, no],
      [no, a],
    ])
      expect((await verdictOf({ quorum: 2 }, either)).verdict).toBe('proven')
  })

  it('[V11] that was asked for after the gate had expired, whatever the approver’s clock says', async () => {
    const requested_at = '2026-11-12T20:00:00.000Z'
    const decided_at = '2026-11-12T09:30:03.000Z'
    const answer = { ...signed, requested_at, decided_at }
    const policy: Partial<Policy> = { expires_ms: 5000, sign: 'passkey' }
    const resolved_at = '2026-11-12T21:00:00.000Z'
    expect(await verdictOf(policy, [answer], trust, { resolved_at })).toEqual({
      verdict: 'does not verify',
      codes: ['expiry-broken', 'expiry-broken'],
    })
  })
})

describe('what was shown', () => {
  const steps = [
    planStep('build', { retries: 1, artifacts: ['out.txt'] }),
    planStep('test', { retries: 1 }),
    planStep('deploy', { needs: ['ship'] }),
  ]
  const gates = [planGate('ship', { needs: ['build'] })]
  const kept = { path: 'out.txt', sha256: 'b'.repeat(64), bytes: 7 }

  async function codesOf(record: (run: ReturnType<typeof startRun>) => void) {
    const run = startRun(signer, { steps, gates })
    record(run)
    const { bytes } = await run.seal()
    const { claims } = await verifyEnvelope(bytes, { trust })
    return claims.flatMap(({ code }) =>
      code === 'shown-differs' || code === 'prefix-wrong' ? [code] : [],
    )
  }
  const shown = { step_id: 'build', ...kept, opened: false }
  const decisions: Answer[] = [{ approver: 'user:ann' }]

  it('[V11] is of the attempt that succeeded, and all of it', async () => {
    const differs = ['shown-differs']
    const twice = (attempt: number) =>
      codesOf((run) => {
        run.step('build', { outcome: 'failed', artifacts: [kept] })
        run.step('build', { artifacts: [{ ...kept, sha256: 'c'.repeat(64) }] })
        const artifacts = [{ ...shown, attempt, ...(attempt === 2 && { sha256: 'c'.repeat(64) }) }]
        run.gate('ship', { decisions, shown: { artifacts } })
        run.step('test')
        run.step('deploy')
      })
    expect(await twice(2)).toEqual([])
    expect(await twice(1)).toEqual(differs)
    const none = (run: ReturnType<typeof startRun>) => {
      run.step('build', { artifacts: [kept] })
      run.gate('ship', { decisions, shown: { artifacts: [] } })
      run.step('test')
      run.step('deploy')
    }
    expect(await codesOf(none)).toEqual(differs)
  })

  it('[V11] ran when the gate opened, and is there once', async () => {
    const running = (...names: string[]) =>
      codesOf((run) => {
        run.step('build', { artifacts: [] })
        run.gate('ship', { decisions, shown: { artifacts: [], running: names } })
        run.step('test', { started_at: '2026-11-12T09:30:03.500Z' })
        run.step('deploy')
      })
    expect(await running('test')).toEqual([])
    expect(await running('test', 'test')).toEqual(['shown-differs'])
    expect(await running('test', 'deploy')).toEqual(['shown-differs'])
  })

  it('[V11] had ended when the gate opened', async () => {
    const codes = await codesOf((run) => {
      run.step('build', { artifacts: [], finished_at: '2026-11-12T09:30:04.500Z' })
      run.gate('ship', { decisions, shown: { artifacts: [] } })
      run.step('test')
      run.step('deploy')
    })
    expect(codes).toEqual(['prefix-wrong'])
  })
})

describe('a decision that names another gate', () => {
  const run = startRun(signer, {
    gates: [
      planGate('lint', { policy: { sign: 'passkey' } }),
      planGate('prod', { policy: { sign: 'passkey' } }),
    ],
  })
  run.gate('lint', { decisions: [signed] })
  run.gate('prod', { decisions: [] })

  it.each<[string, (document: Envelope) => void, string[]]>([
    [
      'copied to it',
      ({ gates: [lint, prod] }) => {
        if (lint !== undefined && prod !== undefined) prod.decisions = lint.decisions
      },
      ['lint'],
    ],
    [
      'where the gate was renamed',
      ({ gates: [lint] }) => {
        if (lint !== undefined) lint.step_id = 'prod'
      },
      [],
    ],
    [
      'where the question was changed',
      ({ gates: [lint] }) => {
        if (lint !== undefined) lint.question = 'Delete all?'
      },
      [],
    ],
  ])('[V11] [V21] is not told as signed for it: %s', async (_name, change, expected) => {
    const document = structuredClone((await run.seal()).envelope)
    change(document)
    const { verdict, claims, remaining } = await verifyEnvelope(bytesOf(document), { trust })
    expect(verdict).toBe('does not verify')
    const told = claims.filter(({ code }) => code === 'decision-signed')
    expect(told.map(({ step_id }) => step_id)).toEqual(expected)
    expect(remaining?.frozen.map(({ step_id }) => step_id)).toEqual(expected)
  })
})

describe('a required gate', () => {
  const gate = { step_id: 'ship', quorum: 1, four_eyes: false, question: null, roles: null }
  const required = [
    { name: 'release', sha256: null, gates: [{ ...gate, sign: 'session' as const }] },
  ]

  async function expectationOf(needs: string[], decision: 'approved' | 'rejected') {
    const run = startRun(signer, {
      steps: [planStep('deploy', { needs })],
      gates: [planGate('ship')],
    })
    if (needs.length === 0) run.step('deploy')
    run.gate('ship', { decisions: [{ approver: 'user:ann', decision }] })
    if (needs.length > 0 && decision === 'approved') run.step('deploy')
    const { bytes } = await run.seal()
    const { claims } = await verifyEnvelope(bytes, { trust: [pinned(signer, { required })] })
    return claims.filter(({ claim }) => claim === 'expectations')
  }

  it('[V15] that was rejected is said to be, and holds: nothing came through it', async () => {
    expect(await expectationOf(['ship'], 'approved')).toMatchObject([
      { code: 'expectation-holds', message: 'The gate ship is as you require, whatever it asked.' },
    ])
    expect(await expectationOf(['ship'], 'rejected')).toMatchObject([
      {
        code: 'expectation-holds',
        message:
          'The gate ship was kept as you require, and was rejected; which steps wait for it stands in the plan, which you did not pin.',
      },
    ])
  })

  it('[V15] that nothing waits for is said to be so', async () => {
    const [claim] = await expectationOf([], 'approved')
    expect(claim?.message).toBe(
      'The gate ship is as you require, whatever it asked; no step of the plan waits for it.',
    )
  })
})

it('[S5] the attempts left follow from those before', () => {
  expect(hasAttemptLeft({ retries: 0 }, [])).toBe(true)
  expect(hasAttemptLeft(undefined, [])).toBe(false)
  expect(hasAttemptLeft({ retries: 1 }, ['failed'])).toBe(true)
  expect(hasAttemptLeft({ retries: 1 }, ['failed', 'failed'])).toBe(false)
  expect(hasAttemptLeft({ retries: 0 }, ['interrupted', 'interrupted', 'interrupted'])).toBe(true)
  expect(
    hasAttemptLeft(
      { retries: 9 },
      Array.from({ length: 4 }, () => 'interrupted'),
    ),
  ).toBe(false)
  expect(hasAttemptLeft({ retries: 1 }, ['succeeded'])).toBe(false)
})
