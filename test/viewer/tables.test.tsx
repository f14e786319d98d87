import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, cleanup, render, screen, waitFor, within } from '@testing-library/react'
import { userEvent } from '@testing-library/user-event'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { memoryLocation } from 'wouter/memory-location'
import { Router } from 'wouter'
import type { Session, Status } from '#contract/api.ts'
import type { RunSummary } from '#contract/run.ts'
import type { Role } from '#contract/status.ts'
import { type StubbedTable, stubTable } from '#test/stubbed-tables.ts'
import { RunsPage } from '#viewer/operate/runs-page.tsx'
import { Clock, type ClockState } from '#viewer/parts/clock.tsx'
import { TablePage } from '#viewer/tables/table-page.tsx'
import { TablesPage } from '#viewer/tables/tables-page.tsx'

/* The screens over the real client; only the network is another. */

let table: StubbedTable
let role: Role
let refused: (url: URL) => Response | null
let asked: URL[]
let sent: { path: string; prefer: string | null; body: unknown }[]

beforeEach(() => {
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(1200)
  Element.prototype.scrollTo = () => undefined
  table = stubTable({ records: 500 })
  role = 'operator'
  refused = () => null
  asked = []
  sent = []
  vi.stubGlobal('fetch', async (url: URL, init: RequestInit) => {
    asked.push(url)
    const no = refused(url)
    if (no) return no
    if (url.pathname === '/api/session')
      return Response.json({
        actor: 'user:ann',
        role,
        secret: 's',
        expires_at: null,
      } satisfies Session)
    if (url.pathname === '/api/status') return Response.json(statusWith(table))
    if (url.pathname === '/api/materialize') {
      const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : null
      sent.push({ path: url.pathname, prefer: new Headers(init.headers).get('prefer'), body })
      return Response.json({ run_id: 'run_9' }, { status: 202 })
    }
    if (url.pathname === '/api/runs') return Response.json(RUNS)
    return Response.json(table.answer(url) ?? null)
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

const AT = '2026-11-12T09:30:00.000Z'
const summaryOf = (run_id: string, title: string): RunSummary => ({
  run_id,
  title,
  definition: 'materialize',
  kind: 'materialize',
  status: 'running',
  outcome: null,
  seal: 'open',
  actor: 'user:ann',
  reason: null,
  open_gates: 0,
  started_at: AT,
  finished_at: null,
  steps_done: 0,
  steps_total: 3,
  evidence_id: null,
})
const RUNS = { items: [summaryOf('run_2', 'Late'), summaryOf('run_1', 'First')], next_cursor: null }

function statusWith({ status: tables, waiting }: StubbedTable): Status {
  return {
    server: {
      version: '1',
      project: 'x',
      started_at: '2026-11-12T09:30:00.000Z',
      now: '2026-11-12T09:30:00.000Z',
      key_id: 'a'.repeat(64),
      isolation: 'none',
      reads: 'open',
      chaos: null,
    },
    stream: { position: 'a-1', subscribers: 1, yours: 1, frames: 1, dropped: 0, gaps: 0 },
    runs: { queued: 0, running: 0, needs_input: 0, succeeded: 0, failed: 0, aborted: 0 },
    seal_failed: 0,
    gates: { open: 0, oldest_opened_at: null },
    tables,
    waiting,
  }
}

function draw(path: string, clock: ClockState = { offsetMs: 0, stoppedAt: null }) {
  const location = memoryLocation({ path, record: true })
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } })
  render(
    <QueryClientProvider client={client}>
      <Router hook={location.hook} searchHook={location.searchHook}>
        <Clock state={clock}>
          {path === '/runs' ? (
            <RunsPage />
          ) : path.startsWith('/tables/') ? (
            <TablePage table="packages" />
          ) : (
            <TablesPage />
          )}
        </Clock>
      </Router>
    </QueryClientProvider>,
  )
  return { address: () => location.history.at(-1) ?? '', location }
}

const gridOf = () => screen.findByRole('grid', { name: 'Records of packages' })

describe('the tables', () => {
  it('[U25] are listed, each field with its counts and its cost', async () => {
    draw('/tables')
    const card = await screen.findByRole('listitem')
    expect(within(card).getByRole('link').getAttribute('href')).toBe('/tables/packages')
    await waitFor(() => expect(within(card).getAllByText('12.5')).toHaveLength(3))
    expect(within(card).getAllByTitle(/cells? failed/)).toHaveLength(3)
  })

  it('[U25] of a project that has none: how to define one', async () => {
    refused = ({ pathname }) =>
      pathname === '/api/tables' ? Response.json({ items: [], next_cursor: null }) : null
    draw('/tables')
    await screen.findByText('This project defines no table')
    expect(screen.queryByRole('button', { name: 'Derive all' })).toBe(null)
  })

  it('[U25] that cannot be had say why, and are asked for again', async () => {
    refused = ({ pathname }) =>
      pathname === '/api/tables' ? new Response('', { status: 502 }) : null
    draw('/tables')
    await screen.findByRole('alert')
    refused = () => null
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }))
    await screen.findByText('packages')
  })

  it('[U8] are derived by who may, and the button says why not', async () => {
    role = 'viewer'
    draw('/tables')
    const button = await screen.findByRole('button', { name: 'Derive all' })
    await waitFor(() => expect(screen.getByRole('tooltip').textContent).toContain('viewer'))
    await userEvent.click(button)
    expect(screen.queryByText('Redo fresh cells too')).toBe(null)
  })
})

