import type { SealedBy } from '#evidence/sealed.ts'

/**
 * Has a key that the reader pinned or accepted sealed it? Else nothing of a record is called verified [U5]. One that is
 * only offered is nobody's that the reader knows: of a file, whoever made it can have made the trust file beside it; of a
 * server, it waits for the reader's answer, as one does that took the place of another [U16].
 */
export const isSealKnown = (by: SealedBy | null): boolean => by !== null && by.source !== 'offered'
