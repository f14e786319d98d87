import type { BrowserContext, Page } from 'playwright-core'
import type { Page as FirefoxPage } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { Status } from '#contract/api.ts'
import { RUN_STATUS } from '#contract/status.ts'
import { launchChromium } from '#test/chromium.ts'
import { launchFirefox, whyNoFirefox } from '#test/firefox.ts'
import { collectFaults } from './page-faults.ts'
import { isSealed, runPage, type Scene, setScene, signIn } from './scene.ts'

/* One stream for all pages of a browser, whatever pages, server and network do. The server counts. */

const PROJECT = `
runs:
  busy:
    title: Busy
    steps:
      - { id: one, retries: 12, run: 'sleep 0.05; exit 1' }
      - { id: two, retries: 12, run: 'sleep 0.05; exit 1' }
  patient:
    title: Waits to be let go
    steps:
      - id: first
        run: while [ ! -e first ]; do sleep 0.1; done
      - id: second
        needs: [first]
        run: while [ ! -e second ]; do sleep 0.1; done
`

let scene: Scene
const faults: (() => string[])[] = []

beforeAll(async () => {
  scene = await setScene(PROJECT)
})
afterAll(async () => {
  await scene?.close()
})

const WAYS = [
  { way: 'a SharedWorker', prepare: async () => undefined },
  {
    way: 'the page that has the lock',
    prepare: (context: BrowserContext) => context.addInitScript(withoutSharedWorker),
  },
] as const

describe.each(WAYS)('one stream, held by $way', ({ prepare }) => {
  it('[U31] [U32] is all that twelve pages take, and goes on without a loss when the one that opened it ends', async () => {
    const context = await scene.newContext()
    onTestFinished(() => context.close())
    faults.push(await collectFaults(context))
    await prepare(context)
    const opened = async (): Promise<Page> => {
      const page = await context.newPage()
      page.setDefaultTimeout(60_000)
      await page.goto(`${scene.companion.url}/gates`)
      await stands(page).getByText('Live').waitFor()
      return page
    }
    const first = await opened()
    const others = await Promise.all(Array.from({ length: 11 }, opened))
    const { frames: before } = await streamOf()
    const start = await Promise.all(others.map(framesOf))
    await expect.poll(async () => (await streamOf()).subscribers).toBe(1)

    const run_id = await scene.start('busy')
    await expect.poll(() => framesOf(first)).toBeGreaterThan((start[0] ?? 0) + 4)
    await first.close()
    await scene.recorded(run_id, isSealed)
    const published = (await streamOf()).frames - before
    expect(published).toBeGreaterThan(40)
    for (const [n, page] of others.entries())
      await expect.poll(async () => (await framesOf(page)) - (start[n] ?? 0)).toBe(published)
    for (const of of [gapsOf, toldTwiceOf])
      expect(await Promise.all(others.map(of))).toEqual(others.map(() => 0))
    await expect.poll(async () => (await streamOf()).subscribers).toBe(1)
    await context.close()
    await expect.poll(async () => (await streamOf()).subscribers).toBe(0)
  })

  it('[U32] is let go by a page in the back/forward cache, and goes on from its last frame', async () => {
    const browser = await launchChromium({ keepsPages: true })
    onTestFinished(() => browser.close())
    const context = await browser.newContext()
    faults.push(await collectFaults(context))
    await prepare(context)
    await context.addInitScript(countShowings)
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    const run_id = await scene.start('busy')
    await page.goto(`${scene.companion.url}/runs/${run_id}`)
    await stands(page).getByText('Live').waitFor()
    const [seen, { frames: before }] = [await framesOf(page), await streamOf()]
    await page.goto(`${scene.companion.url}/healthz`)
    await scene.recorded(run_id, isSealed)
    await page.goBack({ waitUntil: 'commit' })
    await runPage(page).stands.locator('[data-told=verified]').first().waitFor()
    expect(await page.evaluate('showings')).toEqual([false, true])
    // What was published between the two looks above is in neither count, or in both.
    const published = (await streamOf()).frames - before
    await expect
      .poll(async () => (await framesOf(page)) - seen)
      .toBeGreaterThanOrEqual(published - 2)
    expect(await gapsOf(page)).toBe(0)
  })
})

