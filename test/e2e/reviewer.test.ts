import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENDPOINT, OfferedTrust } from '#contract/api.ts'
import { type ServerKey, TrustFile } from '#contract/trust.ts'
import { canonicalize } from '#evidence/canonical.ts'
import {
  approvedRun,
  listedAs,
  newSigner,
  planStep,
  serverKeyOf,
  startRun,
  trustFileOf,
} from '#test/evidence/fixture.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { longRun } from '#test/bench/long-run.ts'
import { keyboardOf } from './keyboard.ts'
import { axeViolations, collectFaults } from './page-faults.ts'
import { isSealed, runPage, type Scene, setScene, signIn } from './scene.ts'

/* A reviewer who does not trust the server that shows the page. One story, in order, in a real browser. */

const PROJECT = `
runs:
  release:
    title: A release
    steps:
      - id: build
        run: printf 'first line\\nsecond line\\n'; printf 'the package' > out.txt
        artifacts: [out.txt]
      - id: publish
        needs: [approve]
        argv: [echo, published]
    gates:
      - id: approve
        needs: [build]
        question: Release it?
        quorum: 1
  quick:
    title: A quick run
    inputs:
      whom: { default: everybody }
    steps:
      - id: greet
        argv: [echo, '{{inputs.whom}}']
`

let scene: Scene
let page: Page
let folder = ''
const runs: { run_id: string; evidence_id: string }[] = []

const region = (name: string | RegExp) => page.getByRole('region', { name })
const claims = () => page.getByRole('region', { name: 'Claims', exact: true })
const claim = (name: string, state: string) =>
  claims().locator(`[data-claim=${name}]`, { hasText: state }).first()
const fileOf = (evidence_id: string) => join(folder, `${evidence_id}.json`)
const openEvidence = ({ run_id, evidence_id } = first()) =>
  page.goto(`${scene.companion.url}/evidence/${evidence_id}?run=${run_id}`)

function first() {
  const [one] = runs
  if (!one) throw new Error('no run was sealed')
  return one
}

async function sealedRun(definition: string): Promise<void> {
  const run_id = await scene.start(definition)
  if (definition === 'release') {
    const { gates } = await scene.recorded(run_id, (run) => run.gates.length > 0)
    await scene.approve(gates[0]?.gate_id ?? '')
  }
  const { evidence_id } = await scene.recorded(run_id, isSealed)
  runs.push({ run_id, evidence_id: evidence_id ?? '' })
}

beforeAll(async () => {
  scene = await setScene(PROJECT)
  page = scene.page
  folder = join(scene.companion.data, 'envelopes')
  await signIn(page, scene.companion.signInUrl)
  await sealedRun('release')
  await sealedRun('quick')
  await sealedRun('quick')
})
afterAll(async () => {
  await scene?.close()
})

describe('trust', () => {
  it('[U16] takes nothing of a bad trust file, and says why', async () => {
    await page.goto(`${scene.companion.url}/evidence/trust`)
    const signer = await newSigner()
    const bad = trustFileOf(signer, {
      server_keys: [serverKeyOf(signer, { key_id: 'ab'.repeat(32) })],
    })
    const choose = region('Use a trust file').locator('input[type=file]')
    await choose.setInputFiles(jsonFile('bad.json', bad))
    await page.getByText('bad.json is refused').waitFor()
    await page.getByText(/is not the id of its key/).waitFor()
    await page.getByText(/what you trusted before still stands/).waitFor()
    await choose.setInputFiles(jsonFile('other.json', { schema: 'runseal/trust/2' }))
    await page.getByText('other.json is refused').waitFor()
  })

  it('[U16] uses a good one when its fingerprints were compared, and takes it back', async () => {
    const elsewhere = await newSigner(9)
    const trusted = region('Pinned, not offered')
    const file = trustFileOf(elsewhere, { approvers: [newPasskey('ann').approver] })
    await region('Use a trust file')
      .locator('input[type=file]')
      .setInputFiles(jsonFile('good.json', file))
    const use = page.getByRole('button', { name: 'Trust what good.json says' })
    await page.getByRole('list', { name: 'Approvers' }).getByText('passkey’s public key').waitFor()
    expect(await use.isDisabled()).toBe(true)
    await page.getByLabel(/I compared these fingerprints/).check()
    expect(await axeViolations(page)).toEqual([])
    await use.click()
    await trusted.getByRole('button', { name: 'Unpin' }).waitFor()
    await region('What you trusted before').getByRole('button', { name: 'Take it back' }).click()
    await trusted.waitFor({ state: 'detached' })
  })

  it('pins the key by its fingerprint', async () => {
    await page.getByLabel(/I compared it/).check()
    await page.getByRole('button', { name: 'Pin this key' }).click()
    await page.getByRole('button', { name: 'Unpin' }).waitFor()
  })

  it('[U16] makes a requirement of a trusted envelope in one click, editable and exported', async () => {
    await openEvidence()
    await claim('expectations', 'not present').waitFor()
    await page.getByRole('button', { name: 'Require this definition and its gates' }).click()
    await claim('expectations', 'proven').waitFor()
    await page.getByRole('link', { name: /you require this definition and 1 gate/ }).click()
    const required = page.getByRole('article', { name: 'Required of release' })
    await required.getByText('Release it?').waitFor()
    expect(await axeViolations(page)).toEqual([])
    await required.getByLabel('At least so many approve').fill('2')
    await region('What you require').getByText('Kept in this browser').waitFor()
    await openEvidence()
    await claim('expectations', 'does not verify').waitFor()
    await page.goto(`${scene.companion.url}/evidence/trust`)
    await required.getByLabel('At least so many approve').fill('1')
    await region('What you require').getByText('Kept in this browser').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Download the trust file' }).click()
    const file = TrustFile.parse(JSON.parse(await readFile(await (await download).path(), 'utf8')))
    expect(file.required.map(({ name, gates }) => [name, gates[0]?.quorum])).toEqual([
      ['release', 1],
    ])
    await writeFile(join(folder, '..', 'taken.json'), JSON.stringify(file))
  })

  it('[U16] says what a requirement leaves open before it is kept', async () => {
    const requireIt = page.getByRole('button', { name: 'Require this definition and its gates' })
    await openEvidence(runs[1])
    await page
      .getByRole('heading', {
        name: 'It is sealed by a key you trust. Which definition it is a run of is not proven',
      })
      .waitFor()
    await requireIt.click()
    const asked = page.getByRole('dialog', { name: 'Require this definition and its gates' })
    await asked.getByText('Element 1 of the command of greet, which is the input whom').waitFor()
    await asked.getByText('What each command reads in INPUT_ variables: whom').waitFor()
    expect(await axeViolations(page)).toEqual([])
    await asked.getByRole('button', { name: 'Cancel' }).click()
    await claim('expectations', 'not checked').waitFor()
    await requireIt.click()
    await asked.getByRole('button', { name: 'Require it, with this left open' }).click()
    await page.getByRole('link', { name: 'you require this definition and no gate' }).click()
    const required = page.getByRole('article', { name: 'Required of quick' })
    await required.getByText('Left open to each run').waitFor()
    await required.getByRole('button', { name: 'Require nothing of it' }).click()
    await required.waitFor({ state: 'detached' })
  })

  it('[U16] a changed key is a warning on every page until it is answered', async () => {
    const other = await newSigner(7)
    await page.route('**/api/trust', (route) =>
      route.fulfill({ json: { server_keys: [serverKeyOf(other)], approvers: [] } }),
    )
    await page.goto(`${scene.companion.url}/runs`)
    const warning = page.getByRole('alert', { name: 'The server’s key changed' })
    await warning.waitFor()
    expect(await warning.locator('code').count()).toBe(2)
    expect(await warning.locator('code').first().textContent()).toBe(other.key_id)
    expect(await axeViolations(page)).toEqual([])
    await page.goto(`${scene.companion.url}/evidence`)
    await warning.waitFor()
    expect(
      await warning.getByRole('button', { name: 'It is the server’s new key' }).isDisabled(),
    ).toBe(true)
    await warning.getByRole('button', { name: 'Do not use this key' }).click()
    await warning.waitFor({ state: 'detached' })
    await page.goto(`${scene.companion.url}/evidence/trust`)
    await page.getByText('a key you refused').waitFor()
    await page.unroute('**/api/trust')
  })
})

