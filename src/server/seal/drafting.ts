import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Seal } from '#contract/envelope.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { StorageError, type RecordedFact } from '#server/storage/storage.ts'
import {
  draftedOf,
  draftOf,
  sealedDraft,
  type Drafted,
  type DraftOrder,
  type FromDrafter,
  type ToDrafter,
} from './draft.ts'

/** A draft, and what comes of it, wherever it is worked out. */
export type Drafting = {
  drafted: Drafted
  /** The canonical bytes of the sealed file. */
  sealed(seal: Seal): Promise<Uint8Array<ArrayBuffer>>
  end(): Promise<void>
}

/**
 * Throws what `draftOf` throws. To draft a large record takes seconds: it is done in a thread of its own, so that the
 * server answers meanwhile. For a small one the thread would take longer than the work.
 */
export async function draft(
  facts: readonly RecordedFact[],
  order: DraftOrder,
  isLarge: boolean,
): Promise<Drafting> {
  if (isLarge) return await draftBeside(facts, order)
  const draft = draftOf(facts, order)
  return {
    drafted: draftedOf(draft),
    sealed: async (seal) => sealedDraft(draft, seal),
    async end() {},
  }
}

async function draftBeside(facts: readonly RecordedFact[], order: DraftOrder): Promise<Drafting> {
  // What the server was started with is none of its affair.
  const drafter = new Worker(DRAFTER, { execArgv: [], env: {} })

  function ask(message: ToDrafter): Promise<FromDrafter> {
    return new Promise((resolve, reject) => {
      drafter.once('message', (reply: FromDrafter) => resolve(reply))
      drafter.once('error', reject)
      drafter.once('exit', () => reject(new Error('the thread that drafts envelopes has ended')))
      drafter.postMessage(message)
    })
  }

  try {
    for (let at = 0; at < facts.length; at += PIECE) {
      drafter.postMessage({ facts: facts.slice(at, at + PIECE) } satisfies ToDrafter)
      await nextTurn()
    }
    const reply = await ask({ order })
    if ('refused' in reply) {
      const { code, message, where } = reply.refused
      throw new EvidenceError(code, message, where)
    }
    if ('damaged' in reply) throw new StorageError('damaged', reply.damaged)
    if (!('drafted' in reply)) throw new Error('the thread that drafts envelopes gave no draft')
    return {
      drafted: reply.drafted,
      async sealed(seal) {
        const reply = await ask({ seal })
        if (!('bytes' in reply)) throw new Error('the thread that drafts envelopes gave no bytes')
        return reply.bytes
      },
      async end() {
        await drafter.terminate()
      },
    }
  } catch (error) {
    await drafter.terminate()
    throw error
  }
}

const PIECE = 200

// The build carries what it finds named so.
const DRAFTER = new URL('./drafter.ts', import.meta.url)