it('[L9] [U2] two restarts in the middle of a run leave no page behind: none is reloaded, nothing is rewound', async () => {
  const context = await scene.newContext()
  onTestFinished(() => context.close())
  faults.push(await collectFaults(context))
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const run_id = await scene.start('patient')
  await page.goto(`${scene.companion.url}/runs/${run_id}`)
  let loads = 0
  page.on('load', () => (loads += 1))
  const { stands: run, log } = runPage(page)
  await run.getByText('Running').waitFor()
  // The last part of the page that is fetched when it is wanted.
  await log.getByLabel('Search in the loaded part of the log').waitFor()
  await stands(page).getByText('Live').waitFor()
  await page.evaluate(watchStatus)

  await scene.companion.kill()
  await stands(page).getByText('Reconnecting').waitFor()
  await scene.restart()
  await stands(page).getByText('Live').waitFor()
  await scene.put('first')
  await scene.recorded(run_id, ({ steps }) => steps.length === 2)

  await scene.companion.stop()
  await stands(page)
    .getByText(/Server restarting|Reconnecting/)
    .waitFor()
  await scene.restart()
  await stands(page).getByText('Live').waitFor()
  await scene.put('second')
  const { status } = await scene.recorded(run_id, isSealed)
  await run.getByText(RUN_STATUS[status].label).waitFor()
  await run.locator('[data-told=verified]').first().waitFor()
  expect(loads).toBe(0)
  const shown: string[] = await page.evaluate('shown')
  // That it is over may be told before how it ended.
  expect(shown.filter((word) => word !== 'Ended')).toEqual(['Running', RUN_STATUS[status].label])
  await scene.remove('first', 'second')
})

