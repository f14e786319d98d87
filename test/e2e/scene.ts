import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core'
import { vi } from 'vitest'
import { RunStartedAnswer } from '#contract/api.ts'
import type { Materialize } from '#contract/provenance.ts'
import { RunResource } from '#contract/run.ts'
import { launchChromium } from '#test/chromium.ts'
import { type Companion, startCompanion } from './companion.ts'
import { collectFaults } from './page-faults.ts'

/** A project of a test's own, its server, and a browser in which every fault counts. */
export type Scene = {
  companion: Companion
  browser: Browser
  context: BrowserContext
  page: Page
  /** Another reader. As in `context`, nothing turns or flashes, which is drawn anew sixty times a second. */
  newContext: (viewport?: { width: number; height: number }) => Promise<BrowserContext>
  faults: () => string[]
  /** Puts a file into the project: what its steps wait for. */
  put: (name: string, text?: string) => Promise<void>
  remove: (...names: string[]) => Promise<void>
  /** Starts a run as a program does and answers its id. */
  start: (definition: string, inputs?: Record<string, string>) => Promise<string>
  materialize: (body: Materialize) => Promise<string>
  /** The run on record once it is as wanted. */
  recorded: (run_id: string, isSo: (run: RunResource) => boolean) => Promise<RunResource>
  approve: (gate_id: string) => Promise<void>
  /** Keeps the next envelopes from being written, until the function it answers is called. */
  keepFromSealing: () => Promise<() => Promise<void>>
  sealAgain: (run_id: string) => Promise<void>
  /** Ends the server as a loss of power does, and starts another over its data at its port. */
  restart: () => Promise<void>
  close: () => Promise<void>
}

export async function setScene(yaml: string, options: readonly string[] = []): Promise<Scene> {
  const project = await mkdtemp(join(tmpdir(), 'runseal-scene-'))
  await writeFile(join(project, 'runseal.yaml'), yaml)
  const first = await startCompanion({ project, options })
  const token = (await first.command('token', 'create', '--role', 'admin')).trim()
  const browser = await launchChromium()
  const newContext: Scene['newContext'] = (viewport) =>
    browser.newContext({ reducedMotion: 'reduce', ...(viewport && { viewport }) })
  const context = await newContext({ width: 1440, height: 900 })
  const faults = await collectFaults(context)
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)

  const ask = async (path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(new URL(path, first.url), {
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        prefer: 'respond-async',
      },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return await answer.json()
  }

  const scene: Scene = {
    companion: first,
    browser,
    context,
    page,
    newContext,
    faults,
    put: (name, text = '') => writeFile(join(project, name), text),
    remove: async (...names) => {
      for (const name of names) await rm(join(project, name))
    },
    start: async (definition, inputs = {}) =>
      RunStartedAnswer.parse(await ask('/api/runs', { definition, inputs })).run_id,
    materialize: async (body) => RunStartedAnswer.parse(await ask('/api/materialize', body)).run_id,
    recorded: (run_id, isSo) =>
      vi.waitUntil(
        async () => {
          const run = RunResource.parse(await ask(`/api/runs/${run_id}`))
          return isSo(run) && run
        },
        { timeout: 30_000, interval: 100 },
      ),
    approve: async (gate_id) => {
      await ask(`/api/gates/${gate_id}/decisions`, { decision: 'approved' })
    },
    keepFromSealing: async () => {
      const folder = join(first.data, 'envelopes')
      await mkdir(folder, { recursive: true })
      await rename(folder, `${folder}.aside`)
      await writeFile(folder, '')
      return async () => {
        await rm(folder)
        await rename(`${folder}.aside`, folder)
      }
    },
    sealAgain: async (run_id) => {
      await ask(`/api/runs/${run_id}/seal`, {})
    },
    restart: async () => {
      await scene.companion.kill()
      scene.companion = await startCompanion({
        project,
        data: first.data,
        port: Number(new URL(first.url).port),
        options,
      })
    },
    close: async () => {
      await browser.close()
      await scene.companion.stop()
      await first.stop()
      await rm(project, { recursive: true, force: true })
    },
  }
  return scene
}

export const isSealed = ({ seal }: RunResource): boolean => seal === 'sealed'

export async function signIn(page: Page, link: string): Promise<void> {
  await page.goto(link)
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: /Signed in as/ }).waitFor()
}

/** The parts of a run's page by their names. */
export function runPage(page: Page): Record<'stands' | 'steps' | 'log' | 'timelines', Locator> {
  const region = (name: string) => page.getByRole('region', { name, exact: true })
  return {
    stands: region('Where the run stands'),
    steps: region('Steps'),
    log: region('Log'),
    timelines: region('Two timelines'),
  }
}
