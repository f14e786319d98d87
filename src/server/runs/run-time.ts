import type { Run } from '#contract/run.ts'

/**
 * Now, but never before anything that is on record of the run: a system clock that is set back must not make an honest
 * record contradict itself. Instants of ours sort as text.
 */
export function timeAfter(run: Run, now: Date): string {
  const known = [
    run.started?.at,
    ...run.steps.flatMap(({ attempts }) =>
      attempts.map(({ started_at, finished }) => finished?.finished_at ?? started_at),
    ),
    ...run.gates.map(({ opened_at, resolved }) => resolved?.at ?? opened_at),
  ]
  return known.reduce<string>((latest, at) => later(latest, at ?? ''), now.toISOString())
}

export function later(a: string, b: string): string {
  return a < b ? b : a
}
