import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '#contract/status.ts'
import { type Keyboard, keyboardOf } from './keyboard.ts'
import { isSealed, runPage, type Scene, setScene } from './scene.ts'

/* Operator, approver and reviewer do their work by keyboard alone. */

const PROJECT = `
runs:
  asking:
    title: Asks a person
    inputs:
      subject: { default: it }
    steps:
      - id: prepare
        run: echo prepared
      - id: release
        needs: [well]
        run: echo released
    gates:
      - id: well
        needs: [prepare]
        question: Is {{inputs.subject}} well?
  broken:
    title: Breaks
    steps:
      - id: work
        run: exit 7
  patient:
    title: Waits
    inputs:
      name: { description: Who is greeted }
    steps:
      - id: greet
        argv: [echo, Hello, '{{inputs.name}}']
      - id: wait
        needs: [greet]
        run: echo waiting; sleep 600
`

let scene: Scene

beforeAll(async () => {
  scene = await setScene(PROJECT)
})
afterAll(async () => {
  await scene?.close()
})

/** A person's own browser tab, signed in by the link that they were given. */
async function arrive(name: string, role: Role): Promise<{ page: Page; keys: Keyboard }> {
  const { companion, context } = scene
  const link = await companion.command('user', 'add', name, '--role', role)
  await context.clearCookies()
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(new URL(`/sign-in${new URL(link).hash}`, companion.url).href)
  const keys = keyboardOf(page)
  await keys.enter(page.getByRole('main').getByRole('button', { name: 'Sign in' }))
  await page.getByRole('button', { name: `Signed in as ${name}` }).waitFor()
  await page.waitForURL('**/runs')
  return { page, keys }
}

