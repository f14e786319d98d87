import { type Opening, type Plan } from '#contract/envelope.ts'
import { type RequiredPlan } from '#contract/trust.ts'
import { canonicalize } from './canonical.ts'
import { fewOf } from './counted.ts'
import { digestOf, sha256 } from './digest.ts'

/*
 * What a reader pins of a plan. The definition that a run was started from is not in its envelope: its digest covers
 * inputs that are not filled in, titles and derivations, so that nothing in the envelope can be recomputed to it. The
 * plan is what was to be done, and is under the chain and the seal.
 */

/**
 * The plan of this run, for later runs that differ from it in their inputs only. A record does not say which elements of
 * a command its inputs filled in: those that are one of their values are taken for it, and are open in later runs. A
 * program never is: who writes the inputs would choose what runs.
 */
export function requiredPlanOf({
  kind,
  plan,
  inputs,
}: Pick<Opening, 'kind' | 'plan' | 'inputs'>): RequiredPlan {
  const filled = filledBy(plan, inputs)
  return {
    sha256: digestOf(withoutInputs(plan, filled)),
    kind,
    inputs: filled,
    // What a run that materializes is asked for are its inputs, whatever their number.
    ...(kind === 'pipeline' && { input_names: Object.keys(inputs) }),
  }
}

/** Of a file that anyone can write, elements times inputs; a trust file has no room for more. */
const MOST_FILLED = 10_000

/** What is beyond the bound is no input, and pinned as it is. */
function filledBy(plan: Plan, inputs: Opening['inputs']): RequiredPlan['inputs'] {
  const named = Map.groupBy(Object.entries(inputs), ([, value]) => value)
  const filled: RequiredPlan['inputs'] = []
  for (const { step_id, argv } of plan.steps)
    for (const [element, text] of argv.entries())
      for (const [input] of (element === 0 ? null : named.get(text)) ?? []) {
        if (filled.length === MOST_FILLED) return filled
        filled.push({ step_id, element, input })
      }
  return filled
}

/** The text whose digest is pinned. */
export const pinnedForm = ({ plan }: Pick<Opening, 'plan'>, { inputs }: RequiredPlan): string =>
  canonicalize(withoutInputs(plan, inputs))

/** Why the plan of a run, in its pinned form, is another one than is required; null where it is the same. */
export function planFault(
  { kind, plan, inputs }: Pick<Opening, 'kind' | 'plan' | 'inputs'>,
  form: string,
  required: RequiredPlan,
): { readonly message: string; readonly expected: string; readonly actual: string } | null {
  const actual = sha256(form)
  if (actual !== required.sha256)
    return {
      expected: required.sha256,
      actual,
      message:
        'The plan is another than the one that you pinned: another root, other steps, commands or gates',
    }
  if (required.kind !== undefined && required.kind !== kind)
    return {
      expected: required.kind,
      actual: kind,
      message: 'The run is of another kind than the one that you pinned',
    }
  const names = Object.keys(inputs).toSorted()
  const pinned = required.input_names?.toSorted()
  if (pinned !== undefined && pinned.join() !== names.join())
    return {
      expected: fewOf(pinned),
      actual: fewOf(names),
      message:
        'The run has other inputs than the one that you pinned, and its commands can read them',
    }
  const places = Map.groupBy(required.inputs, ({ step_id, element }) => `${step_id} ${element}`)
  const commands = new Map(
    plan.steps.map(({ step_id, argv }) => [step_id, argv] as const).toReversed(),
  )
  for (const named of places.values()) {
    const [place] = named
    if (place === undefined) continue
    const { step_id, element } = place
    const text = commands.get(step_id)?.[element]
    const isInput = named.some(
      ({ input }) => Object.hasOwn(inputs, input) && inputs[input] === text,
    )
    if (text === undefined || !isInput)
      return {
        expected: named.map(({ input }) => input).join(' or '),
        actual: text ?? 'nothing',
        message: `Element ${element} of the command of ${step_id} is not the value of the input that you pinned it as`,
      }
  }
  return null
}

/** What a pinned plan leaves open, in words that end a sentence; empty where that is nothing. */
export function openIn(
  { kind, inputs, input_names }: RequiredPlan,
  had: Opening['inputs'],
): string {
  const names = input_names ?? Object.keys(had)
  const places = inputs.map(
    ({ step_id, element, input }) => `element ${element} of ${step_id} (the input ${input})`,
  )
  const filled = places.length === 0 ? '' : `${fewOf(places)}; and `
  const byInputs =
    names.length === 0
      ? ''
      : ` Open, and filled in by the inputs of the run: ${filled}what each command reads in INPUT_ variables (${fewOf(names)}).`
  // As in each that was pinned before it was.
  return kind === undefined
    ? `${byInputs} Not pinned: whether it is a run of a pipeline, or one that derives tables.`
    : byInputs
}

function withoutInputs(plan: Plan, filled: RequiredPlan['inputs']): Plan {
  const elements = Map.groupBy(filled, ({ step_id }) => step_id)
  return {
    ...(plan.root !== undefined && plan.root !== OWN_FOLDER && { root: plan.root }),
    steps: plan.steps.map((step) => {
      const inputs = new Set(elements.get(step.step_id)?.map(({ element }) => element))
      return inputs.size === 0
        ? step
        : { ...step, argv: step.argv.map((text, at) => (inputs.has(at) ? AN_INPUT : text)) }
    }),
    gates: plan.gates.map((gate) => ({ ...gate, question: '' })),
  }
}

/** A root that is no other folder than the project's own is none: so was each that was pinned before it was in a plan. */
const OWN_FOLDER = '.'

/** In place of an element that is an input. That it is one is held against the inputs, so that it may be any text. */
export const AN_INPUT = '{{input}}'
