import { expect, it } from 'vitest'
import { launchChromium } from '#test/chromium.ts'
import { startFlood } from './flood.ts'
import { runPage } from './scene.ts'

it('[U34] a page that is flooded ends with the last state of every step, and has lost no frame', async () => {
  const flood = await startFlood(1000)
  const browser = await launchChromium()
  const page = await browser.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`${flood.url}/runs/${flood.run_id}`)
  await page.getByRole('banner').getByRole('status').getByText('Live').waitFor()
  const { stands, steps, timelines } = runPage(page)
  const { frames } = await flood.pour(10_000)
  await stands.getByText('Failed').waitFor()
  await steps.getByRole('button', { name: /^Succeeded\s*step-999\b.*attempt 2/ }).waitFor()
  // A start and an end of two attempts of each step; the run's start and its end.
  await timelines.getByText(`${(4002).toLocaleString('en')} facts`).waitFor()
  await timelines.getByText(/^No contradiction in/).waitFor()
  const said = await page.locator('#stream dd').allTextContents()
  expect([said[0], said[2]]).toEqual([frames.toLocaleString('en'), '0'])
  await browser.close()
  await flood.end()
})
