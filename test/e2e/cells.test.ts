import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext } from 'playwright-core'
import type { Browser } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { canonicalize } from '#evidence/canonical.ts'
import { sha256 } from '#evidence/digest.ts'
import { BROWSERS } from '#test/both-browsers.ts'
import { runseal } from '#test/cli/command-line.ts'
import {
  CELL,
  newSigner,
  planStep,
  type Sealed,
  startRun,
  serverKeyOf,
} from '#test/evidence/fixture.ts'
import { isSealed, type Scene, setScene } from './scene.ts'
import { openPage } from './verifier-reader.ts'

/* Cells that are kept beside a record: through the page and its worker, an export, and the verifier on disk. */

// More than an entry lists.
const RECORDS = 600
const PROJECT = `
runs:
  all:
    steps: [{ id: derive, materialize: [boxes] }]
tables:
  boxes:
    source: { kind: csv, path: boxes.csv }
    key: name
    derive:
      label:
        from: [name]
        argv: [${JSON.stringify(process.execPath)}, derive.mjs]
        batch: 1000
`
const DERIVE = `
import { createInterface } from 'node:readline'
for await (const line of createInterface({ input: process.stdin })) {
  const { record_id } = JSON.parse(line)
  console.log(JSON.stringify({ record_id, value: 'a label of ' + record_id, cost: '0.01' }))
}
`
const signer = await newSigner()
const lineOf = (over: Partial<typeof CELL>) => `${canonicalize({ ...CELL, ...over })}\n`
const GOOD = lineOf({ record_id: 'r1' }) + lineOf({ record_id: 'r2' })
const TOTALS = { materialized: 2, skipped: 0, failures: 0, total_cost: '0.2' }

/** A record whose holder of the key has sealed this very part, whatever is in it. */
async function sealedOver(lines: string, count = 2): Promise<Sealed> {
  const part = { sha256: sha256(lines), bytes: Buffer.byteLength(lines), count }
  const plan = { steps: [planStep('derive', { kind: 'materialize' })] }
  const run = startRun(signer, plan, { kind: 'materialize' })
  run.step('derive', { cells_part: part })
  return await run.seal({ totals: { ...TOTALS, materialized: count } })
}

/** What a part says that contradicts the record which has its digest, and how that is told. */
const BAD: readonly [what: string, lines: string, count: number, told: string][] = [
  [
    'a line that is no cell',
    `${lineOf({})}{"hidden":1}\n`,
    2,
    'Line 2 of the cells of step derive is no cell',
  ],
  ['a cell twice', lineOf({}) + lineOf({}), 2, 'Line 2 of the cells of step derive is there twice'],
  [
    'a cell in another way of writing',
    GOOD.replace('{"cost"', '{ "cost"'),
    2,
    'Line 1 of the cells of step derive is no cell',
  ],
  ['fewer cells than the record says', GOOD, 3, 'said to have derived 3 cells; its part has 2'],
  [
    'cells of other costs',
    lineOf({ record_id: 'r1' }) + lineOf({ record_id: 'r2', cost: '7' }),
    2,
    'The totals are not those of the cells',
  ],
]

let scene: Scene
let run_id = ''
const folder = mkdtempSync(join(tmpdir(), 'runseal-cells-'))

beforeAll(async () => {
  scene = await setScene(PROJECT)
  await scene.put('derive.mjs', DERIVE)
  const ids = Array.from({ length: RECORDS }, (_, index) => `box-${index}\n`)
  await scene.put('boxes.csv', `name\n${ids.join('')}`)
  run_id = await scene.start('all')
  await scene.recorded(run_id, isSealed)
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await scene?.close()
})

