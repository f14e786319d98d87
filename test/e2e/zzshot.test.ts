import { it } from 'vitest'
import { setScene, runPage } from './scene.ts'
const PROJECT = `
runs:
  asking:
    title: Release 2.4
    steps:
      - { id: build, run: 'echo building; sleep 0.2' }
      - { id: test, needs: [build], run: 'sleep 0.2; exit 0' }
      - { id: slow, needs: [build], run: 'sleep 60' }
    gates:
      - { id: well, needs: [test], question: 'Is it well?' }
  holey:
    title: One with a hole
    steps:
      - { id: one, retries: 6, run: 'sleep 0.1; exit 1' }
`
it('shots', async () => {
  const scene = await setScene(PROJECT)
  const { browser, companion } = scene
  for (const scheme of ['light', 'dark'] as const)
    for (const width of [1440, 390]) {
      const context = await browser.newContext({
        colorScheme: scheme,
        viewport: { width, height: 900 },
      })
      await context.addInitScript(() => {
        Reflect.deleteProperty(window, 'SharedWorker')
      })
      const page = await context.newPage()
      page.setDefaultTimeout(30_000)
      const shot = (name: string) =>
        page.screenshot({ path: `/tmp/live/shot-${name}-${scheme}-${width}.png` })
      const id = await scene.start('asking')
      await page.goto(`${companion.url}/runs/${id}`)
      await runPage(page).stands.getByText('Needs input').waitFor()
      await shot('run')
      await page.locator('button[popovertarget=stream]').first().click()
      await shot('popover')
      await page.getByRole('button', { name: 'Find out what is wrong' }).click()
      await page.getByRole('dialog').getByText('Stuck in needs_input').waitFor()
      await page.waitForTimeout(500)
      await shot('diagnosis')
      await page.keyboard.press('Escape')
      await page.route('**/events', (route) => route.fulfill({ status: 502, body: 'x' }))
      await page.goto(`${companion.url}/runs`)
      await page
        .getByRole('banner')
        .getByRole('status')
        .getByText(/Reconnecting|Polling/)
        .waitFor()
      await page.waitForTimeout(2500)
      await shot('away')
      await page.goto(`${companion.url}/gates`)
      await page.waitForTimeout(1500)
      await shot('gates')
      await context.close()
      // a hole
      const second = await browser.newContext({
        colorScheme: scheme,
        viewport: { width, height: 900 },
      })
      await second.addInitScript(() => {
        Reflect.deleteProperty(window, 'SharedWorker')
        const fetch = window.fetch.bind(window)
        window.fetch = async (input, init) => {
          const response = await fetch(input, init)
          if (!response.url.endsWith('/events') || response.body === null) return response
          let rest = ''
          const filter = new TransformStream<string, string>({
            transform(text, controller) {
              const blocks = (rest + text).split('\n\n')
              rest = blocks.pop() ?? ''
              for (const block of blocks)
                if (!/"attempt":(2|4)/.test(block)) controller.enqueue(`${block}\n\n`)
            },
          })
          return new Response(
            response.body
              .pipeThrough(new TextDecoderStream())
              .pipeThrough(filter)
              .pipeThrough(new TextEncoderStream()),
            response,
          )
        }
      })
      const holey = await second.newPage()
      await holey.goto(`${companion.url}/runs`)
      await holey.getByRole('banner').getByRole('status').getByText('Live').waitFor()
      const run = await scene.start('holey')
      await holey.locator(`a[href="/runs/${run}"]`).click()
      await runPage(holey).stands.getByText('Failed', { exact: true }).waitFor()
      await holey.waitForTimeout(1500)
      await holey.screenshot({
        path: `/tmp/live/shot-holey-${scheme}-${width}.png`,
        fullPage: true,
      })
      await second.close()
    }
  await scene.close()
})
