import { expect, it } from 'vitest'
import { launchChromium } from '#test/chromium.ts'
import { startFlood } from '#test/e2e/flood.ts'
import { runPage } from '#test/e2e/scene.ts'
import { percentile, report, rounded } from './report.ts'

const STEPS = 10_000
const FRAMES_PER_SECOND = 10_000

it('keeps a page quick while ten thousand frames a second are offered', async () => {
  const flood = await startFlood(STEPS)
  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.goto(`${flood.url}/runs/${flood.run_id}`)
  await page.getByRole('banner').getByRole('status').getByText('Live').waitFor()
  await runPage(page).steps.getByText('step-0', { exact: true }).waitFor()
  await page.evaluate(watchTheThread)
  const began = performance.now()
  const { frames } = await flood.pour(FRAMES_PER_SECOND)
  const pouredMs = performance.now() - began
  await runPage(page).stands.getByText('Failed').waitFor()
  await page
    .getByText(`${(4 * STEPS + 2).toLocaleString('en')} facts`)
    .waitFor({ timeout: 120_000 })
  const settledMs = performance.now() - began - pouredMs
  await page.getByText(/^No contradiction in/).waitFor()
  const [received, , gaps] = await page.locator('#stream dd').allTextContents()
  expect(received).toBeDefined()
  const { blocked, pictures } = await page.evaluate<Watched>('watched')
  const longest = Math.max(0, ...blocked.map(({ ms }) => ms))
  report(
    `${frames.toLocaleString('en')} frames on a run page of ${STEPS.toLocaleString('en')} steps`,
    [
      {
        'poured s': rounded(pouredMs / 1000),
        'settled after s': rounded(settledMs / 1000),
        'frames/s': Math.round(frames / (pouredMs / 1000)),
        'taken by the page': received ?? '',
        gaps: gaps ?? '',
        'tasks above 50 ms': blocked.length,
        'longest task ms': rounded(longest),
        'at s': blocked
          .toSorted((a, b) => b.ms - a.ms)
          .slice(0, 3)
          .map(({ atMs }) => rounded(atMs / 1000))
          .join(', '),
        pictures: pictures.length,
        'between pictures p50 ms': rounded(percentile(pictures, 0.5)),
        'p99 ms': rounded(percentile(pictures, 0.99)),
      },
    ],
    [{ what: 'longest task of the main thread', found: rounded(longest), below: 50, unit: 'ms' }],
    browser.version(),
  )
  await browser.close()
  await flood.end()
})

/** `atMs`: since the watch began, which is just before the flood. */
type Watched = { blocked: { ms: number; atMs: number }[]; pictures: number[] }

/** Tasks above 50 ms, as the browser tells them, and times between pictures. Runs in the page. */
function watchTheThread(): void {
  const watched: Watched = { blocked: [], pictures: [] }
  Reflect.set(window, 'watched', watched)
  const began = performance.now()
  new PerformanceObserver((list) => {
    for (const { duration, startTime } of list.getEntries())
      watched.blocked.push({ ms: duration, atMs: startTime - began })
  }).observe({ type: 'longtask' })
  let before = began
  const next = (now: number) => {
    watched.pictures.push(now - before)
    before = now
    requestAnimationFrame(next)
  }
  requestAnimationFrame(next)
}
