import type { ToldBy } from '#contract/status.ts'
import { order } from './join.ts'

/** A fact with where it is from. `instead` is what a weaker timeline said otherwise; both are shown. */
export type Told<T> =
  | { by: Exclude<ToldBy, 'contradicted' | 'read'>; value: T }
  | {
      by: 'contradicted'
      value: T
      stands: 'recorded' | 'verified'
      instead: T
      insteadBy: 'hint' | 'recorded'
    }

/** One fact as each timeline has it; null or undefined where a timeline has not said. */
export type Timelines<T> = {
  hint: T | null | undefined
  recorded: T | null | undefined
  verified: T | null | undefined
}

/**
 * The one place that decides what a fact may be called on a screen [L5]. The strongest timeline that speaks is
 * believed; one that is silent never contradicts; null where nobody has said.
 */
export function told<T extends string | number | boolean | object>(
  said: Timelines<T>,
): Told<T> | null {
  const { hint, recorded, verified } = said
  if (verified !== null && verified !== undefined) {
    if (differs(recorded, verified))
      return {
        by: 'contradicted',
        value: verified,
        stands: 'verified',
        instead: recorded,
        insteadBy: 'recorded',
      }
    if (differs(hint, verified))
      return {
        by: 'contradicted',
        value: verified,
        stands: 'verified',
        instead: hint,
        insteadBy: 'hint',
      }
    return { by: 'verified', value: verified }
  }
  if (recorded !== null && recorded !== undefined) {
    return differs(hint, recorded)
      ? {
          by: 'contradicted',
          value: recorded,
          stands: 'recorded',
          instead: hint,
          insteadBy: 'hint',
        }
      : { by: 'recorded', value: recorded }
  }
  return hint === null || hint === undefined ? null : { by: 'hint', value: hint }
}

function differs<T extends string | number | boolean | object>(
  weaker: T | null | undefined,
  stronger: T,
): weaker is T {
  return weaker !== null && weaker !== undefined && order(weaker, stronger) !== 0
}
