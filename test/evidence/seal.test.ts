import { describe, expect, it } from 'vitest'
import { type StepOutcome } from '#contract/status.ts'
import { utf8 } from '#evidence/canonical.ts'
import {
  type ChainState,
  entriesOf,
  entryDigest,
  extendChain,
  extendInBytes,
} from '#evidence/chain.ts'
import { sha256 } from '#evidence/digest.ts'
import { prepareSeal, signStatement } from '#evidence/seal.ts'
import { endingOf, hasAttemptLeft, MAX_INTERRUPTIONS, sumOf } from '#evidence/summarise.ts'
import { type Stage, verifyEnvelope } from '#evidence/verify.ts'
import { approvedRun, gatedPlan, newSigner, pinned, planStep, startRun } from './fixture.ts'

const signer = await newSigner()

describe('sealing', () => {
  it('[S1] the chain that grew with the run is the one in the file', async () => {
    const run = approvedRun(signer)
    const { head } = run.chain
    const { envelope } = await run.seal()
    const { links } = envelope.integrity.hash_chain
    expect(links.map(({ kind }) => kind)).toEqual(['opening', 'step', 'gate', 'step', 'closing'])
    expect(links.at(-2)?.link).toBe(head)
  })

  it('[S1] is extended in bytes as while it grows, at every length of a number', async () => {
    const { envelope } = await approvedRun(signer).seal()
    for (const before of [0, 9, 10, 99, 1_000_001]) {
      let state: ChainState = { head: sha256('x'), seq: before }
      const extend = extendInBytes(state)
      for (const { kind, body } of entriesOf(envelope)) {
        const next = extendChain(state, kind, body)
        const link = extend(kind, utf8(entryDigest(kind, body)))
        expect(new TextDecoder().decode(link)).toBe(next.link.link)
        state = next.state
      }
    }
  })

  it('[S1] another run has another chain, whatever it does', async () => {
    const [one, two] = [approvedRun(signer), approvedRun(signer, { run_id: 'run-2' })]
    expect(one.chain.head).not.toBe(two.chain.head)
  })

  it('[S2] a retry has the same bytes to sign, and signs them the same', async () => {
    const content = approvedRun(signer).content()
    const chain = { count: 5, head: sha256('x') }
    const prepare = (): Uint8Array => prepareSeal(content, chain, '2026-11-12T10:00:00.000Z')
    expect(prepare()).toEqual(prepare())
    expect(await signStatement(prepare(), signer)).toEqual(await signStatement(prepare(), signer))
  })

  it('[S3] refuses a signer whose signature, key and id do not fit each other', async () => {
    const other = await newSigner(2)
    const statement = new TextEncoder().encode('{}')
    for (const wrong of [
      { ...signer, sign: other.sign },
      { ...signer, key_id: other.key_id },
      { ...signer, public_key: other.public_key },
      { ...signer, sign: async () => new Uint8Array(63) },
    ]) {
      await expect(signStatement(statement, wrong)).rejects.toMatchObject({
        code: 'signer-mismatch',
      })
    }
  })
})

