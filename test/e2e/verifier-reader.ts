import { pathToFileURL } from 'node:url'
import type { Page } from 'puppeteer-core'
import { expect } from 'vitest'

/** verifier.html, or an export, as a reader sees it. */
export async function openPage(page: Page, file: string) {
  const requests: string[] = []
  const faults: string[] = []
  const workers: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => faults.push(message.text()))
  page.on('workercreated', (worker) => workers.push(worker.url()))
  await page.goto(pathToFileURL(file).href)
  const box = (title: string) => `section[aria-label="${title}"] input`
  const bodyText = () => page.evaluate(() => document.body.innerText)
  return {
    requests,
    faults,
    /** Addresses of those that were made, where the browser tells. */
    workers,
    text: bodyText,
    async choose(title: string, ...paths: string[]) {
      const input = await page.waitForSelector(box(title))
      if (input === null || !(await input.evaluate((one) => one instanceof HTMLInputElement)))
        throw new Error(`no file is chosen in ${title}`)
      await (await input.toElement('input')).uploadFile(...paths)
    },
    takeAway: (name: string) => page.locator(`button[aria-label="Take away ${name}"]`).click(),
    press: (name: string) => page.locator(`::-p-aria([name="${name}"][role="button"])`).click(),
    /** Does anything stand out to the side on a screen so wide? */
    async overflows(width: number) {
      await page.setViewport({ width, height: 800 })
      return await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement
        return scrollWidth > clientWidth
      })
    },
    focus: () => page.evaluate(() => document.activeElement?.tagName ?? ''),
    confirm: () =>
      page.locator('section[aria-label="Trust for this file"] input[type=checkbox]').click(),
    sees: (words: string) => expect.poll(bodyText, { timeout: 30_000 }).toContain(words),
    kept: () =>
      page.evaluate(async () => ({
        databases: (await indexedDB.databases()).length,
        local: localStorage.length,
        session: sessionStorage.length,
        cookie: document.cookie,
      })),
  }
}
