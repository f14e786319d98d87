import type { Stage } from '#evidence/verify.ts'

/** What a verification is at, in order, for who waits for it. */
export const STAGES: readonly { stage: Stage; says: string }[] = [
  { stage: 'read', says: 'Reading every byte' },
  { stage: 'chain', says: 'Recomputing the hash chain' },
  { stage: 'content', says: 'Digesting the document' },
  { stage: 'seal', says: 'Checking the seal' },
  { stage: 'record', says: 'Holding the record against its plan' },
]
