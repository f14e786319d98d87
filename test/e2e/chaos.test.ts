import { createServer, type Server } from 'node:http'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import type { RunResource } from '#contract/run.ts'
import { RUN_STATUS } from '#contract/status.ts'
import { createLiar, type Liar } from '#server/chaos/liar.ts'
import { lyingProxy } from '#server/chaos/proxy.ts'
import { collectFaults } from './page-faults.ts'
import { isSealed, type Scene, setScene } from './scene.ts'

/*
 * Pages in a real browser, each before a proxy that lies by a seed of its own, and all before one companion with real
 * runs. When the lies end each page is what is on record, without a reload. RUNSEAL_SEED=N is the one history N again.
 */

const ONE = process.env['RUNSEAL_SEED']
const SEEDS = ONE === undefined ? Array.from({ length: 20 }, (_, n) => n + 1) : [Number(ONE)]
/** Histories that happen at one time. */
const AT_ONCE = 10

const PROJECT = `
runs:
  asking:
    title: Asks in the end
    steps:
      - { id: work, run: 'echo Größe ✓' }
    gates:
      - { id: well, needs: [work], question: Is it well? }
  failing:
    title: Fails at the second attempt
    steps:
      - { id: work, retries: 1, run: 'echo no; exit 3' }
`

let scene: Scene
let proxies: { seed: number; liar: Liar; server: Server; origin: string }[]

beforeAll(async () => {
  proxies = []
  for (const seed of SEEDS) {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const liar = createLiar(seed, { longestMs: 1500 })
    proxies.push({ seed, liar, server, origin: `http://localhost:${address.port}` })
  }
  scene = await setScene(
    PROJECT,
    proxies.flatMap(({ origin }) => ['--origin', origin]),
  )
  const port = Number(new URL(scene.companion.url).port)
  for (const { server, liar } of proxies) server.on('request', lyingProxy(liar, port))
})
afterAll(async () => {
  await scene?.close()
  for (const { server } of proxies) {
    server.closeAllConnections()
    server.close()
  }
})

describe('pages before lying servers', () => {
  it.each(batches().map((seeds) => ({ seeds })))(
    '[CH1] [CH2] are what is on record when the lies end, seeds $seeds',
    async ({ seeds }) => {
      const before = await scene.start('failing')
      const { evidence_id } = await scene.recorded(before, isSealed)
      const waiting = await scene.start('asking')
      const approved = await scene.start('asking')
      const told = proxies.filter(({ seed }) => seeds.includes(seed))
      const histories = await Promise.all(
        told.map(async ({ seed, liar, origin }) => {
          const context = await scene.newContext()
          const faults = await collectFaults(context)
          await context.addInitScript(noteWhatIsSaid)
          const open = (path: string) => opened(context, `${origin}${path}`)
          const second = SECOND[seed % SECOND.length] ?? '/runs'
          const path = second === '/evidence' ? `/evidence/${evidence_id}?run=${before}` : second
          const [first, other] = await Promise.all([open(`/runs/${approved}`), open(path)])
          return { seed, liar, context, faults, first, other, path }
        }),
      )
      // Every page is lied to before what it shows goes on, however slowly it has loaded.
      const lies = () => histories.reduce((sum, { liar }) => sum + liar.state().told, 0)
      while (lies() < 3 * histories.length)
        await scene.recorded(await scene.start('failing'), isSealed)
      const { gates } = await scene.recorded(approved, ({ status }) => status === 'needs_input')
      const failing = await scene.start('failing')
      await scene.approve(gates[0]?.gate_id ?? '')
      const run = await scene.recorded(approved, isSealed)
      await scene.recorded(failing, isSealed)
      await scene.recorded(waiting, ({ status }) => status === 'needs_input')
      for (const { liar } of histories) liar.stop()
      const record = await onRecord()
      for (const { seed, first, other, path, faults, context } of histories) {
        await expect
          .poll(() => saysOfRun(first.page), {
            message: `RUNSEAL_SEED=${seed} is this again`,
            timeout: HEALED_MS,
          })
          .toEqual(saidOf(run))
        await expect
          .poll(() => says(other.page), {
            message: `${path}: RUNSEAL_SEED=${seed} is this again`,
            timeout: HEALED_MS,
          })
          .toEqual(record(path))
        expect(await saidFalsely(first.page, run), `RUNSEAL_SEED=${seed} is this again`).toEqual([])
        expect([first.loads(), other.loads()], `RUNSEAL_SEED=${seed} is this again`).toEqual([1, 1])
        expect(faults(), `RUNSEAL_SEED=${seed} is this again`).toEqual([])
        await context.close()
      }
      await scene.approve((await scene.recorded(waiting, () => true)).gates[0]?.gate_id ?? '')
    },
    // Two times two minutes of healing at the worst, on a machine that does other things too.
    400_000,
  )
})

