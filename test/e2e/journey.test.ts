import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TrustFile } from '#contract/trust.ts'
import { launchChromium } from '#test/chromium.ts'
import { type Companion, startCompanion } from './companion.ts'
import { axeViolations, collectFaults } from './page-faults.ts'

/* The main job as a person does it, from an empty data folder, in a real browser. One story, in order. */

let companion: Companion
let browser: Browser
let context: BrowserContext
let page: Page
let faults: () => string[]

beforeAll(async () => {
  companion = await startCompanion({ project: 'examples/release' })
  browser = await launchChromium()
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  faults = await collectFaults(context)
  page = await context.newPage()
  page.setDefaultTimeout(30_000)
})

afterAll(async () => {
  await browser?.close()
  await companion?.stop()
})

const runPage = () => page.getByRole('region', { name: 'Where the run stands' })
const steps = () => page.getByRole('region', { name: 'Steps' })
const log = () => page.getByRole('region', { name: 'Log' })
const timelines = () => page.getByRole('region', { name: 'Two timelines' })

describe('the main job', () => {
  it('starts the run tour in a new data folder, and a visitor sees it without signing in', async () => {
    await page.goto(companion.url)
    await page.getByText('A tour of every kind of step').first().waitFor()
    expect(await page.getByRole('button', { name: 'Start a run' }).isDisabled()).toBe(true)
  })

  it('signs in by the one-time link, once', async () => {
    await page.goto(companion.signInUrl)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Signed in as admin' }).waitFor()

    const other = await browser.newPage()
    await other.goto(companion.signInUrl)
    await other.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
    await other.getByText('used, expired or unknown').first().waitFor()
    await other.close()
  })

  it('starts a run with an input, and shows a step start and its log grow', async () => {
    await page.getByRole('button', { name: 'Start a run' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Definition').selectOption('tour')
    await dialog.getByLabel('name').fill('<b>Ada</b>')
    await dialog.getByRole('button', { name: 'Start' }).click()
    await page.waitForURL(/\/runs\/run_/)
    await runPage().getByText('Running').waitFor()
    await steps().getByRole('button', { name: 'colours' }).click()
    await log().getByText('building').first().waitFor()
    const before = await log().getByText('building').count()
    await expect
      .poll(() => log().getByText('building').count(), { timeout: 20_000 })
      .toBeGreaterThan(before)
    expect(
      await timelines().locator('[data-told=hint], [data-told=recorded]').count(),
    ).toBeGreaterThan(0)
    expect(await page.locator('[data-told=verified]').count()).toBe(0)
  })

  it('shows text of a run as text', async () => {
    await steps().getByRole('button', { name: 'greet' }).click()
    await log()
      .getByText('Hello, <b>Ada</b>')
      .or(log().getByText('Hello <b>Ada</b>'))
      .first()
      .waitFor()
    expect(await page.locator('b', { hasText: 'Ada' }).count()).toBe(0)
  })

  it('waits at the gate, asks, and takes an approval with a comment', async () => {
    const gate = page.getByRole('region', { name: 'Gate', exact: true })
    await gate.getByText('Have you seen all of it, <b>Ada</b>?').waitFor()
    await runPage().getByText('Needs input').waitFor()
    await gate.getByLabel('Comment').fill('I have seen it')
    await gate.getByRole('button', { name: 'Approve' }).click()
    await gate.waitFor({ state: 'detached' })
  })

  it('verifies the envelope here, and says so at every step', async () => {
    await runPage().getByText('Succeeded').waitFor()
    await runPage().locator('[data-told=verified]').first().waitFor()
    await expect
      .poll(() => timelines().locator('[data-told=hint], [data-told=recorded]').count())
      .toBe(0)
    expect(await timelines().locator('[data-told=contradicted]').count()).toBe(0)
    expect(await timelines().locator('[data-told=verified]').count()).toBeGreaterThan(8)
  })

  it('shows the evidence claim by claim, and the answer of the gate in it', async () => {
    await page.getByTestId('evidence').click()
    const claims = page.getByRole('region', { name: 'Claims' })
    for (const claim of ['chain', 'content', 'binding', 'consistency', 'gate'])
      await claims.locator(`[data-claim=${claim}]`, { hasText: 'proven' }).first().waitFor()
    await claims.locator('[data-claim=seal]', { hasText: 'not checked' }).waitFor()
    await claims.locator('[data-claim=gate-signature]', { hasText: 'not present' }).waitFor()
  })

  it('proves the seal once the reader has pinned the key', async () => {
    const evidence = page.url()
    await page.getByRole('link', { name: 'Keys you trust' }).click()
    // What a person reads aloud from the server's own machine is what the page shows.
    const trust: unknown = JSON.parse(await companion.command('trust', 'export'))
    const [key] = TrustFile.parse(trust).server_keys
    const groups = key?.key_id.match(/.{4}/g) ?? []
    await page
      .locator('code', { hasText: groups.join('') })
      .first()
      .waitFor()
    await page.getByLabel(/I compared it/).check()
    await page.getByRole('button', { name: 'Pin this key' }).click()
    await page.getByRole('button', { name: 'Unpin' }).waitFor()
    await page.goto(evidence)
    await page
      .getByRole('region', { name: 'Claims' })
      .locator('[data-claim=seal]', { hasText: 'proven' })
      .waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  it('refuses the same page after one byte on disk was changed, and names the claim that fails', async () => {
    const evidenceId = new URL(page.url()).pathname.split('/').at(-1) ?? ''
    const file = join(companion.data, 'envelopes', `${evidenceId}.json`)
    const bytes = await readFile(file)
    const at = bytes.indexOf('I have seen it')
    expect(at).toBeGreaterThan(0)
    bytes[at + 'I have '.length] = 'b'.charCodeAt(0)
    await writeFile(file, bytes)

    await context.clearCookies()
    const cdp = await context.newCDPSession(page)
    await cdp.send('Network.clearBrowserCache')
    await page.reload()
    const claims = page.getByRole('region', { name: 'Claims' })
    await claims.locator('[data-claim=chain]', { hasText: 'does not verify' }).first().waitFor()
    expect(await page.getByText('I have been it').count()).toBe(0)
    expect(await page.getByText('I have seen it').count()).toBe(0)
    expect(await claims.getByText('proven').count()).toBe(0)
    await page.getByRole('link', { name: /unverified/i }).waitFor()
  })

  it('met no violation of the content security policy, no page error and no console error', () => {
    expect(faults()).toEqual([])
  })
})
