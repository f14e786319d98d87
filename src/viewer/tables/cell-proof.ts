import type { Cell } from '#contract/envelope.ts'
import type { CellVersion } from '#contract/provenance.ts'
import { digestOf } from '#evidence/digest.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { type Told, told } from '#live/told.ts'

/** What a cell is said to be, fact by fact, each with where that is from [U21]. */
export type CellFact = { name: keyof typeof FACT; told: Told<string> | null }

export const FACT = {
  outcome: { label: 'Outcome', isDigest: false },
  value: { label: 'Value', isDigest: true },
  derivation: { label: 'Derivation', isDigest: true },
  inputs: { label: 'Inputs', isDigest: true },
  cost: { label: 'Cost', isDigest: false },
  error: { label: 'Error', isDigest: false },
} as const satisfies Record<string, { label: string; isDigest: boolean }>

/** `sealed` is the cell as a record that this browser verified has it; null where none has it. */
export function cellFacts(cell: CellVersion, sealed: Cell | null): CellFact[] {
  // Nothing was made: nothing is said to hold against a record.
  const recorded = cell.run_id === null ? null : sayingOf(cell)
  const verified = sealed && {
    outcome: sealed.state === 'fresh' ? 'derived' : 'failed',
    value: sealed.value_sha256 ?? NONE,
    derivation: sealed.derivation_sha256,
    inputs: sealed.inputs_sha256,
    cost: sealed.cost ?? NONE,
    error: sealed.error ?? NONE,
  }
  const names = ['outcome', 'value', 'derivation', 'inputs', 'cost', 'error'] as const
  return names.map((name) => ({
    name,
    told: told({
      hint: null,
      // What is not told says nothing against the record.
      recorded: cell.withheld.some((one) => one === name) ? null : recorded?.[name],
      verified: verified?.[name],
    }),
  }))
}

/** Who made it, and in which step: what a verified record says of both stands over the server's word. */
export function makerFacts(
  cell: Pick<CellVersion, 'actor' | 'step_id' | 'attempt'>,
  sealed: { actor: string; step_id: string; attempt: number } | null,
): { step: Told<string> | null; actor: Told<string> | null } {
  const { step_id } = cell
  return {
    step: told({
      hint: null,
      recorded: step_id === null ? null : stepSaid({ step_id, attempt: cell.attempt ?? 1 }),
      verified: sealed && stepSaid(sealed),
    }),
    actor: told({ hint: null, recorded: cell.actor, verified: sealed?.actor }),
  }
}

const stepSaid = ({ step_id, attempt }: { step_id: string; attempt: number }): string =>
  attempt === 1 ? step_id : `${step_id}, attempt ${attempt}`

export const NONE = 'none'

function sayingOf(cell: CellVersion): Record<keyof typeof FACT, string> {
  return {
    outcome: cell.error === null ? 'derived' : 'failed',
    value: cell.value_sha256 ?? NONE,
    derivation: cell.derivation.sha256 ?? NONE,
    inputs: cell.inputs_sha256 ?? digestOf({}),
    cost: cell.cost ?? NONE,
    error: cell.error ?? NONE,
  }
}

/**
 * Is the value that is shown the one that the digest is of? `keyed`: the digest of a private value is made with a key of
 * the server, so that nobody can guess the value by it, and nobody else can check it.
 */
export type Recomputed = 'same' | 'differs' | 'keyed' | 'none'

export function recomputeValue(
  { value, private: isPrivate }: CellVersion,
  value_sha256: string | null,
): Recomputed {
  if (value_sha256 === null) return 'none'
  if (isPrivate) return 'keyed'
  return written(() => digestOf(value)) === value_sha256 ? 'same' : 'differs'
}

/** Is the digest of the inputs that of the inputs that are listed? Their names and digests are in it, not where each is from. */
export function recomputeInputs({ inputs }: CellVersion, inputs_sha256: string | null): Recomputed {
  if (inputs_sha256 === null) return 'none'
  const digests = Object.fromEntries(inputs.map(({ name, sha256 }) => [name, sha256]))
  return written(() => digestOf(digests)) === inputs_sha256 ? 'same' : 'differs'
}

// What has no canonical form, such as half a surrogate pair, is not what any digest is of.
function written(digest: () => string): string | null {
  try {
    return digest()
  } catch (fault) {
    if (fault instanceof EvidenceError) return null
    throw fault
  }
}