describe('by keyboard alone', () => {
  it('[U9] an operator finds a run, starts one, watches it and aborts it', async () => {
    await scene.recorded(await scene.start('broken'), isSealed)
    await scene.recorded(await scene.start('asking'), ({ open_gates }) => open_gates === 1)
    const { page, keys } = await arrive('olga', 'operator')
    const rows = page.getByRole('main').getByRole('listitem')
    await expect.poll(() => rows.count()).toBe(2)

    await keys.reach(page.getByRole('checkbox', { name: /Failed/ }))
    await keys.press('Space')
    await expect.poll(() => rows.count()).toBe(1)
    expect(new URL(page.url()).searchParams.get('status')).toBe('failed')
    await keys.press('Space')
    await expect.poll(() => rows.count()).toBe(2)

    await keys.press('/')
    await keys.isAt(page.getByRole('searchbox', { name: 'Search runs' }))
    await keys.type('asks')
    await expect.poll(() => rows.count()).toBe(1)
    await keys.press('Tab', 'Shift+Tab', 'Control+a', 'Delete')
    await expect.poll(() => rows.count()).toBe(2)
    await keys.press('Tab', 'j')
    await keys.isAt(rows.nth(1).getByRole('link'))
    await keys.press('k')
    await keys.isAt(rows.nth(0).getByRole('link'))

    await keys.press('n')
    const dialog = page.getByRole('dialog')
    await keys.reach(dialog.getByLabel('Definition'))
    await keys.type('Waits')
    await keys.reach(dialog.getByLabel('name'))
    await keys.type('Ada')
    await keys.press('Enter')
    await page.waitForURL(/\/runs\/run_/)
    const { stands, steps, log } = runPage(page)
    await stands.getByText('Running').waitFor()
    await log.getByText('waiting').waitFor()
    await keys.press('k')
    await log.getByText('Hello Ada').waitFor()
    await steps.getByRole('button', { name: /greet/, pressed: true }).waitFor()

    await keys.enter(page.getByRole('button', { name: 'Abort' }))
    await keys.reach(page.getByRole('dialog').getByLabel('Reason'))
    await keys.type('I have seen enough')
    await keys.press('Enter')
    await stands.getByText('Aborted').waitFor()
    await stands.getByText('I have seen enough').waitFor()
    await stands.locator('[data-told=verified]').first().waitFor()
    await keys.press('Tab')
    await page.close()
  })

  it('[U9] an approver approves one question and rejects another, which ends its run with the reason', async () => {
    const run_id = await scene.start('asking', { subject: 'the second' })
    await scene.recorded(run_id, ({ open_gates }) => open_gates === 1)
    const { page, keys } = await arrive('anna', 'approver')
    await keys.press('2')
    const rows = page.getByRole('main').getByRole('listitem')
    await expect.poll(() => rows.count()).toBe(2)
    const gate = page.getByRole('region', { name: 'Gate', exact: true })

    await keys.press('j', 'Enter')
    await gate.getByText('Is it well?').waitFor()
    await keys.reach(gate.getByLabel('Comment'))
    await keys.type('It is')
    await keys.enter(gate.getByRole('button', { name: 'Approve' }))
    await gate.getByText('Approved').first().waitFor()
    await keys.press('Tab')
    await gate.getByText('It is', { exact: true }).waitFor()

    await keys.press('2')
    await expect.poll(() => rows.count()).toBe(1)
    await keys.press('j', 'Enter')
    await gate.getByText('Is the second well?').waitFor()
    await keys.reach(gate.getByLabel('Comment'))
    await keys.type('It is not')
    await keys.enter(gate.getByRole('button', { name: 'Reject' }))
    await gate.getByText('Rejected').first().waitFor()
    await keys.enter(gate.getByRole('link', { name: 'Asks a person' }))
    const { stands, steps } = runPage(page)
    await stands.getByText('Aborted').waitFor()
    await stands.getByText('It is not').waitFor()
    await stands.locator('[data-told=verified]').first().waitFor()
    await steps.getByRole('button', { name: /^Not run\s*release/ }).waitFor()
    await page.close()
  })

  it('[U9] a reviewer reads an envelope, claim by claim and step by step, and pins its key', async () => {
    const { page, keys } = await arrive('rita', 'reviewer')
    await keys.press('3')
    const rows = page.getByRole('main').getByRole('listitem')
    await expect.poll(() => rows.filter({ hasText: '#' }).count()).toBe(4)
    await keys.press('k', 'Enter')
    const claims = page.getByRole('region', { name: 'Claims' })
    await claims.locator('[data-claim=seal]', { hasText: 'not checked' }).waitFor()
    const chain = claims.getByRole('group').filter({ has: page.locator('[data-claim=chain]') })
    await keys.enter(chain.locator('summary'))
    await chain.getByText('Does not prove').waitFor()

    const record = page.getByRole('region', { name: 'What is on record' })
    await record.getByText('exit 7', { exact: true }).waitFor()
    await keys.enter(record.getByRole('button', { name: 'Raw record' }))
    const raw = record.getByRole('region', { name: 'Raw record' })
    await raw.getByText('"closing": {').waitFor()
    await keys.reach(raw)
    await keys.press('End')
    await raw.getByText('"step_id": "work"').first().waitFor()

    await keys.press('Home')
    await keys.reach(page.getByRole('link', { name: 'Keys you trust' }), 'Shift+Tab')
    await keys.press('Enter')
    await keys.reach(page.getByLabel(/I compared it/))
    await keys.press('Space')
    await keys.enter(page.getByRole('button', { name: 'Pin this key' }))
    await page.getByRole('button', { name: 'Unpin' }).waitFor()
    await keys.press('Tab')
    await page.goBack()
    await claims.locator('[data-claim=seal]', { hasText: 'proven' }).waitFor()
    await keys.enter(page.getByRole('button', { name: 'Verify again' }))
    await keys.press('Tab')
    await page.close()
  })

  it('met no violation of the content security policy, no page error and no console error', () => {
    expect(scene.faults()).toEqual([])
  })
})
