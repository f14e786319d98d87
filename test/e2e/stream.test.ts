import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { RunFrame } from '#contract/frame.ts'
import { RUN_STATUS } from '#contract/status.ts'
import { isSealed, runPage, type Scene, setScene } from './scene.ts'

/* What a lossy stream leaves of a run: everything, since the record fills it. */

const PROJECT = `
runs:
  asking:
    title: Asks in the end
    steps:
      - id: work
        kind: test
        run: echo working
    gates:
      - id: well
        needs: [work]
        question: Is it well?
  patient:
    title: Waits to be let go
    steps:
      - id: first
        retries: 1
        run: echo first; while [ ! -e first ]; do sleep 0.1; done
      - id: second
        needs: [first]
        run: echo second; while [ ! -e second ]; do sleep 0.1; done
  brief:
    title: A brief one
    steps:
      - id: only
        run: while [ ! -e brief ]; do sleep 0.1; done
`

let scene: Scene

beforeAll(async () => {
  scene = await setScene(PROJECT)
})
afterAll(async () => {
  await scene?.close()
})

describe('the stream in a browser', () => {
  it('[F1] tells a plain EventSource of a run, by the names of the seeds', async () => {
    const { page, companion, start, recorded, approve } = scene
    await page.goto(companion.url)
    await page.evaluate(async (names) => {
      const heard: string[] = []
      Reflect.set(window, 'heard', heard)
      const source = new EventSource('/events', { withCredentials: true })
      for (const name of names)
        source.addEventListener(name, (event) => {
          heard.push(String(event.data))
        })
      await new Promise((resolve) => {
        source.addEventListener('open', resolve)
      })
    }, NAMES)
    const heard = async () => {
      const lines = z.array(z.string()).parse(await page.evaluate('heard'))
      return lines.map((line) => RunFrame.parse(JSON.parse(line)))
    }
    const run_id = await start('asking')
    await expect.poll(heard).toContainEqual(expect.objectContaining({ type: 'needs_input' }))
    const { gates } = await recorded(run_id, ({ status }) => status === 'needs_input')
    const gate_id = gates[0]?.gate_id ?? ''
    await approve(gate_id)
    const { evidence_id } = await recorded(run_id, isSealed)
    await expect.poll(heard).toContainEqual(expect.objectContaining({ type: 'run_finalized' }))
    expect(await heard()).toMatchObject([
      { type: 'run_started', run_id },
      { type: 'step_started', run_id, step_id: 'work', kind: 'test' },
      { type: 'step_finished', run_id, step_id: 'work', kind: 'test', exit_code: 0 },
      { type: 'needs_input', run_id, gate_id },
      { type: 'run_finalized', run_id, evidence_id },
    ])
  })

  it('[U7] is taken up again by itself when the server was killed, and the screen is what is on record', async () => {
    const { page, start, recorded, put, restart } = scene
    const run_id = await start('patient')
    await page.goto(`${scene.companion.url}/runs/${run_id}`)
    let loads = 0
    page.on('load', () => (loads += 1))
    const { stands, steps, timelines } = runPage(page)
    const stream = page.getByRole('banner').getByRole('status')
    await stands.getByText('Running').waitFor()
    await stream.getByText('Live').waitFor()
    await recorded(run_id, (run) => run.steps.length === 1)
    await scene.companion.kill()
    await stream.getByText('Reconnecting').waitFor()
    await restart()
    await stream.getByText('Live').waitFor()
    await put('first')
    await put('second')
    const run = await recorded(run_id, isSealed)
    expect(run.steps.map(({ step_id, attempts }) => [step_id, attempts.length])).toEqual([
      ['first', 2],
      ['second', 1],
    ])
    await stands.getByText(RUN_STATUS[run.status].label).waitFor()
    await stands.locator('[data-told=verified]').first().waitFor()
    await steps.getByRole('button', { name: /^Succeeded\s*first.*attempt 2/ }).waitFor()
    for (const { step_id, attempts } of run.steps)
      await expect
        .poll(() => timelines.getByText(`${step_id} finished`).count())
        .toBe(attempts.length)
    // Of the start before, what was not heard is drawn as a gap, and is on record.
    const facts = timelines.locator('[data-told]:not([data-gap] *)')
    await expect.poll(() => facts.and(page.locator(':not([data-told=verified])')).count()).toBe(0)
    expect(await timelines.locator('[data-gap]').count()).toBeGreaterThan(0)
    expect(loads).toBe(0)
  })

  it('[L8] leaves no hole between subscription and snapshot', async () => {
    const { context, companion, start, recorded } = scene
    const page = await context.newPage()
    const run_id = await start('asking')
    const asking = await recorded(run_id, ({ status }) => status === 'needs_input')
    const isOld = Promise.withResolvers<null>()
    const mayGoOn = Promise.withResolvers<null>()
    let asked = 0
    await page.route(`**/api/runs/${run_id}`, async (route) => {
      asked += 1
      if (asked > 1) await mayGoOn.promise
      const response = await route.fetch()
      await isOld.promise
      await route.fulfill({ response })
    })
    const { stands, timelines } = runPage(page)
    await page.goto(`${companion.url}/runs/${run_id}`)
    await expect.poll(() => asked).toBe(1)
    await page.getByRole('banner').getByRole('status').getByText('Live').waitFor()
    // The answer that says `needs input` was made, and is on its way for as long as the rest of the run takes.
    await scene.approve(asking.gates[0]?.gate_id ?? '')
    await recorded(run_id, isSealed)
    await timelines.getByText('run sealed').waitFor()
    isOld.resolve(null)
    await timelines.locator('[data-told=recorded]').first().waitFor()
    expect(await timelines.getByText('run sealed').count()).toBe(1)
    // It is asked again since frames spoke after it, the later the longer the first answer took.
    await expect.poll(() => asked).toBeGreaterThan(1)
    mayGoOn.resolve(null)
    await stands.getByText('Succeeded').waitFor()
    await stands.locator('[data-told=verified]').first().waitFor()
    await page.close()
  })

  it('[U7] finds the end and the evidence of a run whose last frames never came', async () => {
    const { context, companion, start, recorded, keepFromSealing, sealAgain } = scene
    const page = await context.newPage()
    await page.addInitScript(dropsTheLast)
    const run_id = await start('brief')
    await page.goto(`${companion.url}/runs/${run_id}`)
    const { stands } = runPage(page)
    await page.getByRole('banner').getByRole('status').getByText('Live').waitFor()
    const sealable = await keepFromSealing()
    await scene.put('brief')
    await recorded(run_id, ({ seal }) => seal === 'seal_failed')
    await stands.getByText('Seal failed').waitFor()
    await sealable()
    await sealAgain(run_id)
    await stands.locator('[data-told=verified]').first().waitFor()
    await page.close()
  })

  it('met no violation of the content security policy, no page error and no console error', () => {
    expect(scene.faults()).toEqual([])
  })
})

const NAMES = ['run_started', 'step_started', 'step_finished', 'needs_input', 'run_finalized']

/** Something between server and page that lets all through but what comes after the end. Runs in the page. */
function dropsTheLast(): void {
  // The page then holds the stream itself.
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
          if (!/^event: (run_finalized|seal_failed)$/m.test(block))
            controller.enqueue(`${block}\n\n`)
      },
    })
    const body = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(filter)
      .pipeThrough(new TextEncoderStream())
    return new Response(body, response)
  }
}
