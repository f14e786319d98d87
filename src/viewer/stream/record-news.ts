import type { RunResource } from '#contract/run.ts'

/** What is known of a run's record: each part as JSON, by its name. */
export type Known = ReadonlyMap<string, string>

/**
 * An answer without what an earlier one has said in the same words. A record only grows, so that the news joined to
 * what was known is the answer [L7].
 */
export function newsOf(
  resource: RunResource,
  before: Known | null,
): { news: RunResource; known: Known } {
  const known = new Map<string, string>()
  const isNew = (name: string, part: unknown): boolean => {
    const text = JSON.stringify(part)
    known.set(name, text)
    return before?.get(name) !== text
  }
  const steps = resource.steps.filter((step) => isNew(`step ${step.step_id}`, step))
  const plan = isNew('plan', resource.plan) ? resource.plan : null
  return { news: { ...resource, steps, plan }, known }
}
