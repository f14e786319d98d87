import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { expect, it } from 'vitest'
import { launchChromium } from '#test/chromium.ts'
import { newSigner, type Sealed, trustFileOf } from '#test/evidence/fixture.ts'
import { longRun } from './long-run.ts'
import { percentile, report, rounded, type Row } from './report.ts'
import { serveProject } from './served.ts'
import type { Asked, Round } from './verify-rounds.worker.ts'

const SIZES = [1000, 20_000, 100_000]
/** Of the largest, the naive way alone takes most of a minute. */
const ROUNDS = 3

const PROJECT = `
runs:
  bench:
    title: Nothing of it is run
    steps: [{ id: only, argv: ['true'] }]
`

const signer = await newSigner()
const trust = trustFileOf(signer)
const sealed = new Map<number, Sealed>()
for (const steps of SIZES) sealed.set(steps, await longRun(signer, steps))

it('verifies in a worker, against the naive way and against reading and digesting the bytes', async () => {
  const worker = await bundled('./verify-rounds.worker.ts')
  const browser = await launchChromium()
  const page = await browser.newPage()
  const server = createServer((request, response) => {
    const path = request.url?.slice(1) ?? ''
    const isWorker = path === 'rounds.js'
    response.setHeader('content-type', isWorker ? 'text/javascript' : 'text/html')
    response.end(isWorker ? worker : (sealed.get(Number(path))?.bytes ?? '<!doctype html>'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  await page.goto(`http://127.0.0.1:${address.port}/`)

  const rows: Row[] = []
  let [overBound, underNaive] = [Number.NaN, Number.NaN]
  for (const [steps, { bytes }] of sealed) {
    const asked = { steps, trust: [{ file: trust, source: 'pinned' }], rounds: ROUNDS } as const
    const rounds = await page.evaluate(inRounds, asked)
    expect(new Set(rounds.map(({ verdict }) => verdict))).toEqual(new Set(['proven']))
    const median = (of: 'verify' | 'parse' | 'digest' | 'naive') =>
      percentile(
        rounds.map((round) => round[of]),
        0.5,
      )
    const bound = Math.max(median('parse'), median('digest'))
    overBound = median('verify') / bound
    underNaive = median('naive') / median('verify')
    rows.push({
      steps,
      MB: rounded(bytes.length / 1e6, 2),
      'parse ms': rounded(median('parse')),
      'digest ms': rounded(median('digest')),
      'verify ms': rounded(median('verify')),
      'naive ms': rounded(median('naive')),
      'first ms': rounded(rounds[0]?.verify ?? Number.NaN),
      'verify / bound': rounded(overBound),
      'naive / verify': rounded(underNaive),
    })
  }
  report(
    `Verification in a worker, medians of ${ROUNDS}; bound = max(parse, digest); naive = parse, write and digest each entry`,
    rows,
    [
      { what: '100,000 steps over the bound', found: rounded(overBound), below: 3, unit: 'times' },
      {
        what: '100,000 steps',
        found: rounded(underNaive),
        atLeast: 4,
        unit: 'times the naive way',
      },
    ],
    browser.version(),
  )
  await browser.close()
  server.closeAllConnections()
  server.close()
})

it('keeps the page that ships free while it verifies, searches and sorts', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-bench-'))
  const served = await serveProject(PROJECT)
  await writeFile(join(folder, 'trust.json'), JSON.stringify(trust))
  const rows: Row[] = []
  let [block, memory, version] = [Number.NaN, Number.NaN, '']
  for (const [steps, { bytes }] of sealed) {
    const file = join(folder, `${steps}.json`)
    await writeFile(file, bytes)
    // A browser for each, so that none has the memory of the one before.
    const browser = await launchChromium()
    version = browser.version()
    const page = await browser.newPage()
    page.setDefaultTimeout(120_000)
    await page.goto(`${served.url}/verify`)
    await page.getByRole('heading', { name: 'Envelopes, from any server' }).waitFor()
    await page.waitForFunction(() =>
      performance.getEntriesByType('resource').some(({ name }) => name.includes('verify.worker')),
    )
    const idle = await memoryOf(browser, 'VmRSS')
    await forgetPeak(browser)
    await page.evaluate(watchBeats)

    const choose = page.locator('input[type=file]').first()
    const start = performance.now()
    await choose.setInputFiles([join(folder, 'trust.json'), file])
    await page.getByRole('region', { name: 'Verdict' }).waitFor()
    const took = performance.now() - start
    const peak = (await memoryOf(browser, 'VmHWM')) - idle
    const verifying = await longestBlock(page)

    await page.getByRole('button', { name: 'Sort by Took' }).click()
    await page.getByRole('button', { name: 'Sort by Took, upwards' }).waitFor()
    await settled(page)
    const sorting = await longestBlock(page)
    await page.getByLabel('Search in steps').fill(`step-${steps - 1}`)
    await page.getByText('1 row found').waitFor()
    const searching = await longestBlock(page)
    await page.getByLabel('Search in steps').fill('')
    await page.getByText(`${steps.toLocaleString('en')} rows`).waitFor()
    await longestBlock(page)
    await page.getByRole('region', { name: 'Steps', exact: true }).evaluate(scrollThrough)
    await settled(page)
    const scrolling = await longestBlock(page)

    ;[block, memory] = [Math.max(verifying, sorting, searching, scrolling), peak / bytes.length]
    rows.push({
      steps,
      'chosen to verdict ms': rounded(took, 0),
      'block while verifying ms': rounded(verifying),
      sorting: rounded(sorting),
      searching: rounded(searching),
      scrolling: rounded(scrolling),
      'peak MB over idle': rounded(peak / 1e6),
      'peak / file': rounded(memory),
    })
    await browser.close()
  }
  await served.end()
  await rm(folder, { recursive: true })
  report(
    'The page while a file is verified, and over its tables; block = longest time in which the main thread took no turn',
    rows,
    [
      { what: 'main thread at 100,000 steps', found: rounded(block), below: 50, unit: 'ms' },
      { what: 'memory at 100,000 steps', found: rounded(memory), below: 3, unit: 'times the file' },
    ],
    version,
  )
})

/** The processes that hold pages and their workers, by /proc, in bytes. */
async function renderersOf(browser: Browser): Promise<number[]> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  return processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
}

async function memoryOf(browser: Browser, of: 'VmRSS' | 'VmHWM'): Promise<number> {
  const kB = (await renderersOf(browser)).map((pid) =>
    Number(
      new RegExp(`^${of}:\\s+(\\d+) kB`, 'm').exec(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      )?.[1],
    ),
  )
  return Math.max(...kB) * 1024
}

async function forgetPeak(browser: Browser): Promise<void> {
  for (const pid of await renderersOf(browser)) writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Every row that is in sight is drawn. */
const settled = (page: Page) =>
  page.waitForFunction(() => document.querySelector('section[aria-label=Steps] .skeleton') === null)

/** The code of a worker as the viewer's build would make it. */
async function bundled(file: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2024',
      modulePreload: false,
      rolldownOptions: { input: fileURLToPath(new URL(file, import.meta.url)) },
    },
  })
  if (!('output' in built)) throw new Error('one bundle was asked for')
  return built.output[0].code
}

// What follows runs in the page.

async function inRounds(asked: Omit<Asked, 'bytes'> & { steps: number }): Promise<Round[]> {
  const { steps, ...rest } = asked
  const bytes = await (await fetch(`/${steps}`)).arrayBuffer()
  const worker = new Worker('/rounds.js', { type: 'module' })
  const rounds = await new Promise<Round[]>((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<Round[]>) => resolve(data))
    worker.addEventListener('error', ({ message }) => reject(new Error(message)))
    worker.postMessage({ bytes, ...rest }, [bytes])
  })
  worker.terminate()
  return rounds
}

/** A beat every few milliseconds, and the longest time without one. */
function watchBeats(): void {
  let last = performance.now()
  let longest = 0
  setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }, 4)
  Object.assign(globalThis, {
    takeLongest: () => {
      const took = longest
      longest = 0
      return took
    },
  })
}

async function longestBlock(page: Page): Promise<number> {
  return await page.evaluate<number>('takeLongest()')
}

async function scrollThrough(list: Element): Promise<void> {
  for (let part = 1; part <= 40; part += 1) {
    list.scrollTop = (list.scrollHeight * part) / 40
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
}