/** Longest that a page takes to find out after the last lie. */
const HEALED_MS = 100_000
const SECOND = ['/runs', '/gates', '/evidence'] as const

function batches(): number[][] {
  return Array.from({ length: Math.ceil(SEEDS.length / AT_ONCE) }, (_, n) =>
    SEEDS.slice(n * AT_ONCE, (n + 1) * AT_ONCE),
  )
}

async function opened(context: BrowserContext, url: string): Promise<OpenPage> {
  const page = await context.newPage()
  let loads = 0
  page.on('load', () => (loads += 1))
  page.setDefaultTimeout(60_000)
  await page.goto(url)
  return { page, loads: () => loads }
}

type OpenPage = { page: Page; loads: () => number }

const words = (text: string) => text.replaceAll(/\s+/g, ' ').trim()

/** What a run's page says of where it stands, and of its evidence. What the stream said otherwise may stand beside it. */
async function saysOfRun(page: Page): Promise<string[]> {
  const places = [page.getByTestId('status'), page.getByTestId('evidence')]
  const said = (await Promise.all(places.map((place) => place.allInnerTexts()))).flat()
  return said.map((text) =>
    words(text).replace(/ the stream said .* contradicted$/, ' verified here'),
  )
}

const saidOf = ({ status }: RunResource): string[] => [
  `${RUN_STATUS[status].label} verified here`,
  'Sealed verified here open the evidence',
]

/** What a page of any other kind says: its rows, or that the record is verified and drawn. */
async function says(page: Page): Promise<string[]> {
  const record = page.getByRole('region', { name: 'What is on record' })
  if ((await record.count()) > 0) {
    const refused = page.locator('[data-claim]', { hasText: 'does not verify' })
    return [`drawn, ${await refused.count()} claims refused`]
  }
  const rows = page.locator('[data-row]')
  return (
    await rows.evaluateAll((all) =>
      all.map((row) =>
        row.getAttribute('href')?.startsWith('/runs/')
          ? `${row.getAttribute('href')} ${row.firstElementChild?.textContent}`
          : `${row.getAttribute('href')}`,
      ),
    )
  ).map(words)
}

/** The same of what is on record, asked of the companion itself. */
async function onRecord(): Promise<(path: string) => string[]> {
  const ask = async <T>(row: { path: string; answer: z.ZodMiniType<T> }, query: string) =>
    row.answer.parse(await (await fetch(`${scene.companion.url}${row.path}?${query}`)).json())
  const { items: runs } = await ask(ENDPOINT.listRuns, 'limit=100')
  const { items: gates } = await ask(ENDPOINT.listGates, 'state=open')
  return (path) => {
    if (path === '/runs')
      return runs.map(({ run_id, status }) => `/runs/${run_id} ${RUN_STATUS[status].label}`)
    if (path === '/gates') return gates.map(({ gate_id }) => `/gates/${gate_id}`)
    return ['drawn, 0 claims refused']
  }
}

/** Runs in the page: where a status is said to be from, and the status, at whatever moment it was drawn. */
function noteWhatIsSaid(): void {
  const noted = new Set<string>()
  Reflect.set(window, 'noted', noted)
  const note = () => {
    for (const place of document.querySelectorAll('[data-testid=status]')) {
      const by = place.querySelector('[data-told]')
      noted.add(`${by?.getAttribute('data-told')} ${place.textContent}`)
    }
  }
  new MutationObserver(note).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
    attributeFilter: ['data-told'],
  })
}

/** What the page has ever called recorded or verified of the run's status and was not so. */
async function saidFalsely(page: Page, { status }: RunResource): Promise<string[]> {
  const noted = z.array(z.string()).parse(await page.evaluate('[...noted]'))
  const recorded = ['queued', 'running', 'needs_input', status] as const
  const sayable = [
    ...recorded.flatMap((status) => [
      `recorded ${RUN_STATUS[status].label}`,
      `contradicted ${RUN_STATUS[status].label}`,
    ]),
    `verified ${RUN_STATUS[status].label}`,
  ]
  return noted.filter(
    (said) => !said.startsWith('hint ') && !sayable.some((words) => said.startsWith(words)),
  )
}
