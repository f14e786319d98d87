import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { render, screen, within } from '@testing-library/react'
import type { ReactNode } from 'react'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { HeldEnvelope } from '#evidence/place.ts'
import { heldOf } from '#evidence/standing.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { newSigner, pinned, planStep, type Sealed, startRun } from '#test/evidence/fixture.ts'
import { keptQuery, memoryQuery } from '#viewer/queries.ts'
import { verdictQuery } from '#viewer/record-queries.ts'
import { ChainPage } from '#viewer/review/chain-page.tsx'
import { EnvelopePage } from '#viewer/review/envelope-page.tsx'
import { recordUnlike } from '#viewer/review/unlike-seen.ts'
import { begunAnew, type Memory, NOTHING_KEPT, withUnlike, withWalk } from '#viewer/trust-store.ts'
import { verdictOf } from './verdict-of.ts'

/* What this browser found of a server's history, on the pages that do not look at it by themselves. */

let signer: Awaited<ReturnType<typeof newSigner>>
let sealed: Sealed
let held: HeldEnvelope

beforeAll(async () => {
  signer = await newSigner()
  sealed = await sealedAs('run-1')
  held = heldOf(sealed.envelope)
})
beforeEach(() => {
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.stubGlobal('fetch', (url: URL) =>
    Promise.resolve(
      url.pathname === '/api/envelopes/ev-1'
        ? Response.json(GONE, { status: 404 })
        : Response.json({}, { status: 500 }),
    ),
  )
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const GONE = { type: 'about:blank', title: 'Not found', status: 404, code: 'not_found' }
const NOW = '2026-11-27T08:00:00.000Z'
const NOTHING: Memory = { kept: NOTHING_KEPT, met: [] }
const SAID = 'ev-3, number 3, was here before and is not here now.'
const BROKEN = { at: NOW, placed: [], wrong: SAID, is_part: false }

async function sealedAs(run_id: string, seal_seq = 1): Promise<Sealed> {
  const run = startRun(signer, { steps: [planStep('build')] }, { run_id, evidence_id: 'ev-1' })
  run.step('build')
  const previous = seal_seq === 1 ? null : { evidence_id: 'ev-0', head: '0'.repeat(64) }
  return await run.seal({ seal_seq, previous })
}

const RECORD = () => <EnvelopePage evidence_id="ev-1" renderStream={() => null} />

/** The page, of a browser that has this in memory, and for the record the verdict that it has of it. */
async function show(Shown: () => ReactNode, memory: Memory, isHere = true): Promise<void> {
  const client = new QueryClient({
    defaultOptions: { queries: { retry: false, staleTime: Infinity } },
  })
  client.setQueryData(keptQuery.queryKey, memory.kept)
  client.setQueryData(memoryQuery.queryKey, memory)
  if (isHere)
    client.setQueryData(verdictQuery('ev-1', null).queryKey, {
      ...(await verdictOf(sealed.bytes, [pinned(signer)])),
      walk: null,
    })
  render(
    <QueryClientProvider client={client}>
      <Shown />
    </QueryClientProvider>,
  )
}

const verdict = () =>
  screen.findByRole('heading', {
    name: 'The record is proven to be whole and sealed by a key you trust',
  })
const CHANGED = 'This server’s history has changed underneath you'
const NOT_WHOLE = 'This server’s chain was not whole when this browser last walked it'
const warned = async (title: string) => {
  const alert = within(await screen.findByRole('alert'))
  alert.getByText(title)
  return alert
}

it.each([
  ['a walk', withWalk(NOTHING, BROKEN), NOT_WHOLE],
  ['the list', { ...NOTHING, kept: withUnlike(NOTHING_KEPT, SAID, NOW) }, CHANGED],
])('[U12] what %s found is said above the verdict of a record', async (_, memory, title) => {
  await show(RECORD, memory)
  const heading = await verdict()
  const alert = await warned(title)
  alert.getByText(SAID)
  expect(alert.getByRole('link').getAttribute('href')).toBe('/evidence/chain')
  const place = screen.getByText(title).compareDocumentPosition(heading)
  expect(place & Node.DOCUMENT_POSITION_FOLLOWING).not.toBe(0)
})

it('[U12] says nothing of a history that is as it was, or that the reader has answered', async () => {
  const answered = begunAnew(withWalk(NOTHING, BROKEN), BROKEN, () => true)
  await show(RECORD, { ...answered, met: [held] })
  await verdict()
  expect(screen.queryByRole('alert')).toBe(null)
})

it('[U12] the chain page says loud what the last walk found', async () => {
  await show(ChainPage, withWalk(NOTHING, BROKEN))
  const alert = await warned(NOT_WHOLE)
  alert.getByText(SAID)
  expect(alert.queryByRole('link')).toBe(null)
})

it('[U12] a record that is not there any more is told by its own page', async () => {
  await show(RECORD, { ...NOTHING, met: [held] }, false)
  const alert = await warned(CHANGED)
  alert.getByText(
    'This browser has verified ev-1 here as number 1, and the server does not have it now.',
  )
  screen.getByText(/This server keeps no envelope/)
  expect(screen.queryByText(/may not be sealed yet/)).toBe(null)
})

it('[U12] a record that is another than was seen is told by itself', async () => {
  const other = await sealedAs('run-2')
  const stranger = await newSigner(77)
  const [seen, proven] = [[held], await verdictOf(sealed.bytes, [pinned(signer)])]
  expect(recordUnlike('ev-1', proven, seen)).toBe(null)
  expect(recordUnlike('ev-1', proven, [])).toBe(null)
  expect(recordUnlike('ev-1', null, [])).toBe(null)
  // Whose it is cannot be checked, so that its place accuses nobody: it is another one all the same.
  const open = await verdictOf(other.bytes, [pinned(stranger)])
  expect(open.verdict).toBe('not proven')
  expect(recordUnlike('ev-1', open, seen)).toBe(
    'This browser has verified ev-1 here as number 1, and it is another record now.',
  )
  // What this reader requires by now is no other history.
  const required = [{ name: 'release', sha256: 'f'.repeat(64), gates: [] }]
  const unkept = await verdictOf(sealed.bytes, [pinned(signer, { required })])
  expect(unkept.verdict).toBe('does not verify')
  expect(recordUnlike('ev-1', unkept, seen)).toBe(null)
  const cut = await verdictOf(sealed.bytes.slice(9), [pinned(signer)])
  expect(recordUnlike('ev-1', cut, seen)).toMatch(/under this id now does not verify\.$/)
  // Another id in its place.
  const before = { ...held, evidence_id: 'ev-2', head: '2'.repeat(64), run_id: 'run-2' }
  const { claims } = await verifyEnvelope(sealed.bytes, {
    trust: [pinned(signer)],
    previous: [before],
  })
  expect(recordUnlike('ev-1', { ...proven, claims }, [before])).toBe(
    'ev-1: You hold another envelope in this place: the server sealed two.',
  )
})
