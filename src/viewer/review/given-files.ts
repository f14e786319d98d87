import { distinctHeld, type HeldEnvelope } from '#evidence/place.ts'
import type { Unread } from '#viewer/parts/dropped-files.ts'
import type { ChosenFile, JudgedFile } from '#viewer/record-queries.ts'
import type { Verdict } from '#viewer/verifier.ts'
import { createStore } from 'zustand/vanilla'
import type { Brought } from './brought-trust.tsx'

export type Chosen = ChosenFile & { path: string }

/** What the reader gave on the page that verifies files, and the one of them that is open. */
export type Given = {
  readonly chosen: readonly Chosen[]
  readonly opened: number | null
  readonly brought: readonly Brought[]
  readonly left: readonly Unread[]
  /**
   * Of those judged now, by their ids, what is held against the next: all that a key at hand has sealed. Whether the reader
   * knows that key is asked at each verdict: they may say so a moment later.
   */
  readonly met: ReadonlyMap<number, HeldEnvelope | null>
  readonly former: readonly HeldEnvelope[]
}

export const NOTHING_GIVEN: Given = {
  chosen: [],
  opened: null,
  brought: [],
  left: [],
  met: new Map(),
  former: [],
}

/**
 * Not the page's own: who goes to compare a fingerprint, as the verdict advises, comes back to it. In the memory of this
 * tab alone, for as long as that lives or until the reader takes it away.
 */
export const givenFiles = createStore<Given>()(() => NOTHING_GIVEN)

/** As soon as they are judged: a verdict is gone once its page is left, and what was given counts on. */
export const noteMet = (judged: readonly JudgedFile[]): void =>
  givenFiles.setState(({ chosen, met }) => {
    const ids = new Set(chosen.map(({ id }) => id))
    const now = judged.flatMap(({ id, verdict }) =>
      ids.has(id) && verdict !== null ? [[id, heldIn(verdict)] as const] : [],
    )
    return { met: new Map([...met, ...now]) }
  })

const heldIn = ({ held, sealed_by }: Verdict): HeldEnvelope | null =>
  sealed_by === null ? null : held

/** With what comes now in the place of what was judged before, which counts beside it. */
export const takingPlaceOf = (
  { former, met }: Given,
  chosen: readonly Chosen[],
): Pick<Given, 'chosen' | 'met' | 'former'> => ({
  chosen,
  met: NOTHING_GIVEN.met,
  former: distinctHeld([...former, ...[...met.values()].filter((one) => one !== null)]).slice(
    -MOST_FORMER,
  ),
})

const MOST_FORMER = 1000
