import type { HeldEnvelope } from '#evidence/place.ts'
import type { Unread } from '#viewer/parts/dropped-files.ts'
import type { ChosenFile } from '#viewer/record-queries.ts'
import { createStore } from 'zustand/vanilla'
import type { Brought } from './brought-trust.tsx'

export type Chosen = ChosenFile & { path: string }

/** What the reader gave on the page that verifies files, and the one of them that is open. */
export type Given = {
  readonly chosen: readonly Chosen[]
  readonly opened: number | null
  readonly brought: readonly Brought[]
  readonly left: readonly Unread[]
  readonly former: readonly HeldEnvelope[]
}

export const NOTHING_GIVEN: Given = { chosen: [], opened: null, brought: [], left: [], former: [] }

/**
 * Not the page's own: who goes to compare a fingerprint, as the verdict advises, comes back to it. In the memory of this
 * tab alone, for as long as that lives or until the reader takes it away.
 */
export const givenFiles = createStore<Given>()(() => NOTHING_GIVEN)
