import { fireEvent, render, screen } from '@testing-library/react'
import { beforeEach, expect, it, vi } from 'vitest'
import { LogPane } from '#viewer/operate/log-pane.tsx'

// jsdom lays nothing out; a list without a height draws no row.
beforeEach(() => {
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(600)
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(800)
})

/** A log that has ended, served by range. `wasRead`: from its beginning to its end. */
function logOf(log: Uint8Array<ArrayBuffer>): { wasRead: () => boolean } {
  let begun = false
  let ended = false
  vi.stubGlobal('fetch', async (url: URL) => {
    const given = Number(url.searchParams.get('offset'))
    const limit = Number(url.searchParams.get('limit'))
    const from = given < 0 ? Math.max(0, log.length + given) : given
    if (url.pathname.endsWith('/index'))
      return Response.json({
        items: [{ offset: 0, at: '2026-11-12T09:30:00.000Z', pipe: 'stdout' }],
        next_offset: null,
      })
    const headers = {
      'content-type': 'application/octet-stream',
      'log-offset': String(from),
      'log-bytes': String(log.length),
      'log-ended': 'true',
      'log-truncated': 'false',
    }
    if (from === 0) begun = true
    if (begun && from + limit >= log.length) ended = true
    return new Response(log.slice(from, from + limit), { headers })
  })
  return { wasRead: () => ended }
}

function draw() {
  return render(
    <LogPane
      address={{ run_id: 'r', step_id: 's', attempt: 1 }}
      attempts={[]}
      state={{ label: 'Succeeded', tone: 'good' }}
      choose={() => {}}
    />,
  )
}

const ESC = '\u001B'

it.each([
  ['of one letter', 'x'.repeat(10_000_000)],
  ['of colours', `${ESC}[31mx${ESC}[32my`.repeat(200_000)],
  ['of controls', '\u202E\0'.repeat(1_000_000)],
  ['of nothing but colours', `${ESC}[31m`.repeat(400_000)],
  ['of a million short lines', 'x\n'.repeat(1_000_000)],
])('[U1] [U6] megabytes %s are drawn in a bounded page', { timeout: 120_000 }, async (_, text) => {
  const { wasRead } = logOf(new TextEncoder().encode(text))
  const { container } = draw()
  fireEvent.click(await screen.findByText('Load from the beginning'))
  await vi.waitUntil(wasRead, { timeout: 100_000 })
  await vi.waitUntil(() => container.textContent.includes('MiB'), { timeout: 100_000 })
  await vi.waitUntil(() => container.querySelector('.whitespace-pre') !== null)
  expect(container.querySelectorAll('*').length).toBeLessThan(10_000)
  expect(container.textContent.length).toBeLessThan(100_000)
})

it('[U6] says of a log of which only the end is loaded how much that is, and of a whole one how much it is', async () => {
  logOf(new TextEncoder().encode('x'.repeat(99).concat('\n').repeat(20_000)))
  draw()
  await screen.findByText(/^5,\d{3} lines loaded, 512.0 KiB of 1.9 MiB$/)
  fireEvent.click(screen.getByText('Load from the beginning'))
  await screen.findByText(/^20,000 lines, 1.9 MiB$/)
})

it.each([
  ['one piece', 'x'.repeat(5_000)],
  ['many colours', `${ESC}[31mx${ESC}[32my`.repeat(2_500)],
])('[U1] a line that is cut says so, of %s too', async (_, text) => {
  logOf(new TextEncoder().encode(`${text}\nshort\n`))
  const { container } = draw()
  await screen.findByText('… 1,000 more characters')
  expect(container.querySelector('.whitespace-pre')?.textContent).toHaveLength(
    4_000 + '… 1,000 more characters'.length,
  )
})

it('[U1] [U6] nothing in a log acts: no link, no cursor, no clipboard, no markup', async () => {
  const hostile = [
    `${ESC}]8;;https://evil.example${ESC}\\click${ESC}]8;;${ESC}\\`,
    `${ESC}]52;c;cm0gLXJm\u0007`,
    `good${ESC}[1A${ESC}[2Kbad`,
    `${ESC}P+q544e${ESC}\\`,
    '\u009B2J',
    '<img src=x onerror=alert(1)><a href=javascript:alert(1)>x</a>',
    'a\rb\u202Ec\0',
  ].join('\n')
  logOf(
    new Uint8Array([...new TextEncoder().encode(hostile), 10, 0xff, 0xc0, 0xed, 0xa0, 0x80, 10]),
  )
  const { container } = draw()
  await vi.waitUntil(() => container.querySelector('.whitespace-pre') !== null)
  expect(container.querySelectorAll('a, img, script, iframe')).toHaveLength(0)
  expect(container.textContent).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/u)
  expect(container.textContent).toContain('U+001B]8;;https://evil.exampleU+001B\\click')
  expect(container.textContent).toContain('aU+000DbU+202EcU+0000')
  expect(container.textContent).toContain('\uFFFD')
})