describe('how a run ended', () => {
  const endingAfter = (record: (run: ReturnType<typeof startRun>) => void, plan = gatedPlan()) => {
    const run = startRun(signer, plan)
    record(run)
    const { outcome, by } = endingOf(plan, run.recorded)
    return [outcome, by?.body.step_id ?? null]
  }

  it('[S4] by the first entry that ended it', () => {
    expect(endingAfter(() => {})).toEqual(['aborted', null])
    expect(endingAfter((run) => run.step('build'))).toEqual(['aborted', null])
    expect(endingAfter((run) => run.step('build', { outcome: 'failed' }))).toEqual([
      'failed',
      'build',
    ])
    expect(endingAfter((run) => run.step('build', { outcome: 'aborted' }))).toEqual([
      'aborted',
      'build',
    ])
    const failedThenAborted = { steps: [planStep('build'), planStep('slow')], gates: [] }
    expect(
      endingAfter((run) => {
        run.step('build', { outcome: 'timed_out' })
        run.step('slow', { outcome: 'aborted' })
      }, failedThenAborted),
    ).toEqual(['failed', 'build'])
    expect(
      endingAfter((run) => {
        run.step('build')
        run.gate('ship', { outcome: 'expired' })
      }),
    ).toEqual(['aborted', 'ship'])
    expect(
      endingAfter((run) => {
        run.step('build')
        run.gate('ship', { outcome: 'approved' })
        run.step('publish')
      }),
    ).toEqual(['succeeded', null])
  })

  it('[S5] an attempt more: retries for what failed, a bounded number for what was cut off', () => {
    const left = (retries: number, ...outcomes: StepOutcome[]): boolean =>
      hasAttemptLeft({ retries }, outcomes)
    expect(left(0)).toBe(true)
    expect(left(0, 'failed')).toBe(false)
    expect(left(1, 'failed')).toBe(true)
    expect(left(1, 'failed', 'timed_out')).toBe(false)
    expect(left(0, 'interrupted')).toBe(true)
    expect(left(0, 'interrupted', 'failed')).toBe(false)
    expect(left(5, 'succeeded')).toBe(false)
    expect(left(5, 'aborted')).toBe(false)
    const cutOff = Array.from({ length: MAX_INTERRUPTIONS }, (): StepOutcome => 'interrupted')
    expect(left(0, ...cutOff)).toBe(true)
    expect(left(0, ...cutOff, 'interrupted')).toBe(false)
  })

  it.each([
    [[], '0'],
    [['0.1', '0.2'], '0.3'],
    [['0.10', '0.90'], '1'],
    [['-1.5', '0.25'], '-1.25'],
    [['-0.5', '0.5'], '0'],
    [
      ['1234567890123456789.000000000000000001', '0.000000000000000009'],
      '1234567890123456789.00000000000000001',
    ],
    [['100', '200'], '300'],
  ])('[S6] the sum of %j is %s', (decimals, sum) => {
    expect(sumOf(decimals)).toBe(sum)
  })

  it('[S6] a million of them are summed too', () => {
    expect(sumOf(Array.from({ length: 1_000_000 }, () => '0.01'))).toBe('10000')
  })
})

describe('a verification under way', () => {
  it('[V19] tells each stage, and stops between two when it is told to', async () => {
    const { bytes } = await approvedRun(signer).seal()
    const stages: Stage[] = []
    await verifyEnvelope(bytes, {
      trust: [pinned(signer)],
      onProgress: (stage) => void stages.push(stage),
    })
    expect(stages).toEqual(['read', 'chain', 'content', 'seal', 'record'])
    const controller = new AbortController()
    const stopped = verifyEnvelope(bytes, {
      trust: [],
      signal: controller.signal,
      onProgress: (stage) => {
        if (stage === 'content') controller.abort(new Error('the reader left'))
      },
    })
    await expect(stopped).rejects.toThrow('the reader left')
  })

  it('[V19] tells how far a long chain or record is, and lets its caller’s loop run and leave', async () => {
    const steps = Array.from({ length: 4100 }, (_, index) => planStep(`step-${index}`))
    const run = startRun(signer, { steps })
    for (const { step_id } of steps) run.step(step_id)
    const { bytes } = await run.seal()
    for (const leftIn of ['chain', 'record']) {
      const told: [Stage, number][] = []
      const controller = new AbortController()
      const stopped = verifyEnvelope(bytes, {
        trust: [pinned(signer)],
        signal: controller.signal,
        onProgress: async (stage, entries) => {
          if (entries === undefined) return
          told.push([stage, entries.done / entries.of])
          if (stage !== leftIn) return
          setImmediate(() => controller.abort(new Error('the reader left')))
          await new Promise<void>((resolve) => setTimeout(resolve))
        },
      })
      await expect(stopped).rejects.toThrow('the reader left')
      expect(told.map(([stage]) => stage)).toEqual(
        leftIn === 'chain' ? ['chain'] : ['chain', 'record'],
      )
      expect(told.at(-1)).toEqual([leftIn, 4095 / 4102])
    }
  })
})