describe('cells in a part, on the page of their server', () => {
  let context: BrowserContext
  afterEach(() => context.close())

  /** The page of a record, served with this as its part, in a browser that has seen no other one of its key. */
  async function look({ bytes, envelope }: Sealed, part: string) {
    context = await scene.newContext()
    const page = await context.newPage()
    const cells = page.getByRole('region', { name: 'Cells', exact: true })
    await page.route('**/api/trust', (route) =>
      route.fulfill({ json: { server_keys: [serverKeyOf(signer)], approvers: [] } }),
    )
    await page.route(`**/api/envelopes/${envelope.evidence_id}`, (route) =>
      route.fulfill({ body: Buffer.from(bytes), contentType: 'application/json' }),
    )
    await page.route('**/api/artifacts/*', (route) =>
      route.fulfill({ body: part, contentType: 'application/octet-stream' }),
    )
    await page.goto(`${scene.companion.url}/evidence/${envelope.evidence_id}?entry=1`)
    await cells.getByRole('button', { name: 'Fetch and compare the cells' }).click()
    return { page, cells, drawn: page.getByRole('region', { name: 'Sealed cells' }) }
  }

  it('[U22] are drawn once they were compared and counted', async () => {
    const { cells, drawn } = await look(await sealedOver(GOOD), GOOD)
    await drawn.getByText('r2').waitFor()
    expect(await cells.getByRole('alert').count()).toBe(0)
  })

  it.each(BAD)('[U22] [A4] are refused and named: %s', async (_, lines, count, told) => {
    const { page, cells, drawn } = await look(await sealedOver(lines, count), lines)
    const alert = cells.getByRole('alert')
    await alert
      .getByText('These are the cells that are on record, and they contradict it')
      .waitFor()
    expect(await alert.textContent()).toContain(told)
    expect(await drawn.count()).toBe(0)
    expect(await page.getByText('hidden').count()).toBe(0)
  })

  it('[U22] are refused where they are others than those of the digest', async () => {
    const other = GOOD.replace('"r2"', '"r3"')
    const { cells, drawn } = await look(await sealedOver(GOOD), other)
    await cells.getByRole('alert').getByText('These are not the cells that are on record').waitFor()
    expect(await drawn.count()).toBe(0)
  })
})

describe.each(BROWSERS)('cells in a part, on disk in $name', ({ name, whyNot, launch }) => {
  let browser: Promise<Browser> | null = null
  const launched = () => (browser ??= launch())
  afterAll(async () => (await browser)?.close())

  it('[C22] come with an export, are counted there, and refused where they were changed', async (context) => {
    const why = whyNot()
    if (why !== null) return context.skip(why)
    const exported = await scene.companion.command('export', run_id, '--html')
    const page = join(folder, `${name}.html`)
    writeFileSync(page, exported)
    const one = await launched()
    const reader = await openPage(await one.newPage(), page)
    await reader.sees('600 cells in 1 part counted: they come to the totals of the run.')
    expect(await reader.text()).not.toContain('do not verify')

    const block = /(data-name="artifacts\/[0-9a-f]{64}">)([A-Za-z0-9+/=]{20000,})</.exec(exported)
    const [, head = '', base64 = ''] = block ?? []
    const lines = Buffer.from(base64, 'base64').toString()
    expect(lines).toContain('"record_id":"box-599"')
    const other = Buffer.from(lines.replace('"record_id":"box-599"', '"record_id":"box-598"'))
    const changed = join(folder, `${name}-changed.html`)
    writeFileSync(changed, exported.replace(head + base64, head + other.toString('base64')))
    const second = await openPage(await one.newPage(), changed)
    await second.sees(
      ' is not the artifact cells.jsonl of step derive, attempt 1: it has another digest.',
    )
    await second.sees('The cells of 1 step are in a part beside this file, and were not counted')
    expect(second.faults).toEqual([])
  })

  it('[A4] are held against the record that has their digest', async (context) => {
    const why = whyNot()
    if (why !== null) return context.skip(why)
    const verifier = join(folder, 'verifier.html')
    writeFileSync(verifier, (await runseal(['verifier'])).stdout)
    const one = await launched()
    const reader = await openPage(await one.newPage(), verifier)
    for (const [index, [, lines, count, told]] of BAD.entries()) {
      const [envelope, part] = [join(folder, `bad-${index}.json`), join(folder, sha256(lines))]
      writeFileSync(envelope, (await sealedOver(lines, count)).bytes)
      writeFileSync(part, lines)
      await reader.choose('Envelope', envelope)
      await reader.choose('Logs and artifacts', part)
      await reader.sees(told)
      await reader.sees('Something beside the record does not verify')
    }
    expect(reader.faults).toEqual([])
  })
})
