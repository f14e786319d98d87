import { type Envelope, type StepEntry } from '#contract/envelope.ts'
import { entryDigest } from './chain.ts'
import { type Claim, claimOf } from './claims.ts'
import { counted, fewOf } from './counted.ts'
import { digestOf } from './digest.ts'
import { type Entries } from './document.ts'
import { type HeldEnvelope } from './place.ts'

/* A run that repeats another: four eyes are counted over who started both, and what it took over counts as done. */

/** A step that a rerun did not run. `sha256`: of what its entry says, but for what is the rerun's own. */
export type TakenOver = {
  readonly step_id: string
  readonly evidence_id: string
  readonly seq: number
  readonly entry: string
  readonly sha256: string
}

/** What the record of a rerun says of the run that it repeats. */
export type Repeats = {
  readonly run_id: string
  readonly starters: readonly string[]
  readonly taken: readonly TakenOver[]
}

export function repeatsOf({ opening: { rerun_of } }: Envelope, entries: Entries): Repeats | null {
  if (rerun_of === null) return null
  const taken: TakenOver[] = []
  for (const { kind, body } of entries)
    if (kind === 'step' && body.taken_over !== undefined)
      taken.push({ step_id: body.step_id, ...body.taken_over, sha256: saidOf(body) })
  return { ...rerun_of, taken }
}

/** The first that the verified record which it names says otherwise, or does not say; null where there is none. */
export function differingOf(taken: readonly TakenOver[], entries: Entries): TakenOver | null {
  return (
    taken.find(({ seq, entry, sha256 }) => {
      const from = entries.at(seq)
      return (
        from?.kind !== 'step' ||
        entryDigest('step', from.body) !== entry ||
        saidOf(from.body) !== sha256
      )
    }) ?? null
  )
}

/** Its number of attempts, its salt and where it took it from are those of a rerun; what the step did is not. */
function saidOf({ attempt: _attempt, salt: _salt, taken_over: _from, ...said }: StepEntry): string {
  return digestOf(said)
}

/**
 * What a run was to do, by digest: a rerun that takes steps over has it from its source, but for variables, which a
 * definition may take from the server's environment, as that is when a run starts.
 */
export type Ran = {
  readonly definition: string
  readonly inputs: string
  readonly kind: string
  /** As the project names it: without it no folder of a step says which. null in records from before it was frozen. */
  readonly root: string | null
  readonly gates: string
  readonly steps: string
  readonly env: string
}

export const ranOf = ({ opening: { kind, definition, inputs, plan } }: Envelope): Ran => ({
  definition: digestOf(definition),
  inputs: digestOf(inputs),
  kind,
  root: plan.root ?? null,
  gates: digestOf(plan.gates),
  steps: digestOf(plan.steps.map(({ env, ...step }) => ({ ...step, env: Object.keys(env) }))),
  env: digestOf(plan.steps.map(({ env }) => env)),
})

const RAN = [
  ['definition', 'another version or name of the definition'],
  ['inputs', 'other inputs'],
  ['kind', 'another kind of run'],
  ['root', 'another root'],
  ['gates', 'other planned gates'],
  ['steps', 'other planned steps'],
] as const

/** Why this is no record that a rerun can take steps over from: it ran as something else, or was sealed later. */
export function sourceFault<T extends HeldEnvelope & { readonly ran: Ran }>(
  rerun: T,
  sources: readonly T[],
  isSealedAfter: (one: T, other: T) => boolean,
): string | null {
  for (const source of sources) {
    const { evidence_id, ran } = source
    if (isSealedAfter(source, rerun))
      return `took steps over from ${evidence_id}, which was sealed after it`
    const other = RAN.find(
      ([member]) =>
        ran[member] !== rerun.ran[member] && ran[member] !== null && rerun.ran[member] !== null,
    )
    if (other !== undefined) return `took steps over from ${evidence_id}, which has ${other[1]}`
  }
  return null
}

/** Why it is not what the reader has of the run that it repeats, or took steps over from; null where nothing shows. */
export function lineageFault(
  { run_id, starters, sources }: Pick<Repeats, 'run_id' | 'starters'> & { sources: Set<string> },
  held: readonly HeldEnvelope[],
): { readonly message: string; readonly expected: string; readonly actual: string } | null {
  const other = held.find(
    (one) => one.run_id === run_id && (one.starters ?? starters).join() !== starters.join(),
  )
  if (other?.starters !== undefined)
    return {
      message: `repeats ${run_id}, which others started by its record, ${other.evidence_id}`,
      expected: fewOf(other.starters),
      actual: fewOf(starters),
    }
  const source = held.find(
    (one) => sources.has(one.evidence_id) && (one.run_id ?? run_id) !== run_id,
  )
  if (sources.size > 1 || source !== undefined)
    return {
      message: `took steps over from ${source === undefined ? `${sources.size} records` : `${source.evidence_id}, the record of ${source.run_id}`}, and says that it repeats ${run_id}`,
      expected: source === undefined ? '1 record' : `a record of ${run_id}`,
      actual: source === undefined ? fewOf([...sources]) : `a record of ${source.run_id}`,
    }
  return null
}

/**
 * Of a run that repeats another: four eyes are counted over who started both, and what it took over counts as done. Both
 * are the server's word, but for what the reader holds. null where it repeats none.
 */
export function checkLineage(
  { opening: { rerun_of } }: Envelope,
  takenFrom: readonly string[],
  held: readonly HeldEnvelope[],
): Claim | null {
  if (rerun_of === null) return null
  const { run_id, starters } = rerun_of
  const at = { where: '/opening/rerun_of', actual: fewOf(starters) }
  const fault = lineageFault({ run_id, starters, sources: new Set(takenFrom) }, held)
  if (fault !== null)
    return claimOf('lineage-differs', {
      ...at,
      ...fault,
      message: `It ${fault.message}.`,
    })
  const ofRun = held.filter((one) => one.run_id === run_id && one.starters !== undefined)
  const known = ofRun.find((one) => one.isFailing !== true)?.starters
  const takenOver = takenFrom.length
  const open = [
    ...(known === undefined
      ? [
          `${ofRun.length === 0 ? 'you hold no record of it under a seal that counts here' : 'the record of it that you hold does not verify'}, so that who started it is the server’s word`,
        ]
      : []),
    ...(takenOver === 0
      ? []
      : [
          `${counted(takenOver, 'step')} that it took over did not run here, and ${takenOver === 1 ? 'was' : 'were'} not compared`,
        ]),
  ]
  return open.length === 0
    ? claimOf('lineage-agrees', {
        ...at,
        expected: fewOf(known ?? []),
        message: `It repeats ${run_id}, which was started by whom the record that you hold says.`,
      })
    : claimOf('lineage-unchecked', {
        ...at,
        message: `It repeats ${run_id}: ${open.join('; ')}.`,
      })
}
