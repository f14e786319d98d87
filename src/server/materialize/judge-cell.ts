import { hash } from 'node:crypto'
import type { CellState } from '#contract/status.ts'
import { canonicalize } from '#evidence/canonical.ts'
import type { CellRow, VersionRow } from '#server/storage/storage.ts'
import type { DerivedField, From } from './table-definition.ts'

/** A value that a cell is made from. `value` is its RFC 8785 form. */
export type Input = { from: From; value: string; sha256: string }

/** What a cell is made from, as far as it is to be had. */
export type Inputs =
  | {
      state: 'here'
      inputs: readonly Input[]
      sha256: string
      /** Of each lookup, the key that it went by. */
      looked_up: readonly (string | null)[]
    }
  /** A derived input failed: the cell cannot be derived, and why. */
  | { state: 'failed'; because: string }
  /** A derived input is still to be derived. */
  | { state: 'awaited' }

/** How a cell stands to what it would be made from now, by the derivation of this digest. */
export function stateOf(version: VersionRow | null, inputs: Inputs, derivation: string): CellState {
  const hasValue = version !== null && version.error === null
  switch (inputs.state) {
    case 'failed':
      return 'failed'
    case 'awaited':
      return hasValue ? 'stale' : 'missing'
    case 'here':
      if (version?.inputs_sha256 !== inputs.sha256 || version.act.sha256 !== derivation)
        return hasValue ? 'stale' : 'missing'
      return hasValue ? 'fresh' : 'failed'
  }
}

/**
 * The inputs of a record's cell. `value` gives what a source has, `cell` what a derived input is, and neither is there
 * where a lookup leads to no record: that input is null.
 */
export function inputsOf(
  { from }: DerivedField,
  record: Readonly<Record<string, unknown>>,
  found: {
    value: (from: From, record_id: string | null) => string | null
    cell: (from: From, record_id: string | null) => CellRow | null
    isDerived: (from: From) => boolean
    /** May nobody be told which record the input was looked up in? */
    isHidden: (from: From) => boolean
    digest: (from: From, canonical: string) => string
    /** Which record of the input's table a value means. */
    key: (from: From, value: unknown) => string | null
  },
  record_id: string,
): Inputs {
  const inputs: Input[] = []
  const looked_up: (string | null)[] = []
  let awaited = false
  for (const one of from) {
    const key = one.by === null ? record_id : found.key(one, record[one.by])
    if (one.by !== null) looked_up.push(key)
    if (found.isDerived(one)) {
      const cell = found.cell(one, key)
      if (cell?.state === 'failed')
        return {
          state: 'failed',
          because: `${found.isHidden(one) ? `${one.table}.${one.field} of the one that is looked up` : `${one.table}/${key}/${one.field}`} failed`,
        }
      if (cell !== null && cell.state !== 'fresh') awaited = true
      const value = cell?.version?.value ?? NOTHING
      const made = found.isHidden(one) ? null : cell?.version?.value_sha256
      const sha256 = made ?? found.digest(one, value)
      inputs.push({ from: one, value, sha256 })
    } else {
      const value = found.value(one, key) ?? NOTHING
      inputs.push({ from: one, value, sha256: found.digest(one, value) })
    }
  }
  if (awaited) return { state: 'awaited' }
  return { state: 'here', inputs, sha256: inputsDigest(inputs), looked_up }
}

/** Of the JCS of `{name: sha256}`. */
function inputsDigest(inputs: readonly Input[]): string {
  return digestOfNamed(inputs.map(({ from: { name }, sha256 }) => [name, sha256]))
}

export function digestOfNamed(named: readonly (readonly [string, string])[]): string {
  return hash('sha256', canonicalize(Object.fromEntries(named)), 'hex')
}

/** Of a cell that was not tried. */
export const NO_INPUTS = digestOfNamed([])

const NOTHING = 'null'
