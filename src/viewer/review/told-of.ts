import type { Verdict } from '#viewer/verifier.ts'
import type { Origin } from './origin.ts'

/**
 * What the facts of a record are called where it is judged: of the two words, the one place that decides [U5]. Of a
 * file, a key that only the trust file beside it offers is nobody's that the reader knows: whoever made the one can have
 * made the other.
 */
export const toldOf = (
  { sealed_by }: Pick<Verdict, 'sealed_by'>,
  from: Origin['from'],
): 'verified' | 'read' =>
  sealed_by === null || (from === 'file' && sealed_by.source === 'offered') ? 'read' : 'verified'