it('[U16] [U9] a key that changes under an open page is a warning within a minute, wherever on it the reader is', async () => {
  const context = await scene.newContext({ width: 1440, height: 700 })
  const page = await context.newPage()
  const other = await newSigner(8)
  const { press, reach, isAt } = keyboardOf(page)
  await page.clock.install()
  await page.goto(`${scene.companion.url}/reference`)
  await page.getByText('problem details').waitFor()
  await expect
    .poll(() => page.evaluate(async () => (await indexedDB.databases()).length))
    .toBeGreaterThan(0)
  await page.route('**/api/trust', (route) =>
    route.fulfill({ json: { server_keys: [serverKeyOf(other)], approvers: [] } }),
  )
  // Down the page, with the focus on something of it.
  const last = page.getByRole('main').locator('summary').filter({ visible: true }).last()
  await last.focus()
  const warning = page.getByRole('alert', { name: 'The server’s key changed' })
  expect(await warning.count()).toBe(0)
  await page.clock.fastForward(60_000)
  await warning.waitFor()
  await isAt(last)
  expect(await warning.evaluate((it) => it.getBoundingClientRect().top)).toBe(48)
  expect(await warning.evaluate((it) => it.clientWidth)).toBe(
    await page.evaluate(() => document.documentElement.clientWidth),
  )
  // Where a file is verified it stands too, and no server is asked for it; also after a reload.
  await press('3')
  await page.getByRole('link', { name: 'Verify a file' }).click()
  await page.getByRole('heading', { name: 'Verify' }).first().waitFor()
  await warning.waitFor()
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.reload()
  await warning.waitFor()
  expect(await axeViolations(page)).toEqual([])
  const accept = warning.getByRole('button', { name: 'It is the server’s new key' })
  await reach(warning.getByRole('checkbox'))
  expect(await accept.isDisabled()).toBe(true)
  await press('Space')
  await reach(accept)
  await press('Enter')
  await warning.waitFor({ state: 'detached' })
  await isAt(page.getByRole('main'))
  expect(asked.filter((url) => url.endsWith('/api/trust'))).toEqual([])
  await press('1')
  await page.getByRole('heading', { name: 'Runs' }).waitFor()
  expect(await warning.count()).toBe(0)
  await context.close()
})

