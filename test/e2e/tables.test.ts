import { readFile } from 'node:fs/promises'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, sha256 } from '#evidence/digest.ts'
import { keyboardOf } from './keyboard.ts'
import { axeViolations } from './page-faults.ts'
import { type Scene, setScene, signIn } from './scene.ts'

/* Tables as a person uses them: real processes derive, a real browser shows and verifies. One story, in order. */

const MARKUP = '<img src=x onerror="window.owned=1">'
// More than an entry lists: the cells stand in a part of their own.
const RECORDS = 600

/** Answers each record when the file `go` is there: a run can be watched. */
const DERIVE = `
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
const what = process.argv[2]
while (!existsSync('go')) await new Promise((resolve) => setTimeout(resolve, 50))
for await (const line of createInterface({ input: process.stdin })) {
  const { record_id, inputs } = JSON.parse(line)
  if (what === 'label' && inputs.size === 13) console.log(JSON.stringify({ record_id, error: 'thirteen is not done' }))
  else if (what === 'label') console.log(JSON.stringify({ record_id, value: inputs.size === 3 ? ${JSON.stringify(MARKUP)} : '=' + inputs.size, cost: '0.01' }))
  else console.log(JSON.stringify({ record_id, value: { label: inputs.label, secret: inputs.secret.length } }))
}
`

const PROJECT = `
runs:
  none:
    steps: [{ id: only, run: 'true' }]
tables:
  boxes:
    source: { kind: csv, path: boxes.csv }
    key: name
    fields: { name: text, size: number, secret: text }
    private: [secret]
    derive:
      label:
        from: [size]
        argv: [${JSON.stringify(process.execPath)}, derive.mjs, label]
        batch: 1000
      summary:
        from: [label, secret]
        argv: [${JSON.stringify(process.execPath)}, derive.mjs, summary]
        batch: 1000
`
const idOf = (index: number) => `box-${String(index).padStart(3, '0')}`
const CSV = `name,size,secret\n${Array.from({ length: RECORDS }, (_, index) => `${idOf(index)},${index},hidden-${index}\n`).join('')}`

let scene: Scene
let page: Page

beforeAll(async () => {
  scene = await setScene(PROJECT)
  page = scene.page
  await scene.put('derive.mjs', DERIVE)
  await scene.put('boxes.csv', CSV)
  await signIn(page, scene.companion.signInUrl)
})
afterAll(async () => {
  await scene?.close()
})

const region = (name: string): Locator => page.getByRole('region', { name, exact: true })
const grid = () => page.getByRole('grid', { name: 'Records of boxes' })
const cell = () => region('Cell')
const told = (by: string) => cell().locator(`[data-told=${by}]`)

