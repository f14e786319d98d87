import { afterAll, beforeAll, expect, it } from 'vitest'
import { runPage, type Scene, setScene, signIn } from './scene.ts'

/* A run that ended but could not be sealed is neither lost nor evidence, and a person can heal it. */

const PROJECT = `
runs:
  brief:
    title: A brief one
    steps:
      - id: only
        run: while [ ! -e go ]; do sleep 0.1; done
`

let scene: Scene

beforeAll(async () => {
  scene = await setScene(PROJECT)
  await signIn(scene.page, scene.companion.signInUrl)
})
afterAll(async () => {
  await scene?.close()
})

it('a failed finalization is shown with its reason, and sealing again heals it', async () => {
  const { page, companion, start, keepFromSealing, put, faults } = scene
  const run_id = await start('brief')
  const sealable = await keepFromSealing()
  await page.goto(`${companion.url}/runs/${run_id}`)
  const { stands } = runPage(page)
  await stands.getByText('Running').waitFor()
  await put('go')
  await stands.getByText('Succeeded').waitFor()
  await stands.getByText('Seal failed').waitFor()
  const alert = page.getByRole('alert').filter({ hasText: 'could not be sealed' })
  await alert.getByText('the envelope could not be written: EEXIST').waitFor()
  expect(await page.locator('[data-told=verified]').count()).toBe(0)

  const list = await scene.context.newPage()
  await list.goto(`${companion.url}/runs`)
  const row = list.getByRole('link', { name: /A brief one/ })
  await row.getByText('Seal failed').waitFor()

  // Tried while the cause stands, it fails again and says so.
  const again = page.getByRole('button', { name: 'Seal again' })
  await again.click()
  await expect.poll(() => again.getAttribute('aria-disabled')).toBe('false')
  await stands.getByText('Seal failed').waitFor()

  await sealable()
  await again.click()
  await stands.locator('[data-told=verified]').first().waitFor()
  await row.getByText('Sealed').waitFor()
  expect(await alert.count()).toBe(0)
  expect(await again.count()).toBe(0)
  expect(await stands.getByText('Seal failed').count()).toBe(0)
  expect(faults()).toEqual([])
})
