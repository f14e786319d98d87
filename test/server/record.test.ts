import Database from 'better-sqlite3'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LIMITS } from '#contract/envelope.ts'
import type { Fact } from '#contract/fact.ts'
import type { Run } from '#contract/run.ts'
import { PROFILE } from '#contract/scalar.ts'
import { extendChain, openChain } from '#evidence/chain.ts'
import { newRun, reduce } from '#live/reduce.ts'
import { summaryOf } from '#live/select.ts'
import { openGate } from '#server/gates/gate-facts.ts'
import { createRecorder } from '#server/runs/record.ts'
import {
  aborted,
  AT,
  digest,
  planGate,
  started,
  stepFinished,
  stepStarted,
  succeeded,
} from '#test/recorded.ts'
import { makeDataFolder, type DataFolder } from './data-folder.ts'

let data: DataFolder
beforeEach(async () => {
  data = await makeDataFolder()
})
afterEach(() => data.remove())

const RUN = 'run_a'

it('[RE1] gives the same state live, reloaded, and as the stored row', async () => {
  await data.recorder.open(started(RUN))
  await data.recorder.record(RUN, (current) => [
    stepStarted(RUN),
    openGate(current, planGate(), 'gate_1', AT),
  ])
  const live = await data.recorder.record(RUN, () => [stepFinished(RUN), aborted(RUN)])
  expect(await data.storage.runs.summary(RUN)).toEqual(summaryOf(live.run))
  expect((await data.storage.gates.get('gate_1'))?.state).toBe('resolved')
  await data.reopen()
  expect(await data.recorder.read(RUN)).toEqual(live)
  expect(live.run).toEqual(data.told.reduce(reduce, newRun(RUN)))
})

it('[RE2] links the bodies of facts into the chain, in their order', async () => {
  await data.recorder.open(started(RUN))
  const { chain } = await data.recorder.record(RUN, () => [stepStarted(RUN), stepFinished(RUN)])
  const { evidence_id, opening } = started(RUN)
  const first = extendChain(openChain(evidence_id, RUN), 'opening', {
    schema: 'runseal/evidence-envelope/1',
    evidence_id,
    run_id: RUN,
    opening,
  })
  const step = stepFinished(RUN)
  if (step.type !== 'step_finished') throw new Error('not reached')
  const second = extendChain(first.state, 'step', step.entry)
  expect(chain).toEqual(second.state)
  const stored = await data.storage.runs.facts(RUN)
  expect(stored.map(({ link }) => link)).toEqual([first.link.link, null, second.link.link])
})

it('[RE3] decides one call at a time, each on what the one before recorded', async () => {
  await data.recorder.open(started(RUN))
  const seen: number[] = []
  await Promise.all(
    Array.from({ length: 50 }, () =>
      data.recorder.record(RUN, ({ facts }) => {
        seen.push(facts)
        return [stepStarted(RUN, facts)]
      }),
    ),
  )
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
  expect(data.told.slice(1)).toEqual(seen.map((n) => stepStarted(RUN, n)))
})

it('[RE4] tells a fact only when it is on disk, and the caller after it was told', async () => {
  const beside = new Database(join(data.folder, 'runseal.db'), { readonly: true })
  const onDisk: unknown[] = []
  data.recorder.subscribe(() => {
    onDisk.push(beside.prepare('select count(*) from fact').pluck().get())
  })
  await data.recorder.open(started(RUN))
  await data.recorder.record(RUN, () => [stepStarted(RUN), stepFinished(RUN)])
  expect(onDisk).toEqual([1, 3, 3])
  beside.close()
})

it('[RE5] records nothing when the decision throws or returns nothing', async () => {
  await data.recorder.open(started(RUN))
  const refusal = new Error('no')
  await expect(
    data.recorder.record(RUN, () => {
      throw refusal
    }),
  ).rejects.toBe(refusal)
  await data.recorder.record(RUN, () => [])
  expect(data.told).toEqual([started(RUN)])
  await expect(data.recorder.record('run_x', () => [])).rejects.toMatchObject({ code: 'not_found' })
  expect(await data.recorder.read('run_x')).toBeNull()
})

it('[RE5] refuses the second start of a run', async () => {
  await data.recorder.open(started(RUN))
  await expect(data.recorder.open(started(RUN))).rejects.toMatchObject({ code: 'conflict' })
  expect(await data.recorder.read(RUN)).toMatchObject({ facts: 1 })
})

