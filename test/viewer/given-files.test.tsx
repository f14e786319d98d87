import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import { newSigner, planStep, serverKeyOf, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { keptQuery, memoryQuery } from '#viewer/queries.ts'
import { VerifyPage } from '#viewer/review/verify-page.tsx'
import { NOTHING_KEPT } from '#viewer/trust-store.ts'
import type { Answer, Question } from '#viewer/verifier.ts'
import { verdictOf } from './verdict-of.ts'

/* What was given on the page that verifies files, while the reader goes elsewhere and comes back. */

afterEach(() => vi.unstubAllGlobals())

it('[U11] what was given is there, and counts beside what comes next, for who went elsewhere while a drop was read', async () => {
  const signer = await newSigner()
  const run = startRun(signer, { steps: [planStep('build')] })
  run.step('build')
  const sealed = await run.seal()
  let isBusy = false
  vi.stubGlobal(
    'Worker',
    class extends EventTarget {
      terminate = () => undefined
      postMessage = ({ id, question }: { id: number; question: Question }) => {
        if (!isBusy) void this.answer(id, question)
      }
      async answer(id: number, question: Question) {
        const value: Answer =
          question.ask === 'verify'
            ? await verdictOf(sealed.bytes, question.trust)
            : { ask: 'ready' }
        this.dispatchEvent(new MessageEvent('message', { data: { id, ok: true, value } }))
      }
    },
  )
  const client = new QueryClient()
  const kept = { ...NOTHING_KEPT, pinned: trustFileOf(signer), keys: [serverKeyOf(signer)] }
  client.setQueryData(keptQuery.queryKey, kept)
  client.setQueryData(memoryQuery.queryKey, { kept, met: [] })
  const page = (
    <QueryClientProvider client={client}>
      <VerifyPage />
    </QueryClientProvider>
  )
  const elsewhere = async () => {
    cleanup()
    // Nothing that looks at a verdict keeps it.
    const verdicts = () => client.getQueriesData({ queryKey: ['verdict'] })
    await vi.waitFor(() => expect(verdicts()).toEqual([]))
    render(page)
  }
  const give = (file: File) =>
    fireEvent.drop(document.body, { dataTransfer: { types: ['Files'], files: [file], items: [] } })
  const proven = 'The record is proven to be whole and sealed by a key you trust'
  render(page)
  give(new File([sealed.bytes.slice()], 'first.json'))
  await screen.findByText(proven)

  // A disk that never answers.
  const endless = new File([sealed.bytes.slice()], 'second.json')
  const never = new Promise<never>(() => undefined)
  Object.assign(endless, {
    slice: () => ({ arrayBuffer: async () => await never, text: async () => await never }),
    arrayBuffer: async () => await never,
  })
  give(endless)
  await screen.findByText(/^Looking at what each is|^Reading/)
  isBusy = true
  await elsewhere()
  await screen.findByText('1 thing that you gave is not looked at')
  await screen.findByText('Reading the sealed bytes.')

  // Before the first is judged anew.
  give(new File([sealed.bytes.slice()], 'third.json'))
  await screen.findByText(/^1 record that you gave on this page before/)
  isBusy = false
  await elsewhere()
  await screen.findByText(proven)
  screen.getByText(/third\.json/)
})
