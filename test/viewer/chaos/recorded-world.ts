import type { PlanGate } from '#contract/envelope.ts'
import type { Frame } from '#contract/frame.ts'
import type { Run } from '#contract/run.ts'
import type { Trusted } from '#evidence/trust.ts'
import { frameOf } from '#server/events/frames.ts'
import { openGate, refusalReason } from '#server/gates/gate-facts.ts'
import { serverKeyOf } from '#server/seal/key.ts'
import {
  aborted,
  AT,
  opening,
  planGate,
  policy,
  actOf,
  started,
  stepFinished,
  stepStarted,
  succeeded,
} from '#test/recorded.ts'
import { type DataFolder, makeDataFolder } from '#test/server/data-folder.ts'

/** Runs as a real recorder recorded them and a real sealer sealed them. */
export type World = { runs: readonly RecordedRun[]; trust: Trusted }

export type RecordedRun = {
  run_id: string
  evidence_id: string
  /** Each fact's frame, and the run on record from then on. */
  moments: readonly { frame: Frame | null; run: Run }[]
  /** Null while the run has not ended. */
  envelope: Uint8Array<ArrayBuffer> | null
}

/** One that is retried and approved, one that fails, one that waits, one that is aborted, one that is refused. */
export async function recordWorld(): Promise<World> {
  const data = await makeDataFolder()
  const moments = new Map<string, { frame: Frame | null; run: Run }[]>()
  data.recorder.subscribe((fact, { run }) => {
    const of = moments.get(fact.run_id) ?? []
    moments.set(fact.run_id, of)
    // Bytes of a log are hinted while it grows; no fact is recorded for them.
    if (fact.type === 'step_finished')
      of.push({ frame: outputOf(fact.run_id), run: of.at(-1)?.run ?? run })
    of.push({ frame: frameOf(fact), run })
  })
  const { recorder, sealer, gates } = data
  for (const name of ['bob', 'cyd'])
    await data.storage.identity.addUser(
      { name, role: 'approver', created_at: AT, disabled_at: null },
      actOf('user_added', name),
    )

  const asked = planGate({ question: 'Größe ✓ 🎉: release it?', policy: policy() })
  const begin = async (run_id: string, planned: PlanGate[]) => {
    const [step] = opening().plan.steps
    const steps = step === undefined ? [] : [{ ...step, retries: 1 }]
    await recorder.open(
      started(run_id, {
        server: data.signer.key_id,
        title: `Größe ✓ 🎉 ${run_id}`,
        plan: { steps, gates: planned },
      }),
    )
  }
  const build = async (run_id: string) => {
    const failed = { exit_code: 1, outcome: 'failed' as const }
    await recorder.record(run_id, () => [stepStarted(run_id)])
    await recorder.record(run_id, () => [stepFinished(run_id, failed)])
    await recorder.record(run_id, () => [stepStarted(run_id, 2)])
    return failed
  }
  const ask = (run_id: string, gate_id: string) =>
    recorder.record(run_id, (current) => [openGate(current, asked, gate_id, data.clock.at)])
  const answer = (gate_id: string, decision: 'approved' | 'rejected') =>
    gates.decide(
      gate_id,
      { actor: 'user:bob', role: 'approver', owner: 'bob', authority: null },
      { decision },
    )

  await begin('run_approved', [asked])
  await build('run_approved')
  await recorder.record('run_approved', () => [stepFinished('run_approved', { attempt: 2 })])
  await ask('run_approved', 'gate_approved')
  await answer('gate_approved', 'approved')
  await recorder.record('run_approved', () => [succeeded('run_approved')])

  await begin('run_failed', [])
  const failed = await build('run_failed')
  await recorder.record('run_failed', () => [stepFinished('run_failed', { ...failed, attempt: 2 })])
  await recorder.record('run_failed', () => [
    { type: 'run_failed', run_id: 'run_failed', timestamp: AT, reason: 'build: exit 1' },
  ])

  await begin('run_waiting', [asked])
  await recorder.record('run_waiting', () => [stepStarted('run_waiting')])
  await recorder.record('run_waiting', () => [stepFinished('run_waiting')])
  await ask('run_waiting', 'gate_waiting')

  await begin('run_aborted', [])
  await recorder.record('run_aborted', () => [stepStarted('run_aborted')])
  const killed = { exit_code: null, signal: 'SIGTERM', outcome: 'aborted' as const }
  await recorder.record('run_aborted', () => [stepFinished('run_aborted', killed)])
  await recorder.record('run_aborted', () => [aborted('run_aborted')])

  await begin('run_refused', [asked])
  await recorder.record('run_refused', () => [stepStarted('run_refused')])
  await recorder.record('run_refused', () => [stepFinished('run_refused')])
  await ask('run_refused', 'gate_refused')
  await answer('gate_refused', 'rejected')
  await recorder.record('run_refused', () => {
    const entry = data.told.findLast((fact) => fact.type === 'gate_resolved')?.entry
    return [aborted('run_refused', entry && refusalReason(entry))]
  })

  for (const run_id of moments.keys()) if (run_id !== 'run_waiting') await sealer.seal(run_id)
  const runs = await Promise.all([...moments].map((recorded) => recordedRun(data, recorded)))
  const trust: Trusted = {
    source: 'pinned',
    file: {
      schema: 'runseal/trust/1',
      server_keys: [serverKeyOf(data.signer)],
      approvers: [],
      required: [],
    },
  }
  await data.remove()
  return { runs, trust }
}

async function recordedRun(
  { sealer }: DataFolder,
  [run_id, moments]: [string, RecordedRun['moments'][number][]],
): Promise<RecordedRun> {
  const evidence_id = run_id.replace('run_', 'ev_')
  const isSealed = Boolean(moments.at(-1)?.run.sealed)
  const envelope = isSealed ? new Uint8Array((await sealer.read(evidence_id)).bytes) : null
  return { run_id, evidence_id, moments, envelope }
}

const outputOf = (run_id: string): Frame => ({
  type: 'step_output',
  run_id,
  step_id: 'build',
  bytes: 0,
})
