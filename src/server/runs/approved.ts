import type { Plan, PlanStep } from '#contract/envelope.ts'
import type { Run } from '#contract/run.ts'

/**
 * What the gates that a step needs have shown open, a line each as `sha256sum --check` reads it; null where they showed
 * nothing. A file in the root may be another one by the time the step reads it: this is what was approved.
 */
export function approvedFor(run: Run, plan: Plan, { needs }: PlanStep): string | null {
  const wanted = new Set(
    plan.gates.flatMap(({ step_id }) => (needs.includes(step_id) ? [step_id] : [])),
  )
  const shown = run.gates
    .filter(({ step_id }) => wanted.has(step_id ?? ''))
    .flatMap((gate) => gate.shown?.artifacts.filter(({ opened }) => opened) ?? [])
  // A path has no character that GNU would escape.
  const lines = new Set(shown.map(({ sha256, path }) => `${sha256}  ${path}\n`))
  return lines.size === 0 ? null : [...lines].join('')
}