describe('tables', () => {
  it('are a place of their own, with what is missing', async () => {
    await page.getByRole('link', { name: 'Tables' }).click()
    await page.getByRole('link', { name: /boxes/ }).click()
    await page.waitForURL(/\/tables\/boxes$/)
  })

  it('are derived after a preview, and the run is seen while it goes on', async () => {
    await page.getByRole('button', { name: 'Derive', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText(/not known: none was derived before/).waitFor()
    await dialog.getByRole('button', { name: 'Derive 1,200 cells' }).click()
    await page.getByText(/label: 0 of 600 cells/).waitFor()
    await page.getByRole('banner').getByText('something runs').waitFor({ state: 'attached' })
    await page.getByRole('link', { name: 'the run', exact: true }).click()
    await page.getByText(/boxes\.label: 0 of 600 cells/).waitFor()
    expect(await axeViolations(page)).toEqual([])
    // Another run of the same table waits, and says for whom, wherever it is looked at.
    const waits = scene.materialize({ targets: ['boxes'] })
    await page.getByRole('link', { name: 'the table boxes' }).first().click()
    await page.getByText(/^A run waits for the table boxes/).waitFor()
    await page.getByRole('link', { name: 'Runs', exact: true }).click()
    await page.getByText(/waits for the table boxes until run_\w+ is done/).waitFor()
    await page.goto(`${scene.companion.url}/runs/${await waits}`)
    await page.getByText(/^It waits for the table boxes/).waitFor()
    expect(await axeViolations(page)).toEqual([])
    await page.getByRole('button', { name: 'Abort', exact: true }).click()
    await page.getByRole('button', { name: 'Abort the run' }).click()
    await page.getByTestId('status').getByText('Aborted').waitFor()
    await page.getByText('open the evidence').waitFor()
    expect(await page.getByText(/^It waits/).count()).toBe(0)
    await page.getByRole('link', { name: 'the table boxes' }).first().click()
    await page.getByText(/label: 0 of 600 cells/).waitFor()
    await scene.put('go')
    await grid().getByText('thirteen is not done').waitFor()
    await expect.poll(() => grid().getByText('=5', { exact: true }).count()).toBe(1)
  })

  it('show hostile values as text, and nothing of what is private', async () => {
    await grid().getByText(MARKUP).first().waitFor()
    expect(await page.locator('main img').count()).toBe(0)
    expect(await page.getByText('hidden-').count()).toBe(0)
    expect(await page.evaluate(() => Reflect.has(window, 'owned'))).toBe(false)
  })

  it('are walked by keyboard to a cell, which was verified here', async () => {
    const { press, reach } = keyboardOf(page)
    await reach(grid().locator('[data-place]'))
    await press('ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight')
    await press('Enter')
    await cell().getByText('This browser verified the sealed record').waitFor()
    await cell().getByText('This very value has the digest that is sealed.').waitFor()
    expect(await told('contradicted').count()).toBe(0)
    expect(await told('verified').count()).toBeGreaterThan(5)
    expect(await axeViolations(page)).toEqual([])
    await cell().getByRole('button', { name: 'As a table' }).click()
    await cell()
      .getByRole('link', { name: /boxes.summary of box-001/ })
      .click()
    await cell()
      .getByRole('heading', { name: /summary/ })
      .waitFor()
    await cell().getByText('keyed').first().waitFor()
    await press('Escape')
    await cell().waitFor({ state: 'detached' })
  })

  it('say why a cell failed and that another was not tried, and are filtered by it', async () => {
    await page.getByRole('group', { name: 'Only records with' }).getByText('Failed').click()
    await page.waitForURL(/state=failed/)
    await expect.poll(() => grid().getAttribute('aria-rowcount')).toBe('2')
    await grid().getByText('thirteen is not done').first().click()
    await cell().getByRole('button', { name: 'Try again' }).waitFor()
    await cell().getByText('This browser verified the sealed record').waitFor()
    // Back closes what was opened in the grid, and leaves its filter.
    await page.goBack()
    await cell().waitFor({ state: 'detached' })
    await grid().getByText('thirteen is not done').first().click()
    await cell().getByRole('button', { name: 'Close' }).click()
    await cell().waitFor({ state: 'detached' })
    expect(new URL(page.url()).search).toBe('?state=failed')
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent))
      .toContain('thirteen is not done')
    await page.goto(`${scene.companion.url}/tables/boxes`)
  })

  it('contradict a server that shows another value than is sealed, and keep both', async () => {
    await page.route('**/api/provenance?**', async (route) => {
      const answer = await (await route.fetch()).text()
      await route.fulfill({
        body: answer
          .replaceAll('"value":"=7"', '"value":"=8"')
          .replaceAll(digestOf('=7'), digestOf('=8')),
        contentType: 'application/json',
      })
    })
    await page.goto(`${scene.companion.url}/tables/boxes?record=${idOf(7)}&field=label`)
    await cell().getByText('This is not the value whose digest is sealed.').waitFor()
    expect(await told('contradicted').count()).toBe(2)
    await page.unroute('**/api/provenance?**')
  })

  it('are exported as CSV without formulas, and the provenance beside it', async () => {
    await page.goto(`${scene.companion.url}/tables/boxes`)
    await page.getByRole('button', { name: 'Export' }).click()
    const files = new Map<string, string>()
    page.on('download', async (download) => {
      files.set(download.suggestedFilename(), await readFile(await download.path(), 'utf8'))
    })
    await page.getByRole('button', { name: 'Save both files' }).click()
    await expect.poll(() => files.size).toBe(2)
    const csv = files.get('boxes.csv') ?? ''
    const [head = '', ...cells] = (files.get('boxes.provenance.jsonl') ?? '').trim().split('\n')
    expect(csv.split('\r\n')).toHaveLength(RECORDS + 2)
    expect(csv).toContain(`${idOf(5)},5,,'=5,`)
    expect(csv).not.toContain('hidden-')
    expect(JSON.parse(head)).toMatchObject({ records: RECORDS, csv: { sha256: sha256(csv) } })
    expect(cells).toHaveLength(2 * RECORDS)
    expect(await axeViolations(page)).toEqual([])
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
    await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('Export')
  })

  it('lead to the record, whose step lists its cells', async () => {
    await page.goto(`${scene.companion.url}/tables/boxes?record=${idOf(1)}&field=label`)
    await cell()
      .getByRole('link', { name: /entry 1 of the record/ })
      .click()
    const entry = region('Entry 1')
    await entry.waitFor()
    // What was compared for the cell is held with the record; a page that begins anew has it to compare again.
    await page.reload()
    await entry.getByText('600 cells in a part of').waitFor()
    await entry.getByRole('button', { name: 'Fetch and compare the cells' }).click()
    await entry.getByRole('region', { name: 'Sealed cells' }).getByText(idOf(1)).waitFor()
    await entry.getByLabel('Search in the cells').fill('thirteen')
    await entry.getByText('1 cell found').waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  it('met no violation of the content security policy, no page error and no console error', () => {
    expect(scene.faults()).toEqual([])
  })
})
