import { parentPort } from 'node:worker_threads'
import { EvidenceError } from '#evidence/fault.ts'
import { StorageError, type RecordedFact } from '#server/storage/storage.ts'
import {
  draftedOf,
  draftOf,
  sealedDraft,
  type Draft,
  type FromDrafter,
  type ToDrafter,
} from './draft.ts'

/* The thread of one large draft. What it is told and what it answers stands in draft.ts. */

const facts: RecordedFact[] = []
let draft: Draft | null = null

parentPort?.on('message', (message: ToDrafter) => {
  if ('facts' in message) facts.push(...message.facts)
  else {
    const reply = answer(message)
    parentPort?.postMessage(reply, 'bytes' in reply ? [reply.bytes.buffer] : [])
  }
})

function answer(message: Exclude<ToDrafter, { facts: unknown }>): FromDrafter {
  if ('seal' in message) {
    if (draft === null) throw new Error('there is no draft to seal')
    return { bytes: sealedDraft(draft, message.seal) }
  }
  try {
    draft = draftOf(facts, message.order)
    return { drafted: draftedOf(draft) }
  } catch (error) {
    if (error instanceof EvidenceError) {
      const { code, message, where } = error
      return { refused: { code, message, where } }
    }
    if (error instanceof StorageError && error.code === 'damaged') return { damaged: error.message }
    throw error
  }
}
