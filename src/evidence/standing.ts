import { type Envelope, type Previous } from '#contract/envelope.ts'
import { digestOf } from './digest.ts'
import { type Entries } from './document.ts'
import { differingOf, type Ran, ranOf, type Repeats, repeatsOf, type TakenOver } from './lineage.ts'
import { type HeldEnvelope } from './place.ts'
import { sealedAt } from './sealed.ts'

/** A record's place among its server's, and what it says of others: the one before it, and those below. */
export type Placed = HeldEnvelope & {
  readonly previous: Previous
  /** Of its definition the name. */
  readonly definition: string
  readonly outcome: Envelope['closing']['outcome']
  readonly ran: Ran
  /** The run that it repeats. */
  readonly repeats: Repeats | null
  /** Records that a gate of it showed a difference from. */
  readonly bases: readonly NonNullable<Previous>[]
}

/** Where a record stands among others. What it says of itself may be false all the same, or not what the reader requires. */
export type Standing = {
  /** As much of its place as a reader keeps. */
  readonly held: () => HeldEnvelope
  readonly place: () => Placed
  /** Of what another one took over from it the first that it does not say; null where there is none. */
  readonly differing: (taken: readonly TakenOver[]) => TakenOver | null
}

export function standingOf(envelope: Envelope, entries: Entries, isFailing: boolean): Standing {
  const { opening, closing, gates } = envelope
  const held = () => ({ ...heldOf(envelope), ...(isFailing && { isFailing }) })
  return {
    held,
    place: () => ({
      ...held(),
      previous: closing.previous,
      definition: opening.definition.name,
      outcome: closing.outcome,
      ran: ranOf(envelope),
      repeats: repeatsOf(envelope, entries),
      bases: gates.flatMap(({ shown }) => shown.base ?? []),
    }),
    differing: (taken) => differingOf(taken, entries),
  }
}

/** Its place in the series of its server, and the requests that were answered in it. */
export function heldOf({
  evidence_id,
  run_id,
  opening,
  closing,
  gates,
  integrity,
}: Envelope): HeldEnvelope {
  const sealed_at = sealedAt(integrity.seal)
  return {
    server: opening.server,
    evidence_id,
    head: integrity.hash_chain.head,
    seal_seq: closing.seal_seq,
    run_id,
    starters: [...(opening.rerun_of?.starters ?? []), opening.actor],
    ...(sealed_at !== undefined && { sealed_at }),
    previous: closing.previous,
    decisions: gates.flatMap(({ decisions }) =>
      decisions.map(({ decision }) => ({ nonce: decision.nonce, sha256: digestOf(decision) })),
    ),
  }
}
