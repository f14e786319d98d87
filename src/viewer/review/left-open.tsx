import type { RequiredDefinition, RequiredPlan } from '#contract/trust.ts'
import { fewOf } from '#evidence/counted.ts'
import { RunText } from '#viewer/parts/run-text.tsx'

/** What a requirement leaves to each run, before the reader relies on it. */
export function LeftOpen({ open }: { open: readonly string[] }) {
  return (
    <div className="flex flex-col gap-1">
      <p className="font-medium">Left open to each run</p>
      <ul className="flex list-disc flex-col gap-1 pl-5 text-ink-2">
        {open.map((one, index) => (
          <li key={index} className="[overflow-wrap:anywhere]">
            <RunText text={one} max={400} />
          </li>
        ))}
      </ul>
    </div>
  )
}

/** Of the plan, and of gates whose question is not pinned. */
export function leftOpenBy({ plan = null, gates }: RequiredDefinition): string[] {
  const open = gates.filter(({ question }) => question === null)
  const more = open.length - MOST_NAMED
  return [
    ...leftOpenIn(plan),
    ...open
      .slice(0, MOST_NAMED)
      .map(
        ({ step_id }) =>
          `What the gate ${step_id} asks: an input of this run may be part of its question`,
      ),
    ...(more > 0 ? [`What ${more.toLocaleString('en')} more gates ask`] : []),
  ]
}

export function leftOpenIn(plan: RequiredPlan | null): string[] {
  if (plan === null) return []
  const { kind, inputs, input_names } = plan
  const more = inputs.length - MOST_NAMED
  return [
    ...inputs
      .slice(0, MOST_NAMED)
      .map(
        ({ step_id, element, input }) =>
          `Element ${element} of the command of ${step_id}, which is the input ${input}`,
      ),
    ...(more > 0 ? [`${more.toLocaleString('en')} more elements that are inputs`] : []),
    ...(input_names === undefined
      ? ['Which inputs a run has, and so what each command reads in INPUT_ variables']
      : input_names.length > 0
        ? [`What each command reads in INPUT_ variables: ${fewOf(input_names)}`]
        : []),
    ...(kind === undefined
      ? ['Whether it is a run of a pipeline, or one that derives tables']
      : []),
  ]
}

const MOST_NAMED = 20