describe('the grid of a table', () => {
  it('[U25] is a grid by its roles, and has as many rows as there are records', async () => {
    draw('/tables/packages')
    const grid = await gridOf()
    expect(grid.getAttribute('aria-rowcount')).toBe('501')
    expect(grid.getAttribute('aria-colcount')).toBe('7')
    await within(grid).findByText('record-000')
    expect(within(grid).getAllByRole('row').length).toBeLessThan(60)
    expect(within(grid).getAllByRole('row')[1]?.getAttribute('aria-rowindex')).toBe('2')
  })

  it('[U26] is walked by arrows: one place can be reached by Tab, Enter opens, Space chooses', async () => {
    const { address } = draw('/tables/packages')
    const grid = await gridOf()
    await within(grid).findByText('record-000')
    const places = () => grid.querySelectorAll<HTMLElement>('[tabindex="0"]')
    expect(places()).toHaveLength(1)
    places()[0]?.focus()
    await userEvent.keyboard('{ArrowDown}{ArrowRight}{ArrowRight}{ArrowRight}{ArrowRight}')
    expect(places()).toHaveLength(1)
    expect(document.activeElement).toBe(places()[0])
    expect(document.activeElement?.getAttribute('aria-colindex')).toBe('5')
    await userEvent.keyboard(' ')
    await screen.findByText('1 record chosen')
    await userEvent.keyboard('{Control>}{End}{/Control}')
    await waitFor(() =>
      expect(document.activeElement?.closest('[role=row]')?.getAttribute('aria-rowindex')).toBe(
        '501',
      ),
    )
    await within(grid).findByText('record-499')
    // The columns of the source stand behind those that are derived.
    await userEvent.keyboard('{ArrowLeft}{ArrowLeft}{Enter}')
    await waitFor(() => expect(address()).toContain('record=record-499&field=made_2'))
  })

  it('[U25] is filtered by state and text, in the address', async () => {
    const { address } = draw('/tables/packages')
    await gridOf()
    await userEvent.click(screen.getByRole('radio', { name: /^Failed/ }))
    await waitFor(() => expect(address()).toContain('state=failed'))
    await waitFor(() =>
      expect(asked.some(({ searchParams }) => searchParams.get('state') === 'failed')).toBe(true),
    )
    await userEvent.click(screen.getByRole('radio', { name: 'All' }))
    await userEvent.type(screen.getByRole('searchbox'), '477')
    await waitFor(() => expect(address()).toContain('q=477'))
    await waitFor(async () => expect((await gridOf()).getAttribute('aria-rowcount')).toBe('2'))
    await userEvent.type(screen.getByRole('searchbox'), 'x')
    await screen.findByText('No record fits')
    await userEvent.click(screen.getByRole('button', { name: 'Show all records' }))
    await waitFor(async () => expect((await gridOf()).getAttribute('aria-rowcount')).toBe('501'))
  })

  it('[U25] keeps its filter while the reader goes from cell to cell, and its box says what filters it', async () => {
    const { location } = draw('/tables/packages?q=00&state=fresh&record=record-006&field=made_0')
    const cell = await screen.findByRole('region', { name: 'Cell' })
    await userEvent.click(await within(cell).findByRole('button', { name: 'As a table' }))
    const link = await within(cell).findByRole('link', { name: /made_1 of record-006/ })
    expect(link.getAttribute('href')).toBe(
      '/tables/packages?q=00&state=fresh&record=record-006&field=made_1',
    )
    const box = screen.getByRole('searchbox')
    expect(box).toHaveProperty('value', '00')
    // As Back does.
    act(() => location.navigate('/tables/packages?q=47'))
    expect(box).toHaveProperty('value', '47')
    act(() => location.navigate('/tables/packages'))
    expect(box).toHaveProperty('value', '')
  })

  it('[U26] has what was opened in it closed by Back, and nothing else', async () => {
    const { location } = draw('/tables/packages?q=00')
    const grid = await gridOf()
    await userEvent.click(await within(grid).findByText('made_0 6'))
    expect(location.history).toHaveLength(2)
    await userEvent.click(within(grid).getByText('made_1 6'))
    expect(location.history).toHaveLength(2)
    expect(location.history).toEqual([
      '/tables/packages?q=00',
      '/tables/packages?q=00&record=record-006&field=made_1',
    ])
  })

  it('[U25] has the states in sight: derived fields first, and a stroke by the key where not all is fresh', async () => {
    // Room for them all.
    vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(1600)
    table = stubTable({ records: 500, derived: 5 })
    draw('/tables/packages')
    const grid = await gridOf()
    await within(grid).findByText('record-000')
    const heads = within(grid).getAllByRole('columnheader')
    expect(heads.map(({ textContent }) => textContent)).toEqual([
      'Chosen',
      'namekey',
      ...[0, 1, 2, 3, 4].map((nth) => `Derivemade_${nth}cost 12.5`),
      'versiontext',
      'ownerprivate',
    ])
    expect(heads[7]?.querySelector('[title="version, text"]')).not.toBe(null)
    const keyOf = (id: string) => within(grid).getByText(id).closest('[role=gridcell]')
    expect(keyOf('record-000')?.querySelector('[title="4 fresh, 1 failed"]')).not.toBe(null)
    expect(keyOf('record-004')?.querySelector('[title*="fresh"]')).toBe(null)
  })

  it('[MT17] [U25] says of a run that waits for it which run has it, in the lists too', async () => {
    table.waiting = [{ run_id: 'run_2', table: 'packages', held_by: 'run_1' }]
    draw('/tables/packages')
    const words = await screen.findByText(/waits for the table/)
    expect(
      within(words)
        .getAllByRole('link')
        .map((link) => link.getAttribute('href')),
    ).toEqual(['/runs/run_2', '/tables/packages', '/runs/run_1'])
    cleanup()
    draw('/tables')
    await screen.findByText(/waits for the table/)
    cleanup()
    draw('/runs')
    const row = (await screen.findByText('Late')).closest('li')
    await waitFor(() =>
      expect(row?.textContent).toContain('waits for the table packages until run_1 is done'),
    )
    const [held] = screen.getAllByRole('listitem').filter((one) => one !== row)
    expect(held?.textContent).not.toContain('waits')
  })

  it('[U3] says nothing of what is left while the server is not heard, and moves nothing', async () => {
    const running = {
      run_id: 'run_1',
      done: 50,
      total: 200,
      started_at: '2026-11-12T09:30:00.000Z',
      cells_per_second: 23,
      left_ms: 8000,
    }
    table.status = table.status.map((one, nth) => (nth === 0 ? { ...one, running } : one))
    draw('/tables/packages')
    await screen.findByText(/50 of 200 cells, 23 a second, about 8 s left/)
    cleanup()
    draw('/tables/packages', { offsetMs: 0, stoppedAt: Date.now() - 7000 })
    expect((await screen.findByText(/50 of 200 cells/)).textContent).toBe('made_0: 50 of 200 cells')
    screen.getAllByText(/^as of \d+ s ago$/)
    await gridOf()
    refused = ({ pathname }) => {
      if (pathname.endsWith('/records')) throw new TypeError('Failed to fetch')
      return null
    }
    await screen.findByText(/as of .*: the server cannot be reached/)
    expect(screen.queryByText(/GET|Failed to fetch/)).toBe(null)
    await gridOf()
  })

  it('[U25] of a source that never could be read says so, and nothing of records of before', async () => {
    table = stubTable({ records: 0 })
    table.table.read_at = null
    table.table.fault = 'packages.csv:3: the key is there twice'
    draw('/tables/packages')
    await screen.findByText(/It never was, so that there are no records/)
    await waitFor(() =>
      expect(asked.some(({ pathname }) => pathname.endsWith('/records'))).toBe(true),
    )
    expect(screen.queryByRole('radio', { name: /^Failed/ })).toBe(null)
    expect(screen.queryByText('No record')).toBe(null)
    cleanup()
    draw('/tables')
    await screen.findByText(/could not be read, and never was/)
    expect(screen.queryByText(/of before|not read yet/)).toBe(null)
  })

  it('[U1] shows hostile values as text, and megabytes in a bounded page', async () => {
    const hostile = '<img src=x onerror=alert(1)>\u202Egnp\0'
    table = stubTable({
      records: 60,
      valueAt: (index) => (index % 2 === 0 ? hostile : { deep: 'x'.repeat(50_000) }),
    })
    draw('/tables/packages')
    const grid = await gridOf()
    await within(grid).findByText('record-00')
    expect(grid.querySelectorAll('img, script, a')).toHaveLength(0)
    expect(grid.textContent).toContain('U+202E')
    expect(grid.textContent).not.toMatch(/[\p{Cc}\u202E]/u)
    expect(document.body.textContent.length).toBeLessThan(60_000)
  })

  it('[U27] derives the chosen records after it has said what that would do', async () => {
    draw('/tables/packages')
    const grid = await gridOf()
    await userEvent.click(await within(grid).findByRole('checkbox', { name: 'Choose record-003' }))
    await userEvent.click(screen.getByRole('button', { name: 'Derive these' }))
    const dialog = screen.getByRole('dialog', { hidden: true })
    await within(dialog).findByText(/cost roughly 1.25/)
    await userEvent.click(within(dialog).getByLabelText('Redo fresh cells too'))
    await userEvent.click(await within(dialog).findByText(/^Derive \d/))
    await waitFor(() =>
      expect(sent).toEqual([
        {
          path: '/api/materialize',
          prefer: 'respond-async',
          body: { targets: ['packages'], record_ids: ['record-003'], force: true },
        },
      ]),
    )
  })
})

