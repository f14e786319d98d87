import { type GateEntry } from '#contract/envelope.ts'
import { type Claim, claimOf } from './claims.ts'
import { fewOf } from './counted.ts'
import { isUser, peopleOf } from './people.ts'
import { type HeldEnvelope } from './place.ts'
import { shellForFourEyes } from './redo.ts'
import { type Gated } from './signed.ts'
import { type Approvers, pinnedApprovers } from './trust.ts'

/** Who started the run, and the one that it repeats: by its own word, and by the record of that one where the reader holds it. */
export function startersOf(
  { opening: { actor, rerun_of } }: Gated,
  held: readonly HeldEnvelope[],
): Starters {
  const ofRepeated = held.flatMap(({ run_id, starters = [] }) =>
    rerun_of !== null && run_id === rerun_of.run_id ? starters : [],
  )
  const names = new Set([actor, ...(rerun_of?.starters ?? []), ...ofRepeated])
  return {
    names,
    few: fewOf([...names]),
    areUsers: [...names].every(isUser),
    isWhole: rerun_of?.starters.length !== 0,
  }
}

/** Gone through once for all gates. `few`: in words; `isWhole`: somebody is named for each run. */
type Starters = {
  readonly names: ReadonlySet<string>
  readonly few: string
  readonly areUsers: boolean
  readonly isWhole: boolean
}

/** Did nobody who started the run decide? */
export function checkFourEyes(
  { names: starters, few, areUsers, isWhole }: Starters,
  { step_id, decisions }: GateEntry,
  where: string,
  pinned: Approvers,
): Claim {
  // Of the reader's own files alone: whom nobody pinned is in none.
  const persons = Object.fromEntries(
    decisions.flatMap(({ decision: { approver } }) =>
      pinnedApprovers(pinned, approver).length > 0 ? [[approver, peopleOf(approver, pinned)]] : [],
    ),
  )
  const at = {
    step_id,
    where: `${where}/decisions`,
    shell: shellForFourEyes(where, persons),
  }
  const approvers = decisions.map(({ decision }) => peopleOf(decision.approver, pinned))
  const people = approvers.flatMap(({ people }) => people)
  const own = people.find((person) => starters.has(person))
  if (own !== undefined)
    return claimOf('starter-decided', {
      ...at,
      message: `${own} started the run, or one that it repeats, and decided.`,
      expected: `none of ${few}`,
      actual: own,
    })
  if (approvers.length === 0)
    return claimOf('others-decided', {
      ...at,
      message: 'Nobody who started the run decided: nobody did.',
    })
  if (starters.has('system')) {
    return claimOf('starter-without-owner', {
      ...at,
      message:
        'The system started the run, or one that it repeats: there is no first pair of eyes.',
      expected: 'a person who started it',
      actual: 'system',
    })
  }
  if (!isWhole)
    return claimOf('owner-unknown', {
      ...at,
      message: 'The run repeats another one, and the record does not say who started that.',
    })
  if (!areUsers || !approvers.every(({ isKnown }) => isKnown)) {
    return claimOf('owner-unknown', {
      ...at,
      message:
        'A token took part, or a passkey of nobody whom you pinned as a user, and the record does not say whose it is.',
    })
  }
  return claimOf('others-decided', {
    ...at,
    expected: `none of ${few}`,
    actual: fewOf(people),
    message: `By the record, ${fewOf(people)} decided; ${few} started.`,
  })
}