it('[U16] a key that the server takes back counts no further on any page, also where it gives it back', async () => {
  const context = await scene.newContext()
  const page = await context.newPage()
  const { evidence_id } = first()
  const says = (over: Partial<ServerKey>) =>
    page.route('**/api/trust', async (route) => {
      const { server_keys } = OfferedTrust.parse(await (await route.fetch()).json())
      const keys = server_keys.map((key) => ({ ...key, ...over }))
      await route.fulfill({ json: { server_keys: keys, approvers: [] } })
    })
  const verdict = (name: string) => page.getByRole('heading', { name })
  await page.goto(`${scene.companion.url}/evidence/${evidence_id}`)
  await verdict('The record is whole. Whose it is has not been proven').waitFor()
  await says({ status: 'revoked', last_seal_seq: 0 })
  await page.goto(`${scene.companion.url}/evidence/${evidence_id}`)
  await verdict('This file does not verify').waitFor()
  await page.getByText(/this server first called this key revoked/).waitFor()
  await page.getByRole('link', { name: 'Keys you trust' }).first().click()
  await page.getByText('revoked, counts up to #0').waitFor()
  await page.unroute('**/api/trust')
  await page.goto(`${scene.companion.url}/verify`)
  await page.getByLabel('Choose files').setInputFiles(fileOf(evidence_id))
  await verdict('This file does not verify').waitFor()
  // A walk tells it by that key, leads to where it is answered, and lets go of nothing.
  await page.goto(`${scene.companion.url}/evidence/chain`)
  await page.getByRole('button', { name: 'Walk the chain' }).click()
  const found = page.getByRole('region', { name: 'What was found' })
  await found.getByText(/^3 of 3 records are by a key that does not count for them/).waitFor()
  await found.getByText(/Now it calls it active/).waitFor()
  expect(await found.getByRole('button', { name: /^Hold later walks/ }).count()).toBe(0)
  expect(await axeViolations(page)).toEqual([])
  await found.getByRole('link', { name: 'Keys you trust' }).click()
  await page.getByText(/Now it calls it active/).waitFor()
  expect(await axeViolations(page)).toEqual([])
  await page.getByLabel(/The operator told me so/).check()
  await page.getByRole('button', { name: 'Let it count as the server says now' }).click()
  await page.getByText('revoked, counts up to #0').waitFor({ state: 'detached' })
  await context.close()
})

