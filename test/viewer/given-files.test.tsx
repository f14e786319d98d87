import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RequiredDefinition, ServerKey } from '#contract/trust.ts'
import { encodeBase64 } from '#evidence/base64.ts'
import { utf8 } from '#evidence/canonical.ts'
import { type CarriedAs, carriedTag } from '#evidence/carried.ts'
import {
  approvedRun,
  newSigner,
  pinned,
  planStep,
  requiring,
  type Sealed,
  serverKeyOf,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { keptQuery, memoryQuery } from '#viewer/queries.ts'
import { endingOf } from '#viewer/review/ended-key.tsx'
import { givenFiles, NOTHING_GIVEN, noteMet, takingPlaceOf } from '#viewer/review/given-files.ts'
import { VerifyPage } from '#viewer/review/verify-page.tsx'
import { type Kept, NOTHING_KEPT, withPinned, withSeen } from '#viewer/trust-store.ts'
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
            ? await verdictOf(bytes, question.trust, [], [], question)
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

const signer = await newSigner()
const run = startRun(signer, { steps: [planStep('build')] })
run.step('build')
const sealed = await run.seal()
const proven = 'The record is proven to be whole and sealed by a key you trust'

function pageOver(kept: Kept, client = new QueryClient()) {
  client.setQueryData(keptQuery.queryKey, kept)
  client.setQueryData(memoryQuery.queryKey, { kept, met: [] })
  return (
    <QueryClientProvider client={client}>
      <VerifyPage />
    </QueryClientProvider>
  )
}

/** Of a disk that fails. */
const unreadable = (name: string) =>
  Object.assign(new File(['{'], name), {
    slice: () => ({ arrayBuffer: fail, text: fail }),
    arrayBuffer: fail,
  })
const fail = () => Promise.reject(new DOMException('gone', 'NotReadableError'))

const give = (...files: File[]) =>
  fireEvent.drop(document.body, { dataTransfer: { types: ['Files'], files, items: [] } })

it('[U11] what was given is there, and counts beside what comes next, for who went elsewhere while a drop was read', async () => {
  const worker = { isBusy: false }
  answering(sealed, worker)
  const client = new QueryClient()
  const kept = { ...NOTHING_KEPT, pinned: trustFileOf(signer), keys: [serverKeyOf(signer)] }
  const page = pageOver(kept, client)
  const elsewhere = async () => {
    cleanup()
    // Nothing that looks at a verdict keeps it.
    const verdicts = () => client.getQueriesData({ queryKey: ['verdict'] })
    await vi.waitFor(() => expect(verdicts()).toEqual([]))
    render(page)
  }
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

it('[U11] what was left aside stays named, and said over the verdict, when a trust file is given beside it', async () => {
  answering(sealed)
  render(pageOver({ ...NOTHING_KEPT, pinned: trustFileOf(signer) }))
  give(new File([sealed.bytes.slice()], 'a.json'), new File(['a log'], '0'.repeat(64)))
  await screen.findByRole('heading', { name: proven })
  screen.getByText('1 thing that you gave is not looked at')
  give(new File([JSON.stringify(trustFileOf(signer))], 'trust.json'))
  await screen.findByText('trust.json')
  screen.getByText('1 thing that you gave is not looked at')
  const verdict = await screen.findByRole('heading', { name: proven })
  // What is as it was made is no reason for a warning.
  const beside = screen.getByText(
    '1 log or artifact came along, and is not compared by what stands here.',
  )
  expect(beside.compareDocumentPosition(verdict)).toBe(Node.DOCUMENT_POSITION_FOLLOWING)
  expect(screen.queryByText('Not all that you gave is judged')).toBe(null)
  give(new File([sealed.bytes.slice()], 'a.json'), unreadable('b.json'))
  const over = await screen.findByText('Not all that you gave is judged')
  const again = await screen.findByRole('heading', { name: proven })
  expect(over.compareDocumentPosition(again)).toBe(Node.DOCUMENT_POSITION_FOLLOWING)
})

it('[U11] [U16] what this browser requires, and what a server took back, is told beside a trust file that came along', async () => {
  answering(sealed)
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
  render(pageOver(kept))
  give(
    new File([sealed.bytes.slice()], 'a.json'),
    new File([JSON.stringify(trustFileOf(signer))], 'trust.json'),
  )
  const required = await screen.findByRole('link', { name: /this definition and no gate$/ })
  expect(required.textContent).toBe('you require this definition and no gate')
  // Beside the verdict, and at the key in that file.
  expect(screen.getAllByText(/this server first called this key revoked/)).toHaveLength(2)
})

it.each([
  ['of the reader’s own', 'trust.json', 'Nothing fails, but something you required is not proven'],
  ['that an export offers', 'run.html', proven],
  ['that was chosen out of an export', 'offered-trust.json', proven],
])(
  '[V17] [U11] a damaged trust file %s is named, and none of it used',
  async (_, name, verdict) => {
    answering(sealed)
    render(pageOver({ ...NOTHING_KEPT, pinned: trustFileOf(signer) }))
    const damaged = JSON.stringify(trustFileOf(signer)).replace('"required"', '"require"')
    const block = (as: CarriedAs, called: string, bytes: Uint8Array) =>
      `${carriedTag(as, called)}${encodeBase64(bytes)}</script>`
    const page = `<!doctype html>${block('envelope', 'envelope.json', sealed.bytes)}${block('trust', 'offered-trust.json', utf8(damaged))}`
    const files =
      name === 'run.html'
        ? [new File([page], name)]
        : [new File([sealed.bytes.slice()], 'a.json'), new File([damaged], name)]
    give(...files)
    await screen.findByRole('heading', { name: verdict })
    screen.getByText(/nothing of (it|them) is used$/)
    screen.getByText(name === 'run.html' ? 'run.html/offered-trust.json' : name)
  },
)

it('[U11] the verdict stands before the trust that came along, which is one where files have the same words, and what was left aside', async () => {
  answering(sealed)
  render(pageOver(NOTHING_KEPT))
  const parts = (count: number) =>
    Array.from({ length: count }, (_, nth) => new File(['a log'], `${nth}`.repeat(64)))
  const trust = (name: string) => new File([JSON.stringify(trustFileOf(signer))], name)
  const record = () => new File([sealed.bytes.slice()], 'a.json')
  give(record(), trust('one.json'), trust('two.json'), ...parts(4))
  const regions = async () =>
    await Promise.all(
      ['Verdict', 'Trust for this file', 'Not looked at', 'What is on record'].map((name) =>
        screen.findByRole('region', { name }),
      ),
    )
  const places = await regions()
  for (const [nth, place] of places.slice(1).entries())
    expect(places[nth]?.compareDocumentPosition(place)).toBe(Node.DOCUMENT_POSITION_FOLLOWING)
  const isOpen = () =>
    within(screen.getByRole('region', { name: 'Not looked at' }))
      .getByText('0'.repeat(64))
      .closest('details')?.open
  expect(isOpen()).toBe(false)

  const trustSaid = () => screen.getByRole('region', { name: 'Trust for this file' }).textContent
  expect(trustSaid()).toContain('The same stands in two.json.')
  fireEvent.click(screen.getByLabelText(/I compared these fingerprints/))
  await screen.findByRole('heading', { name: proven })
  // The same words once more are what was confirmed; few that are left aside are in sight.
  give(record(), trust('three.json'), ...parts(3))
  await vi.waitFor(() => expect(trustSaid()).toContain('stands in two.json, three.json.'))
  await screen.findByRole('heading', { name: proven })
  expect(isOpen()).toBe(true)
  fireEvent.click(screen.getByRole('button', { name: 'Take away one.json' }))
  expect(screen.queryByRole('region', { name: 'Trust for this file' })).toBe(null)
})

it('[U11] files of one name are told apart by which of them each is, and by its run', async () => {
  answering(sealed)
  render(pageOver({ ...NOTHING_KEPT, pinned: trustFileOf(signer) }))
  const file = (name: string) => new File([sealed.bytes.slice()], name)
  give(file('envelope.json'), file('envelope.json'), file('other.json'))
  const { run_id } = sealed.content
  await screen.findByRole('button', {
    name: new RegExp(`^envelope\\.json\\s*1 of 2, run ${run_id}`),
  })
  screen.getByRole('button', { name: /^other\.json\s*The record/ })
  fireEvent.click(screen.getByRole('button', { name: /^envelope\.json\s*2 of 2/ }))
  screen.getByRole('region', { name: `envelope.json, 2 of 2, run ${run_id}` })
})

describe('a key of the trust file beside it, that this server has called revoked', () => {
  const key = serverKeyOf(signer)
  const met = withSeen(NOTHING_KEPT, [key], '2026-11-12T09:30:00.000Z')
  const revoked: ServerKey = { ...key, status: 'revoked', last_seal_seq: 0 }
  const taken = withSeen(met, [revoked], '2026-11-27T09:30:00.000Z')
  const file = (name: string) => new File([sealed.bytes.slice()], name)

  it.each([
    ['one file', [file('run.json')]],
    ['several files', [file('one.json'), file('two.json')]],
  ])(
    '[U16] counts as the reader confirms it, and what the server called it stays said, of %s',
    async (_, files) => {
      answering(sealed)
      render(pageOver(taken))
      give(...files, new File([JSON.stringify(trustFileOf(signer))], 'offered-trust.json'))
      await screen.findAllByText('This file does not verify')
      // At the key itself, before the reader says that it is the server’s.
      const [atKey] = within(screen.getByRole('list', { name: 'Server keys' })).getAllByRole(
        'listitem',
      )
      expect(atKey?.textContent).toMatch(/this server first called this key revoked/)
      fireEvent.click(screen.getByLabelText(/I compared these fingerprints/))
      await screen.findAllByText(proven)
      const stays = screen.getAllByText(
        /On this server first called this key revoked \(it counts up to #0\); before, active\./,
      )
      // Beside the verdict, and at the key.
      expect(stays).toHaveLength(2)
      for (const one of stays)
        expect(one.textContent).toMatch(
          /You confirmed it here as active, and it counts as you confirmed it\./,
        )
    },
  )

  it('[U16] counts no further than this reader pinned it', () => {
    const confirmed = [{ file: trustFileOf(signer), source: 'pinned' }] as const
    const counts = (kept: Kept) => endingOf(kept, key.key_id, [], confirmed)?.counts
    expect(counts(taken)).toEqual({ as: key, by: 'confirmed' })
    expect(counts(withPinned(taken, key))).toEqual({ as: key, by: 'pinned' })
    expect(counts(withPinned(taken, revoked))).toBeNull()
    expect(endingOf(met, key.key_id, [], confirmed)).toBeNull()
  })
})

it('[W6] [W11] what does not keep what is required counts beside what is given after it, whatever comes first', async () => {
  const signer = await newSigner()
  const required = [requiring({ sign: 'session' })]
  const trust = [pinned(signer, { required })]
  const ids = { evidence_id: 'ev-1', run_id: 'run-1' }
  const run = startRun(signer, { steps: [planStep('build')] }, ids)
  run.step('build')
  const without = await verdictOf((await run.seal()).bytes, trust)
  const keeping = await verdictOf(
    (await approvedRun(signer, ids, { four_eyes: true }).seal()).bytes,
    trust,
  )
  expect([without.verdict, keeping.verdict]).toEqual(['does not verify', 'proven'])
  for (const verdict of [without, keeping]) {
    const chosen = [{ id: 1, path: 'a.json', file: new File([], 'a.json') }]
    givenFiles.setState({ ...NOTHING_GIVEN, chosen })
    noteMet([{ id: 1, verdict }])
    const { former } = takingPlaceOf(givenFiles.getState(), [])
    expect(former).toMatchObject([{ evidence_id: 'ev-1', server: signer.key_id }])
    expect(former[0]?.isFailing).toBe(verdict === without ? true : undefined)
  }
})
