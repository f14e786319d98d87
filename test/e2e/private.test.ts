import Database from 'better-sqlite3'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isSealed, type Scene, setScene, signIn } from './scene.ts'

/* `--private`: whoever has not signed in reads nothing, before a session, after it, and when it is over. */

const PROJECT = `
runs:
  quiet:
    title: Nobody else's business
    steps:
      - id: say
        run: while [ ! -e go ]; do sleep 0.05; done; echo whispered
`

let scene: Scene
beforeAll(async () => {
  scene = await setScene(PROJECT, ['--private'])
})
afterAll(async () => {
  await scene?.close()
})

/** What a page of ours gets of each thing that can be read, with what its browser holds. */
async function statusesOf(page: Page, paths: readonly string[]): Promise<number[]> {
  return await page.evaluate(
    async (all) => await Promise.all(all.map(async (path) => (await fetch(path)).status)),
    paths,
  )
}

it('[H18] shows a run, its stream and its envelope to who has signed in, and nothing to anybody else', async () => {
  const { page, companion } = scene
  const run_id = await scene.start('quiet')
  const readable = [
    '/api/status',
    '/api/runs',
    `/api/runs/${run_id}`,
    `/api/runs/${run_id}/steps/say/log`,
    '/api/gates',
    '/api/envelopes',
    '/api/definitions',
    '/api/trust',
    '/metrics',
    '/events',
  ]
  const refused = readable.map(() => 401)
  const main = page.getByRole('main')

  await page.goto(`${companion.url}/runs/${run_id}`)
  await main
    .getByText(/sign in/i)
    .first()
    .waitFor()
  expect(await page.content()).not.toContain('Nobody else')
  expect(await statusesOf(page, readable)).toEqual(refused)

  await signIn(page, companion.signInUrl)
  await page.goto(`${companion.url}/runs/${run_id}`)
  await page.getByRole('heading', { name: /Nobody else/ }).waitFor()
  await main.getByText('Running').first().waitFor()
  await scene.put('go')
  // By the stream: nothing is loaded again.
  await main.getByText('Succeeded').first().waitFor()
  const { evidence_id } = await scene.recorded(run_id, isSealed)
  await page.goto(`${companion.url}/evidence/${evidence_id}`)
  await main
    .getByText(/whispered|proven/i)
    .first()
    .waitFor()

  await page.getByRole('button', { name: /Signed in as/ }).click()
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('link', { name: 'Sign in' }).first().waitFor()
  expect(await statusesOf(page, [...readable, `/api/envelopes/${evidence_id}`])).toEqual([
    ...refused,
    401,
  ])
  await page.goto(`${companion.url}/evidence/${evidence_id}`)
  await main
    .getByText(/sign in/i)
    .first()
    .waitFor()
  expect(await page.content()).not.toContain('Nobody else')
})

it('[P3] [P16] shows nothing more when a session is over by time, and says so', async () => {
  const { page, companion } = scene
  const link = await companion.command('user', 'add', 'vera', '--role', 'viewer')
  await signIn(page, new URL(`/sign-in${new URL(link).hash}`, companion.url).href)
  await page.goto(`${companion.url}/runs`)
  await page
    .getByRole('link', { name: /Nobody else/ })
    .first()
    .waitFor()
  const store = new Database(join(companion.data, 'runseal.db'))
  store.prepare('update session set expires_at = ?').run('2020-01-01T00:00:00.000Z')
  store.close()
  await page
    .getByText(/session (is over|has ended)|sign in/i)
    .first()
    .waitFor()
  expect(await statusesOf(page, ['/api/runs', '/events'])).toEqual([401, 401])
  expect(scene.faults()).toEqual([])
})

it('[H26] has a page with a way on where nothing is', async () => {
  const { page, companion } = scene
  const answer = await page.goto(`${companion.url}/bogus/page`)
  expect(answer?.status()).toBe(404)
  await page.getByRole('heading', { name: 'No such page' }).waitFor()
  expect(await page.getByRole('main').getByRole('link').getAttribute('href')).toBe('/runs')
  for (const [path, accept] of [
    ['/bogus', 'application/json'],
    ['/api/bogus', 'text/html'],
    ['/assets/bogus.js', 'text/html'],
  ] as const) {
    const told = await fetch(`${companion.url}${path}`, { headers: { accept } })
    expect([told.status, told.headers.get('content-type')]).toEqual([
      404,
      'application/problem+json',
    ])
  }
})
