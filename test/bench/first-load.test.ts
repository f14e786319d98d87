import { gzipSync } from 'node:zlib'
import { basename } from 'node:path'
import { expect, it } from 'vitest'
import { launchChromium } from '#test/chromium.ts'
import { report, rounded, type Row } from './report.ts'
import { serveProject } from './served.ts'

const PROJECT = `
runs:
  bench:
    title: First load
    steps: [{ id: only, argv: ['true'] }]
`

it('loads the first page with little JavaScript', async () => {
  const companion = await serveProject(PROJECT)
  await companion.startRun('bench')
  const browser = await launchChromium()
  const page = await browser.newPage()
  const scripts = new Map<string, Promise<Buffer>>()
  page.on('response', (response) => {
    const type = response.headers()['content-type'] ?? ''
    if (type.startsWith('text/javascript')) scripts.set(response.url(), response.body())
  })
  await page.goto(companion.url)
  await page.getByRole('link', { name: 'First load' }).waitFor()

  const rows: Row[] = []
  let total = 0
  for (const [url, body] of scripts) {
    const bytes = await body
    const gzip = gzipSync(bytes, { level: 9 }).length
    total += gzip
    rows.push({
      chunk: basename(url),
      'minified kB': rounded(bytes.length / 1000),
      'gzip kB': rounded(gzip / 1000),
    })
  }
  expect(rows).not.toEqual([])
  report(
    'JavaScript of the first load of /, until the list of runs stands',
    rows,
    [
      {
        what: 'first-load JavaScript in gzip',
        found: rounded(total / 1000),
        below: 130,
        unit: 'kB',
      },
    ],
    browser.version(),
  )
  await browser.close()
  await companion.end()
})