describe('a verdict', () => {
  it('says in one place what is proven, by whose key, and what is left open', async () => {
    await openEvidence()
    const verdict = region('Verdict')
    await verdict.getByText(/signed by a key you pinned/).waitFor()
    await verdict.getByText(/Not present: .*a person’s signature/).waitFor()
    await region('Not detectable').getByText('Work that was never recorded').waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  it('[U12] by a pinned key needs no list of the server’s, and says that it did not have it', async () => {
    await page.route('**/api/trust', (route) =>
      route.fulfill({ body: '<h1>Sign in</h1>', contentType: 'text/html' }),
    )
    await openEvidence()
    const verdict = region('Verdict')
    await verdict.getByText(/signed by a key you pinned/).waitFor()
    await verdict.getByText(/own list of keys could not be had/).waitFor()
    await page.unroute('**/api/trust')
  })

  it('[U16] is made anew when another tab changes what is trusted', async () => {
    const verdict = region('Verdict')
    await openEvidence()
    await verdict.getByText(/signed by a key you pinned/).waitFor()
    const other = await scene.context.newPage()
    await other.goto(`${scene.companion.url}/evidence/trust`)
    await other.getByRole('button', { name: 'Unpin' }).click()
    await verdict.getByText(/first seen on this device/).waitFor()
    // The one beside it was refused before.
    const offered = other.getByRole('region', { name: 'Offered by this server' })
    await offered.getByLabel(/I compared it/).check()
    await offered.getByRole('button', { name: 'Pin this key' }).click()
    await verdict.getByText(/signed by a key you pinned/).waitFor()
    await other.close()
  })

  it('[U13] lays the stream beside the record', async () => {
    await runPage(page)
      .timelines.getByText(/heard nothing of this run|No contradiction/)
      .waitFor()
  })

  it('[U15] sorts and searches what is on record', async () => {
    const record = region('What is on record')
    await record.getByRole('button', { name: 'Sort by Step' }).click()
    await record.getByRole('button', { name: /Sort by Step, upwards/ }).click()
    await record.getByRole('button', { name: /Sort by Step, downwards/ }).waitFor()
    const rows = page.getByRole('region', { name: 'Steps', exact: true }).getByRole('button')
    await expect.poll(() => rows.first().textContent()).toContain('publish')
    await record.getByRole('searchbox').fill('package')
    await record.getByText('1 row found').waitFor()
    await record.getByText(/sorted by Step, downwards/).waitFor()
    // What only another view has is said to be there.
    await record.getByRole('searchbox').fill('Release it?')
    await record.getByText(/^No step has this in its name, kind/).waitFor()
    await record.getByRole('button', { name: 'Gates: found in 1 gate' }).waitFor()
    await record.getByRole('searchbox').fill('')
    // By keyboard: from row to row, into an entry, and back to its row.
    await record.getByRole('button', { name: /^\s*\d+\s*publish/ }).focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await region('Entry 1').waitFor()
    await page.keyboard.press('Escape')
    await region('Entry 1').waitFor({ state: 'detached' })
    await expect
      .poll(() => page.evaluate(() => document.activeElement?.textContent))
      .toMatch(/^\s*1\s*build/)
    // Its row shuts it too. Typing beside an open one is typing, and stays where it is.
    for (const key of ['Enter', 'Enter', 'Shift+Tab', 'Enter']) await page.keyboard.press(key)
    await region('Entry 1').waitFor({ state: 'detached' })
    await page.keyboard.press('Enter')
    await record.getByRole('searchbox').focus()
    await page.keyboard.type('b2')
    await record.getByText(/^No step has this/).waitFor()
    expect(await record.getByRole('searchbox').inputValue()).toBe('b2')
    await region('Entry 1').getByRole('button', { name: 'Close' }).focus()
    await page.keyboard.press('Escape')
    await region('Entry 1').waitFor({ state: 'detached' })
    await keyboardOf(page).isAt(record.getByRole('searchbox'))
    await record.getByRole('searchbox').fill('')
    await record.getByRole('button', { name: /^\s*\d+\s*build/ }).click()
    await region('Entry 1').waitFor()
  })

  it('[U10] shows a log and an artifact as evidence once they were compared', async () => {
    const entry = region('Entry 1')
    expect(await region('Content of the log').count()).toBe(0)
    await entry.getByRole('button', { name: 'Fetch and compare the log' }).click()
    await region('Content of the log').getByText('first line').waitFor()
    await entry.getByRole('button', { name: 'Fetch and compare the artifact' }).click()
    await region('Content of the artifact').getByText('the package').waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  it('[U10] refuses a log and an artifact that were changed, and draws nothing of them', async () => {
    await page.route('**/log?*', async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, body: (await response.text()).replace('second', 'other') })
    })
    await page.route('**/api/artifacts/*', (route) =>
      route.fulfill({ body: 'another package', contentType: 'application/octet-stream' }),
    )
    await page.reload()
    const entry = region('Entry 1')
    await entry.getByRole('button', { name: 'Fetch and compare the log' }).click()
    await entry.getByText('This is not the log that is on record').waitFor()
    await entry.getByRole('button', { name: 'Fetch and compare the artifact' }).click()
    await entry.getByText('This is not the artifact that is on record').waitFor()
    expect(await region(/Content of/).count()).toBe(0)
    expect(await page.getByText('another package').count()).toBe(0)
    await page.unrouteAll()
  })

  it('[U14] shows what fails when a value or a byte of a copy is changed', async () => {
    await page.getByText('Change a copy of it').click()
    const copy = region('A changed copy')
    await copy.getByRole('searchbox').fill('exit_code')
    await copy.getByRole('list', { name: 'Values' }).getByRole('button').first().click()
    await copy.getByRole('textbox', { name: /New value/ }).fill('7')
    await copy.getByRole('button', { name: 'Change the copy and verify it' }).click()
    await copy.getByText('The changed copy: does not verify').waitFor()
    // A line by hand is over a file, which the copy is not.
    expect(await copy.getByText('By hand').count()).toBe(0)
    await copy.locator('[data-claim=chain]').first().waitFor()
    await copy.getByText('1 changed entry').waitFor()
    await copy.getByText(/A key that you pinned has sealed this chain/).waitFor()
    // Whole lists too, what more there could be, and what could be taken out.
    await copy.getByRole('searchbox').fill('/order')
    await copy.getByRole('button', { name: /^\/order \[/ }).click()
    await copy.getByRole('button', { name: 'Add it in the copy' }).click()
    await copy.locator('output', { hasText: 'wasnothing' }).waitFor()
    await copy.getByRole('button', { name: 'Take it out of the copy' }).click()
    await copy.locator('output', { hasText: 'in the copynothing' }).waitFor()
    expect(
      await copy.getByText(/^The changed copy: (does not verify|not an envelope)/).count(),
    ).toBe(1)
    // What became of one change is not said of the next.
    await copy.getByRole('searchbox').fill('/closing/outcome')
    await copy.getByRole('list', { name: 'Values' }).getByRole('button').first().click()
    await copy.getByText(/^The changed copy/).waitFor({ state: 'detached' })
    expect(await axeViolations(page)).toEqual([])
    await copy.getByLabel('A byte').check()
    await copy.getByLabel(/^Byte, of/).fill('')
    await copy.getByRole('button', { name: 'Change the copy and verify it' }).click()
    await copy.getByText('Not changed: say which byte').waitFor()
    await copy.getByLabel(/^Byte, of/).fill('0')
    await copy.getByRole('button', { name: 'Change the copy and verify it' }).click()
    await copy.getByText('The changed copy: not an envelope').waitFor()
    await region('Verdict')
      .getByText(/proven to be whole/)
      .waitFor()
  })
})

describe('the chain of the server', () => {
  const found = () => region('What was found')
  const walk = async () => {
    await page.goto(`${scene.companion.url}/evidence/chain`)
    await page.getByRole('button', { name: 'Walk the chain' }).click()
    await found().waitFor()
  }

  it('[U12] is walked and remembered', async () => {
    await walk()
    await found().getByText('3 records, without a hole or a fork').waitFor()
    await page.getByText(/newest record that this browser saw here is number 3/).waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  it('[U12] names a record that is gone', async () => {
    const { evidence_id } = runs[1] ?? first()
    await rename(fileOf(evidence_id), `${fileOf(evidence_id)}.aside`)
    await walk()
    await found().getByText('The chain is not whole').waitFor()
    await found().getByText(evidence_id).first().waitFor()
    await rename(`${fileOf(evidence_id)}.aside`, fileOf(evidence_id))
  })

  it('[U12] names a record beside the chain whose seal no key can check, and holds it against nobody', async () => {
    // Of another definition than the one that is required of by now.
    const definition = { name: 'elsewhere', sha256: 'ab'.repeat(32) }
    const run = startRun(await newSigner(66), { steps: [planStep('build')] }, { definition })
    run.step('build')
    const sealed = await run.seal()
    const { bytes, envelope } = sealed
    await page.route('**/api/envelopes?*', async (route) => {
      const response = await route.fetch()
      const list = ENDPOINT.listEnvelopes.answer.parse(await response.json())
      const items = [listedAs(sealed), ...list.items]
      await route.fulfill({ response, json: { ...list, items } })
    })
    await page.route(`**/api/envelopes/${envelope.evidence_id}`, (route) =>
      route.fulfill({ body: Buffer.from(bytes), contentType: 'application/json' }),
    )
    await walk()
    await found().getByText('1 of 4 records has no place that could be checked').waitFor()
    await found().getByText('No seal that could be checked is on it').waitFor()
    expect(await found().getByText('not whole').count()).toBe(0)
    expect(await axeViolations(page)).toEqual([])
    await page.unrouteAll()
    // Whole, and of a key that this reader only met: not in the colour of what is proven.
    const context = await scene.newContext()
    const stranger = await context.newPage()
    await stranger.goto(`${scene.companion.url}/evidence/chain`)
    await stranger.getByRole('button', { name: 'Walk the chain' }).click()
    const theirs = stranger.getByRole('region', { name: 'What was found' })
    await theirs.getByText('None of them is proven').waitFor()
    expect(await theirs.locator('.text-seal').count()).toBe(0)
    expect(await theirs.evaluate((box) => box.matches('.border-seal'))).toBe(false)
    // Of the newest, which no other one names, the list does.
    await stranger.route('**/api/envelopes?*', async (route) => {
      const response = await route.fetch()
      const list = ENDPOINT.listEnvelopes.answer.parse(await response.json())
      const another = { head: '0'.repeat(64), sha256: '0'.repeat(64) }
      const items = list.items.map((one, at) => (at === 0 ? { ...one, ...another } : one))
      await route.fulfill({ response, json: { ...list, items } })
    })
    await stranger.getByRole('button', { name: 'Walk it again' }).click()
    await theirs.getByText('Sealed anew.').waitFor()
    await theirs.getByText('is another one than the server’s own list says').waitFor()
    await context.close()
  })

  it('[U12] names the newest records that are withheld, since this browser saw them', async () => {
    const withheld = runs.slice(1, 3).map(({ evidence_id }) => evidence_id)
    await page.route('**/api/envelopes?*', async (route) => {
      const response = await route.fetch()
      const list = ENDPOINT.listEnvelopes.answer.parse(await response.json())
      const items = list.items.filter(({ evidence_id }) => !withheld.includes(evidence_id))
      await route.fulfill({ response, json: { ...list, items } })
    })
    await page.goto(`${scene.companion.url}/evidence`)
    await page.getByText('history has changed underneath you').waitFor()
    await walk()
    // Beneath the newest as well, though none of them was opened since.
    await found()
      .getByText('2 records, numbers 2 to 3, were here before and are not here now')
      .waitFor()
    await found().getByText('Which records').click()
    for (const id of withheld) await found().getByText(id, { exact: true }).waitFor()
    expect(await axeViolations(page)).toEqual([])
    await page.unrouteAll()
    // Another tab, or the same one later, and a record that is opened by its link, say what the walk found.
    const warned = page.getByRole('alert').filter({ hasText: 'was not whole when this browser' })
    const what = '2 records, numbers 2 to 3, were here before and are not here now.'
    await page.reload()
    await warned.getByText(what).waitFor()
    await page.goto(`${scene.companion.url}/evidence/${first().evidence_id}`)
    await region('Verdict').getByText('is proven to be whole').waitFor()
    await warned.getByText(what).waitFor()
    expect(await axeViolations(page)).toEqual([])
    await warned.getByRole('link', { name: 'Walk the chain' }).click()
    await warned.getByText(what).waitFor()
  })
})

/** Runs in the page before it: what stores nothing, in each way that browsers have. */
const KEEPS_NOTHING = {
  'refuses the store':
    "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError') }",
  'has no room':
    "IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError') }",
}

describe('a browser that keeps nothing', () => {
  it.each(Object.entries(KEEPS_NOTHING))(
    '[U36] since it %s has every verdict all the same, says so, and accuses nobody',
    async (how, script) => {
      const context = await scene.newContext({ width: 1440, height: 900 })
      const faults = await collectFaults(context)
      await context.addInitScript({ content: script })
      const other = await context.newPage()
      other.setDefaultTimeout(30_000)
      const notice = other.getByText(/^This browser keeps nothing (new )?for Runseal here$/)
      const main = other.getByRole('main')
      const open = (path: string) => other.goto(`${scene.companion.url}${path}`)
      await open(`/evidence/${first().evidence_id}`)
      await main.getByText('The record is whole. Whose it is has not been proven').waitFor()
      await notice.waitFor()
      await other.getByText(/The browser says:/).waitFor()

      await open('/evidence/chain')
      await other.getByRole('button', { name: 'Walk the chain' }).click()
      await other.getByRole('region', { name: 'What was found' }).waitFor()
      expect(await other.getByText(/list of keys could not be had/).count()).toBe(0)

      await open('/evidence/trust')
      await main.getByLabel('I compared it with a fingerprint').check()
      await main.getByRole('button', { name: 'Pin this key' }).click()
      const lost = other.getByRole('alert').filter({ hasText: 'That was not kept in this browser' })
      await lost.waitFor()
      expect(await main.getByRole('button', { name: 'Unpin' }).count()).toBe(0)
      expect(await axeViolations(other)).toEqual([])

      await open('/verify')
      await main.locator('input[type=file]').first().setInputFiles(fileOf(first().evidence_id))
      // What could be read is what is kept, though nothing can be added to it.
      const isRead = how === 'has no room'
      await main
        .getByText(
          `The file agrees with itself${isRead ? ', and nobody' : '. Whom you trust could'}`,
        )
        .waitFor()
      expect(await notice.count()).toBe(1)
      expect(await main.getByText(/Give it again/).count()).toBe(0)
      expect(faults()).toEqual([])
      await context.close()
    },
  )
})

describe('a browser that had kept something', () => {
  it('[U36] [U16] and has no room goes on to say, on a page that asks no server too, what the server has said since', async () => {
    const context = await scene.newContext()
    const other = await context.newPage()
    other.setDefaultTimeout(30_000)
    const verdict = (name: string) => other.getByRole('heading', { name }).waitFor()
    const { evidence_id } = first()
    await other.goto(`${scene.companion.url}/evidence/${evidence_id}`)
    await verdict('The record is whole. Whose it is has not been proven')
    await context.addInitScript({ content: KEEPS_NOTHING['has no room'] })
    const later = serverKeyOf(await newSigner(8))
    await context.route('**/api/trust', async (route) => {
      const { server_keys } = OfferedTrust.parse(await (await route.fetch()).json())
      const keys = server_keys.map((key) => ({ ...key, status: 'revoked', last_seal_seq: 0 }))
      await route.fulfill({ json: { server_keys: [...keys, later], approvers: [] } })
    })
    await other.goto(`${scene.companion.url}/evidence`)
    const warning = other.getByRole('alert', { name: 'The server’s key changed' })
    const notice = other.getByText('This browser keeps nothing new for Runseal here')
    const give = async () => {
      await other
        .getByRole('main')
        .locator('input[type=file]')
        .first()
        .setInputFiles(fileOf(evidence_id))
      await verdict('This file does not verify')
      await warning.waitFor()
      await notice.waitFor()
    }
    await warning.waitFor()
    await other.getByRole('link', { name: 'Verify a file' }).click()
    await give()
    // Loaded anew, before there is anything to keep.
    await other.reload()
    await warning.waitFor()
    await notice.waitFor()
    expect(await axeViolations(other)).toEqual([])
    await give()
    await context.close()
  })

  it('[U36] in another form writes nothing over it, and hands it over or lets it go by the reader’s word', async () => {
    const context = await scene.newContext()
    const other = await context.newPage()
    other.setDefaultTimeout(30_000)
    const main = other.getByRole('main')
    await other.goto(`${scene.companion.url}/reference`)
    await expect.poll(() => other.evaluate(keptIn, null)).toMatchObject({ heads: [] })
    const FOREIGN = { version: 2, people: ['ann'] }
    await other.evaluate(keptIn, FOREIGN)
    await other.goto(`${scene.companion.url}/evidence`)
    await other.getByText('What this browser keeps for Runseal here cannot be read').waitFor()
    await other.getByRole('link', { name: 'Save it, or begin anew' }).click()
    expect(await axeViolations(other)).toEqual([])
    const download = other.waitForEvent('download')
    await main.getByRole('button', { name: 'Save it to a file' }).click()
    const saved = await readFile(await (await download).path(), 'utf8')
    expect(JSON.parse(saved)).toEqual({ kept: FOREIGN })
    const anew = main.getByRole('button', { name: 'Let it go and begin anew' })
    expect(await anew.isDisabled()).toBe(true)
    expect(await other.evaluate(keptIn, null)).toEqual(FOREIGN)
    await main.getByLabel(/^I saved it/).check()
    await anew.click()
    await other
      .getByText('What this browser keeps for Runseal here cannot be read')
      .waitFor({ state: 'detached' })
    await main.getByLabel('I compared it with a fingerprint').check()
    await main.getByRole('button', { name: 'Pin this key' }).click()
    await main.getByRole('button', { name: 'Unpin' }).waitFor()
    await context.close()
  })
})

describe('a file from anywhere', () => {
  it('[U11] is verified signed out, and nothing is sent', async () => {
    await scene.context.clearCookies()
    await page.goto(`${scene.companion.url}/evidence`)
    await page.getByRole('link', { name: 'Verify a file' }).click()
    const choose = region(/file|envelope/i)
      .locator('input[type=file]')
      .first()
    await choose.waitFor({ state: 'attached' })
    await choose.setInputFiles(fileOf(first().evidence_id))
    await region('Verdict')
      .getByText(/signed by a key you pinned/)
      .waitFor()
    await page.getByRole('button', { name: /^\s*\d+\s*build/ }).waitFor()
    expect(await axeViolations(page)).toEqual([])

    const sent: string[] = []
    page.on('request', (request) => sent.push(`${request.method()} ${request.url()}`))
    await scene.context.setOffline(true)
    await choose.setInputFiles([
      fileOf(runs[1]?.evidence_id ?? ''),
      join(folder, '..', 'taken.json'),
    ])
    await region('Trust for this file').getByText('Nothing of it counts yet').waitFor()
    // What this browser keeps counts beside it, and is not taken back by it.
    await region('Verdict')
      .getByText(/signed by a key you pinned/)
      .waitFor()
    await page.getByLabel(/I compared these fingerprints/).check()
    await page.getByRole('button', { name: /^\s*\d+\s*greet/ }).waitFor()
    expect(sent.filter((request) => !/\/(events|api\/status)$/.test(request))).toEqual([])

    // Nor does what the verdict leads to need a network, and what was given is there for who comes back from it.
    await page.getByText('Change a copy of it').click()
    await region('A changed copy').waitFor()
    await page.getByRole('link', { name: 'Keys you trust' }).click()
    await page.getByRole('heading', { name: 'Keys you trust' }).waitFor()
    await page.goBack()
    await region('Trust for this file').getByText('You confirmed it').waitFor()
    await region('Verdict')
      .getByText(/signed by a key you pinned/)
      .waitFor()
    await scene.context.setOffline(false)
  })

  it('[U11] beside others is judged by itself, the worst first, and none is lost', async () => {
    const good = fileOf(first().evidence_id)
    const words = await readFile(good, 'utf8')
    const signer = await newSigner(67)
    const choose = page.locator('input[type=file]').first()
    await choose.setInputFiles([
      jsonFile('nobodys.json', trustFileOf(signer)),
      { ...jsonFile('good.json', {}), buffer: Buffer.from(words) },
      {
        ...jsonFile('bent.json', {}),
        buffer: Buffer.from(words.replace('A release', 'a release')),
      },
    ])
    const found = region('Files that were judged').getByRole('button')
    await found.nth(1).waitFor()
    expect(await found.allTextContents()).toEqual([
      'bent.jsonThis file does not verify',
      expect.stringMatching(/^good\.jsonThe record is proven/),
    ])
    // Both trust files stand, and what was judged before is gone.
    await region('Trust for this file').getByText('nobodys.json').first().waitFor()
    expect(await page.getByLabel(/I compared these fingerprints/).count()).toBe(2)
    expect(await region('Verdict').count()).toBe(0)
    const { press, isAt } = keyboardOf(page)
    await found.first().focus()
    await press('Enter')
    await region('Verdict')
      .getByText(/of bent\.json/)
      .waitFor()
    expect(await axeViolations(page)).toEqual([])
    // The focus goes to what was opened, and back to its row.
    await isAt(page.getByRole('heading', { name: 'bent.json', exact: true }))
    await press('Escape')
    await region('Verdict').waitFor({ state: 'detached' })
    await isAt(found.first())
    await press('Enter')
    await region('Verdict').waitFor()
    await found.first().click()
    await region('Verdict').waitFor({ state: 'detached' })

    await page.getByRole('button', { name: 'Take away taken.json' }).click()
    await found.nth(1).click()
    await region('Verdict')
      .getByText(/of good\.json/)
      .waitFor()
    await page.getByRole('button', { name: /^\s*\d+\s*build/ }).click()
    await region('Entry 1').getByText('verified here').first().waitFor()
    await region('Entry 1')
      .getByLabel('Compare a file with the artifact')
      .setInputFiles({
        name: 'out.txt',
        mimeType: 'text/plain',
        buffer: Buffer.from('the package'),
      })
    await region('Content of the artifact').getByText('the package').waitFor()
    // What was open in one is not open in the next.
    await found.first().click()
    await region('Verdict')
      .getByText(/of bent\.json/)
      .waitFor()
    await found.nth(1).click()
    await region('What is on record').getByText('2 rows').waitFor()
    expect(new URL(page.url()).search).toBe('')
    expect(await region('Entry 1').count()).toBe(0)
    await page.getByRole('button', { name: 'Take away nobodys.json' }).click()
    await region('Verdict')
      .getByText(/signed by a key you pinned/)
      .waitFor()
  })

  it('[W11] that another one contradicts is named, and neither is the true one', async () => {
    const signer = await newSigner(68)
    const sealed = await Promise.all(
      ['One history', 'Another history'].map((title) =>
        // What this browser requires of its own server's definitions is asked of every file.
        approvedRun(signer, {
          title,
          definition: { name: 'theirs', sha256: 'a'.repeat(64) },
        }).seal(),
      ),
    )
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([
        jsonFile('theirs.json', trustFileOf(signer)),
        ...sealed.map(({ envelope }, nth) => ({
          ...jsonFile(`${nth}.json`, {}),
          buffer: Buffer.from(canonicalize(envelope)),
        })),
      ])
    await region('What these files say of each other')
      .getByText(
        '2 different records that are all named ev-1 stand in one place: the server sealed 2 records for it.',
      )
      .waitFor()
    const found = region('Files that were judged').getByRole('button')
    expect(await found.allTextContents()).toEqual([
      '0.jsonThis file does not verify',
      '1.jsonThis file does not verify',
    ])
    await found.first().click()
    await region('Verdict')
      .getByText(/of 0\.json/)
      .waitFor()
    await page.getByText('You hold another envelope in this place').first().waitFor()
    expect(await axeViolations(page)).toEqual([])
    // One after another too, where the reader knows the key: what was given before counts until it is forgotten.
    const give = (nth: number) =>
      page
        .locator('input[type=file]')
        .first()
        .setInputFiles({
          ...jsonFile(`alone-${nth}.json`, {}),
          buffer: Buffer.from(canonicalize(sealed[nth]?.envelope)),
        })
    await page.getByLabel(/I compared these fingerprints/).check()
    // Those that contradict each other count too: neither is the true one by itself.
    for (const nth of [0, 1]) {
      await give(nth)
      await region('Verdict')
        .getByText(new RegExp(`of alone-${nth}\\.json`))
        .waitFor()
      await page.getByText('You hold another envelope in this place').first().waitFor()
      await page
        .getByText(/^\d+ records? that you gave on this page before counts? beside it/)
        .waitFor()
      await page.getByRole('button', { name: /^Forget/ }).click()
      await region('Verdict')
        .getByText(/signed by a key you pinned/)
        .waitFor()
    }
    await page.getByRole('button', { name: 'Take away theirs.json' }).click()
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([
        jsonFile('another.json', trustFileOf(await newSigner(69))),
        ...sealed.map(({ envelope }, nth) => ({
          ...jsonFile(`${nth}.json`, {}),
          buffer: Buffer.from(canonicalize(envelope)),
        })),
      ])
    await page
      .getByText('No key at hand has sealed any of them, so that none is held against another.')
      .waitFor()
    await page.getByRole('button', { name: 'Take away another.json' }).click()
  })

  it('[U11] dropped anywhere on the page is the page’s, and a folder is read', async () => {
    const drop = await page.evaluateHandle(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File(['no JSON'], 'other.txt'))
      return transfer
    })
    await page.getByRole('heading', { name: 'Verify a file' }).dispatchEvent('drop', {
      dataTransfer: drop,
    })
    await region('Verdict').getByText('This file is no evidence envelope').waitFor()
    const inside = join(folder, '..', 'several')
    await mkdir(join(inside, 'logs'), { recursive: true })
    await writeFile(join(inside, 'envelope.json'), await readFile(fileOf(first().evidence_id)))
    await writeFile(join(inside, 'logs', 'a'), 'a log')
    await page.locator('input[webkitdirectory]').setInputFiles(inside)
    await region('Verdict')
      .getByText(/of several\/envelope\.json/)
      .waitFor()
    await region('Not looked at').getByText('several/logs/a').waitFor()
  })

  it('[U5] that is damaged shows its first break and every changed entry, and nothing else of it', async () => {
    const text = (await readFile(fileOf(first().evidence_id), 'utf8')).replaceAll(
      'published',
      'publishes',
    )
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles({ name: 'bent.json', mimeType: 'application/json', buffer: Buffer.from(text) })
    const broken = region('Where it breaks')
    await broken.getByText('The first break').waitFor()
    await broken.getByText(/changed entr/).waitFor()
    expect(await region('What is on record').count()).toBe(0)
    expect(await axeViolations(page)).toEqual([])
  })

  it('[U15] of many steps leaves the page alive, and is stopped at once', async () => {
    const signer = await newSigner()
    const { bytes } = await longRun(signer, 5_000)
    const file = join(folder, '..', 'long.json')
    await writeFile(file, bytes)
    // A reader of their own, who requires nothing of a run called release.
    const context = await scene.newContext()
    const stranger = await context.newPage()
    await stranger.addInitScript({ content: LOSE_FIRST_VERIFICATION })
    await stranger.goto(`${scene.companion.url}/verify`)
    await stranger.locator('input[type=file]').first().setInputFiles(file)
    await stranger.getByRole('button', { name: 'Stop' }).click()
    await stranger.getByText('The verification was stopped').waitFor()
    await stranger.getByRole('button', { name: 'Verify it after all' }).click()
    const record = stranger.getByRole('region', { name: 'What is on record' })
    await record.getByText('5,000 rows').waitFor()
    // By keyboard over all of them, also over those that are not here yet.
    const { press, isAt } = keyboardOf(stranger)
    const step = (nth: number) => record.getByRole('button', { name: new RegExp(`step-${nth}\\b`) })
    await step(0).focus()
    await press('End')
    await isAt(step(4999))
    await press('PageUp', 'ArrowUp')
    await press('Home')
    await isAt(step(0))
    await record.getByRole('searchbox').fill('step-4999')
    await record.getByText('1 row found').waitFor()
    await context.close()
    await rm(file)
  })

  it('[U13] [U15] of many steps stands beside the stream, and is never handed to the page in bulk', async () => {
    const signer = await newSigner()
    const { bytes, envelope } = await longRun(signer, 5_000)
    const context = await scene.newContext()
    await context.route('**/api/trust', (route) =>
      route.fulfill({ json: { server_keys: [serverKeyOf(signer)], approvers: [] } }),
    )
    await context.route(`**/api/envelopes/${envelope.evidence_id}`, (route) =>
      route.fulfill({ body: Buffer.from(bytes), contentType: 'application/json' }),
    )
    const stranger = await context.newPage()
    await stranger.addInitScript({ content: WEIGH_MESSAGES })
    await stranger.goto(`${scene.companion.url}/evidence/${envelope.evidence_id}`)
    const both = stranger.getByRole('region', { name: 'Two timelines' })
    await both.getByText('10,003 facts').waitFor()
    await both.getByText('This page heard nothing of this run on the stream').waitFor()
    const facts = both.getByRole('region', { name: 'Facts of the run' })
    expect(await facts.count()).toBe(0)
    await both.getByRole('button', { name: 'Show them all the same' }).click()
    await facts.getByText('step-0', { exact: true }).first().waitFor()
    await facts.evaluate((box) => box.scrollTo(0, box.scrollHeight))
    await facts.getByText('step-4999', { exact: true }).first().waitFor()
    await facts.getByText('sealed', { exact: true }).waitFor()
    const heaviest = Number(await stranger.evaluate('globalThis.heaviest'))
    expect(heaviest).toBeGreaterThan(0)
    expect(heaviest).toBeLessThan(bytes.length / 10)
    await context.close()
  })

  it('[U13] that was heard of is held against what the stream said', async () => {
    const context = await scene.newContext()
    const listener = await context.newPage()
    await listener.goto(`${scene.companion.url}/runs`)
    await listener.getByRole('banner').getByRole('status').getByText('Live').waitFor()
    const run_id = await scene.start('quick')
    const { evidence_id } = await scene.recorded(run_id, isSealed)
    await listener.evaluate((at) => history.pushState(null, '', at), `/evidence/${evidence_id}`)
    const both = listener.getByRole('region', { name: 'Two timelines' })
    await both.getByText(/^No contradiction in \d+ facts that the stream said/).waitFor()
    expect(await both.locator('[data-told=verified]').count()).toBeGreaterThan(3)
    await context.close()
  })

  it('met no violation of the content security policy, no page error and no console error', async () => {
    expect(await readdir(folder)).toHaveLength(4)
    expect(scene.faults()).toEqual([])
  })
})

/** Runs in the page: the first verification never ends by itself, however fast the machine is. */
const LOSE_FIRST_VERIFICATION = `
  const { postMessage } = Worker.prototype
  let isLost = false
  Worker.prototype.postMessage = function (message, transfer) {
    if (isLost || message.question?.ask !== 'verify') return postMessage.call(this, message, transfer)
    isLost = true
  }
`

/** Runs in the page: how much the heaviest message of any worker is, as text. */
const WEIGH_MESSAGES = `
  globalThis.heaviest = 0
  const { addEventListener } = Worker.prototype
  Worker.prototype.addEventListener = function (type, listener) {
    return addEventListener.call(this, type, (event) => {
      if (type === 'message')
        globalThis.heaviest = Math.max(globalThis.heaviest, JSON.stringify(event.data).length)
      listener.call(this, event)
    })
  }
`

function jsonFile(name: string, value: object) {
  return { name, mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(value)) }
}

/** Runs in the page: what is kept, as it is, or null where nothing is; `next` is then put in its place. */
function keptIn(next: object | null): Promise<unknown> {
  return new Promise((resolve) => {
    const request = indexedDB.open('runseal', 1)
    // It is for the page to make it.
    request.addEventListener('upgradeneeded', () => request.transaction?.abort())
    request.addEventListener('error', () => resolve(null))
    request.addEventListener('success', () => {
      const transaction = request.result.transaction('trust', 'readwrite')
      const store = transaction.objectStore('trust')
      const kept = store.get('kept')
      if (next !== null) store.put(next, 'kept')
      transaction.addEventListener('complete', () => {
        request.result.close()
        resolve(kept.result ?? null)
      })
    })
  })
}
