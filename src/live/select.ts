import type { Gate, Run, RunResource, RunSummary, Step } from '#contract/run.ts'
import type { RunStatus, SealState, StepStatus } from '#contract/status.ts'
import { place } from './join.ts'

/** What a run's status is, by what a timeline knows of it. Derived, never stored beside it. */
export function statusOf(run: Run): RunStatus {
  if (run.ended) return run.ended.outcome
  if (openGates(run).length > 0) return 'needs_input'
  return run.started || run.steps.length > 0 ? 'running' : 'queued'
}

/** Gates that wait for a person. A gate of an ended run waits for nobody. */
export function openGates(run: Run): Gate[] {
  return run.ended ? [] : run.gates.filter((gate) => gate.resolved === null)
}

/** Status of a step, also of one that only the plan knows. */
export function stepStatusOf(run: Run, step: Step | undefined): StepStatus {
  const last = step?.attempts.at(-1)
  if (!last) return run.ended ? 'skipped' : 'pending'
  if (!last.finished) return run.ended ? 'interrupted' : 'running'
  return last.finished.outcome ?? (last.finished.exit_code === 0 ? 'succeeded' : 'failed')
}

/** A success wins over every earlier failure to seal. */
export function sealStateOf(run: Run): SealState {
  if (run.sealed) return 'sealed'
  if (!run.ended) return 'open'
  return run.seal_failed ? 'seal_failed' : 'pending'
}

export function stepOf({ steps }: Run, step_id: string): Step | undefined {
  const step = steps[place(steps, step_id, (one) => one.step_id)]
  return step?.step_id === step_id ? step : undefined
}

/** Row of a list; the stored row of a run. `stepsDone` for who has counted already. */
export function summaryOf(run: Run, stepsDone = countDone(run)): RunSummary {
  return {
    run_id: run.run_id,
    kind: run.started?.kind ?? null,
    definition: run.started?.definition ?? null,
    title: run.started?.title ?? null,
    actor: run.started?.actor ?? null,
    status: statusOf(run),
    outcome: run.ended?.outcome ?? null,
    reason: run.ended?.reason ?? null,
    started_at: run.started?.at ?? null,
    finished_at: run.ended?.at ?? null,
    seal: sealStateOf(run),
    evidence_id: run.sealed?.evidence_id ?? null,
    open_gates: openGates(run).length,
    steps_done: stepsDone,
    steps_total: run.plan?.steps.length ?? null,
  }
}

function countDone(run: Run): number {
  return run.steps.filter((step) => stepStatusOf(run, step) === 'succeeded').length
}

/** The answer of `GET /api/runs/{run_id}`. `asOf` was read before the run. */
export function resourceOf(run: Run, asOf: string, now: string): RunResource {
  return {
    ...run,
    ...summaryOf(run),
    steps: run.steps.map((step) => ({ ...step, status: stepStatusOf(run, step) })),
    as_of: asOf,
    now,
  }
}
