import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { launchChromium } from '#test/chromium.ts'
import { stubTable } from '#test/stubbed-tables.ts'
import { percentile, report, rounded, type Row } from './report.ts'
import { serveProject } from './served.ts'

const PROJECT = `
runs:
  bench:
    steps: [{ id: only, argv: ['true'] }]
`
const SIZES = [
  { records: 100_000, derived: 10 },
  { records: 1_000_000, derived: 1 },
]
const SECONDS = 5

it('scrolls a grid of a million cells', async () => {
  const companion = await serveProject(PROJECT)
  const browser = await launchChromium()
  const rows: Row[] = []
  for (const size of SIZES) {
    const table = stubTable(size)
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.route(/\/api\/(tables|provenance)/, (route) =>
      route.fulfill({ json: table.answer(new URL(route.request().url())) }),
    )
    await page.goto(`${companion.url}/tables/packages`)
    const grid = page.getByRole('grid')
    await grid.getByText(table.idAt(0)).first().waitFor()
    await grid.hover()
    const still = await frames(page, async () => await page.waitForTimeout(1000))
    const rolled = await frames(page, async () => {
      for (let event = 0; event < (SECONDS * 1000) / 30; event += 1) {
        await page.mouse.wheel(0, 240)
        await page.waitForTimeout(30)
      }
    })
    const dragged = await frames(page, () => page.evaluate(dragTo, SECONDS * 1000))
    await grid
      .getByText(table.idAt(size.records - 1))
      .first()
      .waitFor()
    for (const [how, times] of [
      ['at rest', still],
      ['rolled', rolled],
      ['dragged', dragged],
    ] as const)
      rows.push({
        'records × derived': `${size.records.toLocaleString('en')} × ${size.derived}`,
        how,
        frames: times.length,
        'p50 ms': rounded(percentile(times, 0.5)),
        'p95 ms': rounded(percentile(times, 0.95)),
        'p99 ms': rounded(percentile(times, 0.99)),
        'longest ms': rounded(Math.max(...times)),
      })
    expect(times(rows)).toBeGreaterThan(0)
    await page.close()
  }
  report(
    'Time from frame to frame while a grid of a million cells is scrolled, its records answered at once',
    rows,
    rows
      .filter(({ how }) => how !== 'at rest')
      .map((row) => ({
        what: `p95 frame, ${String(row['records × derived'])}, ${String(row['how'])}`,
        found: Number(row['p95 ms']),
        below: 17,
        unit: 'ms',
      })),
    browser.version(),
  )
  await browser.close()
  await companion.end()
})

const times = (rows: readonly Row[]): number =>
  rows.reduce((sum, { frames: count }) => sum + Number(count), 0)

/** Milliseconds between the frames that were drawn while something was done. */
async function frames(page: Page, act: () => Promise<unknown>): Promise<number[]> {
  await page.evaluate(() => {
    const drawn: number[] = []
    Reflect.set(window, 'drawn', drawn)
    const next = (at: number) => {
      drawn.push(at)
      if (Reflect.get(window, 'drawn') === drawn) requestAnimationFrame(next)
    }
    requestAnimationFrame(next)
  })
  await act()
  const drawn = await page.evaluate(() => {
    const all: unknown = Reflect.get(window, 'drawn')
    Reflect.set(window, 'drawn', null)
    return Array.isArray(all) ? all.map(Number) : []
  })
  return drawn.slice(1).map((at, index) => at - (drawn[index] ?? at))
}

/** Moves the scroll bar from the top to the bottom in so many milliseconds. Runs in the page. */
function dragTo(lastingMs: number): Promise<void> {
  const box = document.querySelector('[role=grid]')
  return new Promise((resolve) => {
    const began = performance.now()
    const move = () => {
      const part = Math.min(1, (performance.now() - began) / lastingMs)
      if (box) box.scrollTop = part * (box.scrollHeight - box.clientHeight)
      if (part < 1) requestAnimationFrame(move)
      else resolve()
    }
    requestAnimationFrame(move)
  })
}