describe('a cell', () => {
  it('[U21] says what made it, and that nothing here has verified it', async () => {
    draw('/tables/packages?record=record-006&field=made_0')
    const cell = await screen.findByRole('region', { name: 'Cell' })
    await within(cell).findByText('made_0 6')
    within(cell).getByText(/Its run is not sealed yet/)
    expect(within(cell).getByRole('region', { name: 'The value' }).tabIndex).toBe(0)
    within(cell).getByText('This very value has the digest that the server names.')
    expect(cell.querySelectorAll('[data-told=recorded]').length).toBeGreaterThan(4)
    expect(cell.querySelector('[data-told=verified]')).toBe(null)
    await within(cell).findByText('packages.version of record-006')
  })

  it('[U21] that is another value than its digest says is told so', async () => {
    const answer = table.answer
    table.answer = (url) => {
      const page: unknown = JSON.parse(JSON.stringify(answer(url) ?? null))
      return url.pathname === '/api/provenance'
        ? JSON.parse(JSON.stringify(page).replace('"value":"made_0 6"', '"value":"made_0 7"'))
        : page
    }
    draw('/tables/packages?record=record-006&field=made_0')
    await screen.findByText('This is not the value whose digest the server names.')
  })

  it('[U27] that failed says why and can be tried again; Esc closes it', async () => {
    const { address } = draw('/tables/packages?record=record-007&field=made_0')
    const cell = await screen.findByRole('region', { name: 'Cell' })
    // Once in its words; as a fact by where that is from.
    await waitFor(() =>
      expect(within(cell).getAllByText('no answer for record-007')).toHaveLength(2),
    )
    within(cell).getByText('as above')
    await userEvent.click(await within(cell).findByRole('button', { name: 'Try again' }))
    const dialog = await screen.findByRole('dialog')
    await within(dialog).findByText(/made_0 of record-007/)
    await userEvent.click(within(dialog).getByRole('button', { name: 'Cancel' }))
    await userEvent.keyboard('{Escape}')
    await waitFor(() => expect(address()).not.toContain('record='))
  })
})