it('[U31] one stream belongs to one session: whoever signs in or out in one page, does it for all', async () => {
  const context = await scene.newContext()
  onTestFinished(() => context.close())
  faults.push(await collectFaults(context))
  const [one, other] = [await context.newPage(), await context.newPage()]
  for (const page of [one, other]) {
    page.setDefaultTimeout(60_000)
    await page.goto(`${scene.companion.url}/gates`)
    await stands(page).getByText('Live').waitFor()
  }
  const link = await scene.companion.command('user', 'add', 'zoe', '--role', 'viewer')
  await signIn(one, /\S+\/sign-in#\S+/.exec(link)?.[0] ?? '')
  const yours = async () => {
    const answer: unknown = await other.evaluate(() =>
      fetch('/api/status').then((got) => got.json()),
    )
    const { stream } = Status.parse(answer)
    return [stream.yours, stream.subscribers]
  }
  await expect.poll(yours).toEqual([1, 1])
  await other.getByRole('button', { name: /Signed in as/ }).click()
  await other.getByRole('button', { name: 'Sign out' }).click()
  await expect.poll(yours).toEqual([null, 1])
  for (const page of [one, other]) {
    await page.getByRole('link', { name: 'Sign in' }).waitFor()
    await stands(page).getByText('Live').waitFor()
  }
})

it('[U31] [U32] one stream is all that pages of Firefox take', async (context) => {
  const why = whyNoFirefox()
  if (why !== null) return context.skip(why)
  const browser = await launchFirefox()
  onTestFinished(() => browser.close())
  const opened = async () => {
    const page = await browser.newPage()
    await page.goto(`${scene.companion.url}/gates`)
    await page.waitForFunction(() => document.querySelector('output')?.textContent.includes('Live'))
    return page
  }
  const framesIn = (page: FirefoxPage) =>
    page.$eval('#stream dd', ({ textContent }) => Number(textContent.replaceAll(',', '')))
  const first = await opened()
  const others = [await opened(), await opened()]
  await expect.poll(async () => (await streamOf()).subscribers).toBe(1)
  const { frames: before } = await streamOf()
  const start = await Promise.all(others.map(framesIn))
  const run_id = await scene.start('busy')
  await expect.poll(() => framesIn(first)).toBeGreaterThan((start[0] ?? 0) + 4)
  await first.close()
  await scene.recorded(run_id, isSealed)
  const published = (await streamOf()).frames - before
  for (const [n, page] of others.entries())
    await expect.poll(async () => (await framesIn(page)) - (start[n] ?? 0)).toBe(published)
  expect((await streamOf()).subscribers).toBe(1)
})

describe('a page that holds the stream itself', () => {
  it('[L9] is not lost whatever is answered in place of the stream, and comes back by itself', async () => {
    const { page, done } = await pageWithout()
    let answer: (typeof ANSWERS)[number] = ANSWERS[0]
    await page.route('**/events', (route) => route.fulfill(answer.with))
    await scene.companion.kill()
    await scene.restart()
    for (const next of ANSWERS) {
      answer = next
      await page.evaluate(() => document.getElementById('stream')?.showPopover())
      await page.getByRole('button', { name: 'Connect now' }).click()
      await stands(page).getByText(answer.word).waitFor()
      await page.getByRole('heading', { name: 'Runs' }).waitFor()
    }
    await page.unroute('**/events')
    await stands(page).getByText('Live').waitFor()
    await done()
  })

  it('[L9] says that it is offline, and is live at once when it is not', async () => {
    const { page, context, done } = await pageWithout()
    await context.setOffline(true)
    await scene.companion.kill()
    await stands(page).getByText('Offline').waitFor()
    await scene.restart()
    await context.setOffline(false)
    await stands(page).getByText('Live').waitFor()
    await done()
  })
})

const ANSWERS = [
  { with: { status: 401, body: '{}' }, word: 'Signed out' },
  { with: { status: 200, contentType: 'text/html', body: '<h1>Log in</h1>' }, word: 'Refused' },
  { with: { status: 502, body: 'Bad gateway' }, word: 'Reconnecting' },
  { with: { status: 403, body: 'no' }, word: 'Refused' },
] as const

it('met no violation of the content security policy, no page error and no console error', () => {
  expect(faults.flatMap((found) => found())).toEqual([])
})

/** A page without a SharedWorker, so that its requests are its own. */
async function pageWithout() {
  const context = await scene.newContext()
  faults.push(await collectFaults(context))
  await context.addInitScript(withoutSharedWorker)
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`${scene.companion.url}/runs`)
  await stands(page).getByText('Live').waitFor()
  return { page, context, done: () => context.close() }
}

const stands = (page: Page) => page.getByRole('banner').getByRole('status')

/** What the page says of its stream: its first number is the frames received, its third the gaps. */
async function numberOf(page: Page, at: number): Promise<number> {
  const text = await page.locator('#stream dd').nth(at).textContent()
  return Number(text?.replaceAll(',', ''))
}
const framesOf = (page: Page): Promise<number> => numberOf(page, 0)
const gapsOf = (page: Page): Promise<number> => numberOf(page, 2)
const toldTwiceOf = (page: Page): Promise<number> => numberOf(page, 1)

async function streamOf() {
  const answer = await fetch(`${scene.companion.url}/api/status`)
  return Status.parse(await answer.json()).stream
}

// What follows runs in a page.

function withoutSharedWorker(): void {
  Reflect.deleteProperty(window, 'SharedWorker')
}

/** Whether each showing of the page was from the cache. */
function countShowings(): void {
  const showings: boolean[] = []
  Reflect.set(window, 'showings', showings)
  addEventListener('pageshow', ({ persisted }) => showings.push(persisted))
}

/** Every word that the page ever says of its run, one after the other. */
function watchStatus(): void {
  const shown: string[] = []
  Reflect.set(window, 'shown', shown)
  const look = () => {
    const text = document.querySelector('[data-testid="status"] > span > span')?.textContent
    if (text !== undefined && text !== null && shown.at(-1) !== text) shown.push(text)
  }
  look()
  new MutationObserver(look).observe(document.body, {
    subtree: true,
    childList: true,
    characterData: true,
  })
}
