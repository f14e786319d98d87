import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen } from '@testing-library/react'
import { afterEach, expect, it, vi } from 'vitest'
import type { RequiredDefinition } from '#contract/trust.ts'
import {
  newSigner,
  planStep,
  type Sealed,
  serverKeyOf,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { keptQuery, memoryQuery } from '#viewer/queries.ts'
import { givenFiles, NOTHING_GIVEN } from '#viewer/review/given-files.ts'
import { VerifyPage } from '#viewer/review/verify-page.tsx'
import { NOTHING_KEPT } from '#viewer/trust-store.ts'
import type { Answer, Question } from '#viewer/verifier.ts'
import { verdictOf } from './verdict-of.ts'

/* What was given on the page that verifies files. */

afterEach(() => {
  vi.unstubAllGlobals()
  givenFiles.setState(NOTHING_GIVEN)
})

/** What the page's worker answers of this file, by what it is given of trust. */
const answering = ({ bytes, content }: Sealed, is = { isBusy: false }) =>
  vi.stubGlobal(
    'Worker',
    class extends EventTarget {
      terminate = () => undefined
      postMessage = ({ id, question }: { id: number; question: Question }) => {
        if (!is.isBusy) void this.answer(id, question)
      }
      async answer(id: number, question: Question) {
        const value: Answer =
          question.ask === 'verify'
            ? await verdictOf(bytes, question.trust)
            : question.ask === 'requirement'
              ? { ask: 'requirement', requirement: requiredOf(content) }
              : { ask: 'ready' }
        this.dispatchEvent(new MessageEvent('message', { data: { id, ok: true, value } }))
      }
    },
  )

const requiredOf = ({ opening: { definition } }: Sealed['content']): RequiredDefinition => ({
  name: definition.name,
  sha256: definition.sha256,
  gates: [],
})

const give = (...files: File[]) =>
  fireEvent.drop(document.body, { dataTransfer: { types: ['Files'], files, items: [] } })

it('[U11] what was given is there, and counts beside what comes next, for who went elsewhere while a drop was read', async () => {
  const signer = await newSigner()
  const run = startRun(signer, { steps: [planStep('build')] })
  run.step('build')
  const sealed = await run.seal()
  const worker = { isBusy: false }
  answering(sealed, worker)
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
  worker.isBusy = true
  await elsewhere()
  await screen.findByText('1 thing that you gave is not looked at')
  await screen.findByText('Reading the sealed bytes.')

  // Before the first is judged anew.
  give(new File([sealed.bytes.slice()], 'third.json'))
  await screen.findByText(/^1 record that you gave on this page before/)
  worker.isBusy = false
  await elsewhere()
  await screen.findByText(proven)
  screen.getByText(/third\.json/)
})

it('[U11] [U16] what this browser requires, and what a server took back, is told beside a trust file that came along', async () => {
  const signer = await newSigner()
  const run = startRun(signer, { steps: [planStep('build')] })
  run.step('build')
  const sealed = await run.seal()
  answering(sealed)
  const client = new QueryClient()
  const key = serverKeyOf(signer)
  const kept = {
    ...NOTHING_KEPT,
    pinned: { ...trustFileOf(signer), required: [requiredOf(sealed.content)] },
    keys: [{ ...key, status: 'revoked' as const, last_seal_seq: 1 }],
    fell: {
      [signer.key_id]: {
        at: '2026-11-12T09:30:00.000Z',
        from: { status: 'active' as const, last_seal_seq: null },
      },
    },
  }
  client.setQueryData(keptQuery.queryKey, kept)
  client.setQueryData(memoryQuery.queryKey, { kept, met: [] })
  render(
    <QueryClientProvider client={client}>
      <VerifyPage />
    </QueryClientProvider>,
  )
  give(
    new File([sealed.bytes.slice()], 'a.json'),
    new File([JSON.stringify(trustFileOf(signer))], 'trust.json'),
  )
  const required = await screen.findByRole('link', { name: /this definition and no gate$/ })
  expect(required.textContent).toBe('you require this definition and no gate')
  screen.getByText(/this server first called this key revoked/)
})
