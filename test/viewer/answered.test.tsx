import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, fireEvent, render, screen } from '@testing-library/react'
import type { ComponentType } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stubTable } from '#test/stubbed-tables.ts'
import { GateAnswer } from '#viewer/approve/gate-answer.tsx'
import { GatesPage } from '#viewer/approve/gates-page.tsx'
import { RunsPage } from '#viewer/operate/runs-page.tsx'
import { ReferencePage } from '#viewer/reference-page.tsx'
import { envelopesQuery, keptQuery, memoryQuery } from '#viewer/queries.ts'
import { EnvelopesPage } from '#viewer/review/envelopes-page.tsx'
import { TablePage } from '#viewer/tables/table-page.tsx'
import { TablesPage } from '#viewer/tables/tables-page.tsx'
import { memoryIn, NOTHING_KEPT, withUnlike } from '#viewer/trust-store.ts'

/* Every page that asks for one thing, while the server is away and comes back. */

const NONE = { items: [], next_cursor: null }
const stub = stubTable({ records: 0 })
const OF_TABLES = stub.answer(new URL('http://localhost/api/tables'))

let asked: PromiseWithResolvers<Response>[]
let about: string

beforeEach(() => {
  asked = []
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.stubGlobal('fetch', (url: URL) => {
    if (url.pathname !== about) return Promise.resolve(Response.json({}, { status: 500 }))
    const answer = Promise.withResolvers<Response>()
    asked.push(answer)
    return answer.promise
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const NO_TABLE = () => <TablePage table="none" />
const GATE = () => <GateAnswer gate_id="gate_1" />
const API = { openapi: '3.1.0', info: { title: 'Runseal', version: '1' }, paths: {} }

describe('[U9] while the server is away', () => {
  it.each([
    ['runs', '/api/runs', RunsPage, NONE, /No run yet/],
    ['gates', '/api/gates', GatesPage, NONE, /Nothing waits for a person/],
    ['evidence', '/api/envelopes', EnvelopesPage, NONE, /No sealed record yet/],
    ['tables', '/api/tables', TablesPage, OF_TABLES, /0 records/],
  ])('%s', async (_, path, Page, answer, there) => {
    const client = await askedAgain(path, Page)
    await act(async () => asked[1]?.resolve(Response.json(answer)))
    await screen.findByText(there)
    expect(screen.queryByText(/^as of/)).toBeNull()
    // What was answered stands too, with how old it is.
    await act(async () => void client.refetchQueries({ type: 'active' }))
    await act(async () => asked[2]?.reject(new TypeError('no connection')))
    await screen.findByText(/^as of .*: the server cannot be reached/)
    screen.getByText(there)
    await act(async () => void client.refetchQueries({ type: 'active' }))
    screen.getByText(/^as of .*: the server cannot be reached/)
    await act(async () => asked[3]?.resolve(Response.json(answer)))
    await vi.waitFor(() => expect(screen.queryByText(/^as of/)).toBeNull())
  })

  it.each([
    ['the API', '/api/openapi.json', ReferencePage, API, /answers JSON/],
    ['no table', '/api/tables', NO_TABLE, OF_TABLES, /No such table/],
    ['no gate', '/api/gates/gate_1', GATE, null, /No such gate/],
  ])('%s', async (_, path, Page, answer, there) => {
    await askedAgain(path, Page)
    const problem = { type: 'about:blank', title: 'Not found', status: 404, code: 'not_found' }
    await act(async () =>
      asked[1]?.resolve(Response.json(answer ?? problem, { status: answer === null ? 404 : 200 })),
    )
    await screen.findByText(there)
  })
})

function renderEnvelopes(client: QueryClient): void {
  render(
    <QueryClientProvider client={client}>
      <EnvelopesPage />
    </QueryClientProvider>,
  )
}

it('[U12] that history has changed is said also while the server does not answer', async () => {
  about = '/api/envelopes'
  const head = { server: 'a'.repeat(64), evidence_id: 'ev-8', head: 'b'.repeat(64), seal_seq: 8 }
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const kept = { ...NOTHING_KEPT, heads: [{ ...head, decisions: [] }] }
  client.setQueryData(memoryQuery.queryKey, { kept, met: [] })
  renderEnvelopes(client)
  await act(async () => asked[0]?.resolve(Response.json(NONE)))
  await screen.findByText(/history has changed underneath you/)
  await act(async () => void client.refetchQueries({ type: 'active' }))
  await act(async () => asked[1]?.resolve(Response.json({}, { status: 500 })))
  await screen.findByText(/^as of .*/)
  screen.getByText(/history has changed underneath you/)
})

it('[U12] that history has changed is said also after a reload that the server does not answer', async () => {
  about = '/api/envelopes'
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const said = 'Number 8 is another record than this browser has seen here.'
  const kept = withUnlike(NOTHING_KEPT, said, '2026-11-27T08:00:00.000Z')
  client.setQueryData(keptQuery.queryKey, kept)
  client.setQueryData(memoryQuery.queryKey, { kept, met: [] })
  renderEnvelopes(client)
  await act(async () => asked[0]?.resolve(Response.json({}, { status: 500 })))
  await screen.findByText(/history has changed underneath you/)
  screen.getByText(/Number 8 is another record/)
})

it('[U12] what was verified here after the list came is not missing in it', async () => {
  about = '/api/envelopes'
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const head = { server: 'a'.repeat(64), evidence_id: 'ev-8', head: 'b'.repeat(64), seal_seq: 8 }
  client.setQueryData(memoryQuery.queryKey, { kept: NOTHING_KEPT, met: [] })
  renderEnvelopes(client)
  await act(async () => asked[0]?.resolve(Response.json(NONE)))
  await screen.findByText(/No sealed record yet/)
  client.setQueryData(memoryQuery.queryKey, { kept: NOTHING_KEPT, met: [head] })
  const again = async (nth: number, answer: Response) => {
    await act(async () => void client.refetchQueries({ queryKey: envelopesQuery.queryKey }))
    await act(async () => asked[nth]?.resolve(answer))
  }
  await again(1, Response.json({}, { status: 500 }))
  await screen.findByText(/^as of .*/)
  expect(screen.queryByText(/history has changed/)).toBe(null)
  await again(2, Response.json(NONE))
  await screen.findByText(/history has changed underneath you/)
})

it('[U36] that what was walked before cannot be read is said where it is missed, and what was opened counts', async () => {
  about = '/api/envelopes'
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  const head = { server: 'a'.repeat(64), evidence_id: 'ev-8', head: 'b'.repeat(64), seal_seq: 8 }
  const kept = { ...NOTHING_KEPT, heads: [{ ...head, decisions: [] }] }
  expect(memoryIn(kept, undefined)).toEqual({ kept, met: [] })
  expect(memoryIn(kept, [head])).toEqual({ kept, met: [head] })
  const memory = memoryIn(kept, [head, { odd: 1 }])
  expect(memory).toMatchObject({ kept, met: [] })
  expect(memory.unread).toContain('nothing that this page has written')
  client.setQueryData(memoryQuery.queryKey, memory)
  renderEnvelopes(client)
  await act(async () => asked[0]?.resolve(Response.json(NONE)))
  await screen.findByText(/history has changed underneath you/)
  screen.getByText('What this browser walked here before cannot be read')
  screen.getByRole('link', { name: 'Save it, or begin anew' })
})

it('[U9] that older records could not be had is said at their button, and not of those that are here', async () => {
  about = '/api/envelopes'
  const record = {
    evidence_id: 'ev-8',
    run_id: 'run-8',
    definition: 'release',
    outcome: 'succeeded',
    seal_seq: 8,
    head: 'b'.repeat(64),
    sha256: 'c'.repeat(64),
    bytes: 1,
    sealed_at: '2026-11-27T08:00:00.000Z',
  }
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  renderEnvelopes(client)
  await act(async () => asked[0]?.resolve(Response.json({ items: [record], next_cursor: 'more' })))
  const more = await screen.findByRole('button', { name: 'Show older records' })
  more.focus()
  for (const nth of [1, 2]) {
    await act(async () => fireEvent.click(more))
    await act(async () => asked[nth]?.resolve(Response.json({}, { status: 500 })))
    await screen.findByText(/GET \/api\/envelopes answered 500/)
    expect(screen.queryByText(/^as of/)).toBeNull()
    expect(document.activeElement).toBe(more)
    expect(more.textContent).toBe('Ask for older records again')
  }
  await act(async () => fireEvent.click(more))
  screen.getByText(/GET \/api\/envelopes answered 500/)
  await act(async () =>
    asked[3]?.resolve(
      Response.json({
        items: [{ ...record, evidence_id: 'ev-7', seal_seq: 7 }],
        next_cursor: null,
      }),
    ),
  )
  await screen.findByText('ev-7')
  expect(screen.queryByText(/answered 500/)).toBeNull()
})

/** Opened, told that there is no connection, and asked again: what is said of it stands, and the focus. */
async function askedAgain(path: string, Page: ComponentType): Promise<QueryClient> {
  about = path
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  render(
    <QueryClientProvider client={client}>
      <Page />
    </QueryClientProvider>,
  )
  screen.getByLabelText(/Loading/)
  await act(async () => asked[0]?.reject(new TypeError('no connection')))
  const again = await screen.findByRole('button', { name: 'Try again' })
  again.focus()
  await act(async () => fireEvent.click(again))
  expect(asked).toHaveLength(2)
  expect(document.activeElement).toBe(again)
  expect(screen.queryByLabelText(/Loading/)).toBeNull()
  return client
}