it('[RE5] goes on from what is on disk after a write that failed', async () => {
  await data.recorder.open(started(RUN))
  const beside = new Database(join(data.folder, 'runseal.db'))
  beside.exec(`create trigger full before insert on fact begin select raise(abort, 'full'); end`)
  await expect(data.recorder.record(RUN, () => [stepStarted(RUN)])).rejects.toThrow('full')
  expect((await data.recorder.read(RUN))?.facts).toBe(1)
  beside.exec('drop trigger full')
  beside.close()
  expect((await data.recorder.record(RUN, () => [stepStarted(RUN)])).facts).toBe(2)
  expect(data.told).toEqual([started(RUN), stepStarted(RUN)])
})

it('[RE5] knows what is on disk though the write said that it failed', async () => {
  const { runs } = data.storage
  const append: typeof runs.append = async (facts) => {
    await runs.append(facts)
    if (facts.after === 1) throw new Error('the connection was lost')
  }
  const recorder = createRecorder({ ...runs, append })
  await recorder.open(started(RUN))
  await expect(recorder.record(RUN, () => [stepStarted(RUN)])).rejects.toThrow('was lost')
  expect((await recorder.read(RUN))?.facts).toBe(2)
  expect((await recorder.record(RUN, () => [stepFinished(RUN)])).facts).toBe(3)
})

it('[RE2] refuses a record that was changed on disk', async () => {
  await data.recorder.open(started(RUN))
  await data.recorder.record(RUN, () => [stepFinished(RUN)])
  const beside = new Database(join(data.folder, 'runseal.db'))
  beside.exec(`drop trigger fact_is_kept;
    update fact set body = replace(body, '"exit_code":0', '"exit_code":1') where n = 2`)
  beside.close()
  await data.reopen()
  await expect(data.recorder.read(RUN)).rejects.toThrow('fact 2 of run_a')
})

it('[RE6] refuses what no verifier would take, before it is recorded', async () => {
  await data.recorder.open(started(RUN))
  const long = { reason: 'é'.repeat(LIMITS.textBytes / 2 + 1) }
  await expect(data.recorder.record(RUN, () => [stepFinished(RUN, long)])).rejects.toMatchObject({
    code: 'too_large',
  })
  await expect(
    data.recorder.record(RUN, () => [stepFinished(RUN, { reason: '\ud800' })]),
  ).rejects.toThrow('surrogate')
  await expect(
    data.recorder.record(RUN, () => [stepFinished(RUN, { exit_code: 1000 })]),
  ).rejects.toThrow('/entry/exit_code')
  expect((await data.recorder.read(RUN))?.facts).toBe(1)
})

it('[RE7] begins nothing new in a full record, and lets what runs end', async () => {
  const limits = { ...LIMITS, entries: 4 }
  const recorder = createRecorder(data.storage.runs, limits)
  await recorder.open(started(RUN))
  await recorder.record(RUN, () => [stepStarted(RUN)])
  const finish = (attempt: number): Fact[] => [stepFinished(RUN, { attempt, outcome: 'failed' })]
  for (const attempt of [1, 2, 3]) await recorder.record(RUN, () => finish(attempt))
  await expect(recorder.record(RUN, () => [stepStarted(RUN, 4)])).rejects.toMatchObject({
    code: 'too_large',
  })
  const { run } = await recorder.record(RUN, () => [succeeded(RUN)])
  expect(run.ended).not.toBeNull()
})

it('[RE7] takes no answer that the entry of its gate would have no room for', async () => {
  const recorder = createRecorder(data.storage.runs, { ...LIMITS, bytes: 100_000 })
  await recorder.open(started(RUN))
  const { run } = await recorder.record(RUN, (current) => [
    openGate(current, planGate(), 'gate_1', AT),
  ])
  const answer = (approver: string) => gateDecided(run, approver, 'x'.repeat(60_000))
  await recorder.record(RUN, () => [answer('user:ann')])
  await expect(recorder.record(RUN, () => [answer('user:bob')])).rejects.toMatchObject({
    code: 'too_large',
  })
  const { run: after } = await recorder.record(RUN, () => [aborted(RUN)])
  expect(after.ended).not.toBeNull()
})

function gateDecided({ gates }: Run, approver: string, comment: string): Fact {
  const [gate] = gates
  if (!gate?.shown) throw new Error('the gate is not open')
  const { gate_id, shown } = gate
  const { question, policy_sha256, chain_head_before, expires_at } = shown
  const bound = { question, policy_sha256, chain_head_before, expires_at }
  const decision = {
    type: `${PROFILE}/gate-decision`,
    ...bound,
    evidence_id: started(RUN).evidence_id,
    run_id: RUN,
    gate_id,
    decision: 'approved',
    comment,
    inputs: {},
    approver,
    shown_sha256: digest('shown'),
    nonce: digest(approver).slice(0, 32),
    requested_at: AT,
    decided_at: AT,
  } as const
  return {
    type: 'gate_decided',
    run_id: RUN,
    timestamp: AT,
    gate_id,
    decision: { decision, assertion: null },
  }
}
