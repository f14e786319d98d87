import { LIMITS, type Plan, type PlanStep } from '#contract/envelope.ts'
import { ProblemError } from '#server/problem.ts'
import { OPENING_FITS } from './fit.ts'
import { INPUT_REFERENCE, type Definition, type EnvSource } from './project.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export type Inputs = Readonly<Record<string, string>>

/** Every input of the definition with its value: the given one or its default. `bad_inputs` says which does not fit. */
export function resolveInputs({ inputs }: Definition, given: Inputs): Inputs {
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(inputs, name))
  if (unknown.length > 0) throw new ProblemError('bad_inputs', `no input ${unknown.join(', ')}`)
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { default: fallback, options }]) => {
      const value = Object.hasOwn(given, name) ? given[name] : fallback
      if (value === undefined) throw new ProblemError('bad_inputs', `input ${name} is required`)
      if (options !== undefined && !options.includes(value))
        throw new ProblemError('bad_inputs', `input ${name} is none of ${options.join(', ')}`)
      if (value.includes('\0') || !value.isWellFormed())
        throw new ProblemError('bad_inputs', `input ${name} holds what is no text`)
      return [name, value]
    }),
  )
}

/** The plan of one run, frozen at its start. No secret value is in it. */
export function planOf(
  definition: Pick<Definition, 'steps' | 'gates'>,
  inputs: Inputs,
  environment: Environment,
): Plan {
  refuseVast(definition, inputs)
  return {
    steps: definition.steps.map((step) => ({
      ...step,
      argv: step.argv.map((element) => filledWhole(element, inputs)),
      env: Object.fromEntries(
        Object.entries(step.env).map(([name, source]) => {
          const value = valueOf(source, environment)
          if (value === null && 'from' in source)
            throw new ProblemError(
              'bad_inputs',
              `step ${step.step_id} takes ${name} from ${source.from}, which the server's environment has not`,
            )
          return [name, source.secret ? null : value]
        }),
      ),
    })),
    gates: definition.gates.map((gate) => ({
      ...gate,
      question: gate.question.replaceAll(INPUT_REFERENCE, (_, name: string) => inputs[name] ?? ''),
    })),
  }
}

// Attacker: a few aliases and a long input are a plan of gigabytes. It is counted before it is made; what of the rest
// fits is the record's to say.
function refuseVast({ steps, gates }: Pick<Definition, 'steps' | 'gates'>, inputs: Inputs): void {
  let chars = 0
  for (const { argv, env } of steps) {
    for (const element of argv) chars += filledWhole(element, inputs).length
    for (const source of Object.values(env)) chars += 'value' in source ? source.value.length : 0
  }
  for (const { question } of gates) {
    chars += question.length
    for (const [, name = ''] of question.matchAll(INPUT_REFERENCE))
      chars += inputs[name]?.length ?? 0
  }
  const most = LIMITS.bytes * OPENING_FITS
  if (chars > most)
    throw new ProblemError('too_large', `a plan of ${chars} characters, at most ${most} fit`)
}

/**
 * Secret values of a step that the plan leaves out, taken from the definition as it is now: after a restart there is
 * nothing else to take them from. The name of one that is not there any more is in `missing`.
 */
export function secretsOf(
  { step_id, env }: PlanStep,
  definition: Pick<Definition, 'steps'> | undefined,
  environment: Environment,
): { values: Record<string, string>; missing: string | null } {
  const sources = definition?.steps.find((step) => step.step_id === step_id)?.env ?? {}
  const values: Record<string, string> = {}
  for (const name of Object.keys(env).filter((name) => env[name] === null)) {
    const source = sources[name]
    const value = source?.secret === true ? valueOf(source, environment) : null
    if (value === null) return { values, missing: name }
    values[name] = value
  }
  return { values, missing: null }
}

/** All that a step's process gets: four names of the server's, what it declares, and the inputs. */
export function stepEnvironment(
  step: PlanStep,
  inputs: Inputs,
  secrets: Readonly<Record<string, string>>,
  environment: Environment,
): Record<string, string> {
  const env: Record<string, string> = {}
  for (const name of INHERITED) {
    const value = environment[name]
    if (value !== undefined) env[name] = value
  }
  for (const [name, value] of Object.entries(step.env)) if (value !== null) env[name] = value
  for (const [name, value] of Object.entries(inputs)) env[`INPUT_${name.toUpperCase()}`] = value
  return { ...env, ...secrets }
}

const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR'] as const

/** What a process gets of a variable; null where the server's environment has none. */
export function valueOf(source: EnvSource, environment: Environment): string | null {
  return 'value' in source ? source.value : (environment[source.from] ?? null)
}

function filledWhole(element: string, inputs: Inputs): string {
  const name = /^\{\{inputs\.([a-z][a-z0-9_]*)\}\}$/.exec(element)?.[1]
  return name === undefined ? element : (inputs[name] ?? element)
}
