import { QueryObserver } from '@tanstack/react-query'
import { afterEach, expect, it, vi } from 'vitest'
import { newSigner, planStep, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { createClient } from '#viewer/query-client.ts'
import { offeredTrustQuery, trustQuery } from '#viewer/queries.ts'
import { replayedQuery, verdictQuery } from '#viewer/record-queries.ts'
import { NOTHING_KEPT } from '#viewer/trust-store.ts'
import type { Answer, Question } from '#viewer/verifier.ts'
import { verdictOf } from './verdict-of.ts'

/* What is asked of a record that is held, while its verification begins anew. */

afterEach(() => vi.unstubAllGlobals())

it('[U4] a run is drawn by its record also where the verification began anew twice while that was asked', async () => {
  const signer = await newSigner()
  const run = startRun(signer, { steps: [planStep('build')] })
  run.step('build')
  const { bytes, envelope } = await run.seal()
  // A worker that answers when it is told to, and never once it was ended.
  const held: (() => void)[] = []
  let isSlow = false
  vi.stubGlobal(
    'Worker',
    class extends EventTarget {
      isEnded = false
      terminate = () => (this.isEnded = true)
      postMessage({ id, question }: { id: number; question: Question }) {
        const answer = async () => {
          const value: Answer =
            question.ask === 'verify'
              ? await verdictOf(bytes, question.trust)
              : { ask: 'replayed', run: null }
          if (!this.isEnded)
            this.dispatchEvent(new MessageEvent('message', { data: { id, ok: true, value } }))
        }
        if (isSlow) held.push(() => void answer())
        else void answer()
      }
    },
  )
  vi.stubGlobal('fetch', async () => new Response(bytes.slice(), JSON_HEAD))
  const client = createClient()
  const offered = trustFileOf(signer)
  client.setQueryData(offeredTrustQuery.queryKey, offered)
  client.setQueryData(trustQuery.queryKey, { kept: NOTHING_KEPT, offered })
  const { evidence_id, run_id } = envelope
  const { head } = envelope.integrity.hash_chain
  const verdict = new QueryObserver(client, verdictQuery(evidence_id, run_id))
  verdict.subscribe(() => undefined)
  await vi.waitFor(() => expect(verdict.getCurrentResult().data?.verdict).toBe('not proven'))

  isSlow = true
  const isAsked = (times: number) => vi.waitFor(() => expect(held.length).toBe(times))
  const replayed = new QueryObserver(client, replayedQuery(evidence_id, run_id, head))
  replayed.subscribe(() => undefined)
  await isAsked(1)
  // What is begun while another is under way ends it, and the run that was asked for with it.
  const begin = () => client.invalidateQueries({ queryKey: verdict.options.queryKey })
  for (const asked of [1, 4]) {
    void begin()
    await isAsked(asked + 1)
    void begin()
    await isAsked(asked + 2)
    held.at(-1)?.()
    await isAsked(asked + 3)
  }
  isSlow = false
  held.at(-1)?.()
  await vi.waitFor(() => expect(replayed.getCurrentResult().status).toBe('success'))
  client.clear()
})

const JSON_HEAD = { headers: { 'content-type': 'application/json' } }
