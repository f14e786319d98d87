import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { axeViolations, colourViolations } from './page-faults.ts'
import { isSealed, runPage, type Scene, setScene, signIn } from './scene.ts'

/* Every page, light and dark, narrow and wide; and what runs say, which is text wherever it is drawn. */

const MARKUP = '<img src=x onerror="window.owned=1">'
const HOSTILE = `${MARKUP} \u202Egnp.exe\u202C \u001B[2J\u001B]0;owned\u0007 ${'w'.repeat(300)}`

const PROJECT = `
runs:
  hostile:
    title: ${JSON.stringify(HOSTILE)}
    inputs:
      said: { description: ${JSON.stringify(HOSTILE)} }
    steps:
      - id: shout
        argv: [/bin/sh, -c, '. ./shout.sh', '{{inputs.said}}']
        artifacts: [said.txt]
    gates:
      - id: look
        needs: [shout]
        question: 'Have you seen {{inputs.said}}?'
        show: [shout/said.txt]
  endless:
    title: Has no end
    steps:
      - id: wait
        run: while true; do echo tick; sleep 1; done
  broken:
    title: Breaks after an attempt more
    steps:
      - id: work
        retries: 1
        run: echo 'this cannot work' >&2; exit 7
      - id: never
        needs: [work]
        run: echo never
`
const SHOUT = String.raw`
printf '%s\n' "$INPUT_SAID" | tee said.txt
printf 'A\0B \033[31mred\033[0m \033[8mhidden\033[0m \033]8;;http://x.example\007link\033]8;;\007 \342\200\256override\n'
head -c 20000 /dev/zero | tr '\0' x
echo
`

/** A page is laid out anew for each size, and only painted anew for each colour. */
const LOOKS = [
  { width: 380, colorScheme: 'light', look: axeViolations },
  { width: 1440, colorScheme: 'light', look: axeViolations },
  { width: 1440, colorScheme: 'dark', look: colourViolations },
  { width: 2560, colorScheme: 'dark', look: async () => [] },
] as const

let scene: Scene
let page: Page

beforeAll(async () => {
  scene = await setScene(PROJECT)
  page = scene.page
  await scene.put('shout.sh', SHOUT)
})
afterAll(async () => {
  await scene?.close()
})

/** Opens a page, and once `there` is drawn, looks at it unfolded, in each size and each colour. */
async function look(path: string, there: () => Locator): Promise<void> {
  await page.goto(`${scene.companion.url}${path}`)
  await there().first().waitFor()
  await page.evaluate(() => {
    for (const folded of document.querySelectorAll('details')) folded.open = true
  })
  const found: Record<string, readonly string[]> = {}
  for (const { width, colorScheme, look } of LOOKS) {
    await page.setViewportSize({ width, height: 900 })
    await page.emulateMedia({ colorScheme })
    const faults = [...(await page.evaluate(layoutFaults)), ...(await look(page))]
    if (faults.length > 0) found[`${colorScheme} ${width}`] = faults
  }
  expect(found).toEqual({})
  expect(await page.evaluate(textFaults)).toEqual([])
}

// The same words may be in what is still folded.
const text = (words: string) => () =>
  page.getByRole('main').getByText(words).filter({ visible: true })

describe('a new server', () => {
  it.each([
    ['runs', '/runs', text('No run yet')],
    ['gates', '/gates', text('Nothing waits for a person')],
    ['evidence', '/evidence', text('No sealed record yet')],
    ['trust', '/evidence/trust', text('Fingerprint · SHA-256')],
    ['the chain', '/evidence/chain', text('has not walked this server’s chain')],
    ['a file to verify', '/verify', text('Envelopes, from any server')],
    ['a sign-in without a link', '/sign-in', text('Open a sign-in link')],
    ['the API', '/reference', text('problem details')],
    ['tables', '/tables', text('This project defines no table')],
    ['no table', '/tables/none', text('No such table')],
    ['nothing', '/runs/nothing/here', text('There is nothing at this address')],
    ['no run', '/runs/run_none', text('No such run')],
    ['no gate', '/gates/gate_none', text('No such gate')],
    ['no evidence', '/evidence/ev_none', text('No such record')],
  ])('%s', (_, path, there) => look(path, there))

  it('a sign-in', async () => {
    const { pathname, hash } = new URL(scene.companion.signInUrl)
    await look(`${pathname}${hash}`, text('Sign in on this browser'))
  })
})

describe('a server with runs', () => {
  const run = { endless: '', hostile: '', broken: '' }
  const gate = { hostile: '' }
  const evidence = { broken: '', hostile: '' }

  beforeAll(async () => {
    await signIn(page, scene.companion.signInUrl)
    run.endless = await scene.start('endless')
    run.broken = await scene.start('broken')
    run.hostile = await scene.start('hostile', { said: HOSTILE })
    evidence.broken = (await scene.recorded(run.broken, isSealed)).evidence_id ?? ''
    const asking = await scene.recorded(run.hostile, ({ open_gates }) => open_gates === 1)
    gate.hostile = asking.gates[0]?.gate_id ?? ''
  })

  it('runs', () => look('/runs', text('Has no end')))

  it('the dialog that starts one', async () => {
    const dialog = page.getByRole('dialog')
    await look('/runs', () => page.getByRole('button', { name: 'Start a run' }))
    await page.getByRole('button', { name: 'Start a run' }).click()
    await dialog.getByLabel('said').waitFor()
    expect(await axeViolations(page)).toEqual([])
    expect(await page.evaluate(textFaults)).toEqual([])
  })

  it('what the stream’s indicator says, fetched when it is opened', async () => {
    await look('/runs', text('Has no end'))
    await page.getByRole('banner').getByRole('status').getByRole('button').click()
    await page.getByText('Changes arrive as they happen').waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  it('a run that goes on', () =>
    look(`/runs/${run.endless}`, () => runPage(page).log.getByText('tick')))

  it('a run that failed', () =>
    look(`/runs/${run.broken}`, () => runPage(page).stands.locator('[data-told=verified]')))

  it('a run that asks, its log full of what a terminal would obey', async () => {
    const { log } = runPage(page)
    await look(`/runs/${run.hostile}?step=shout`, () => log.getByText('override'))
    await log.getByText('more characters').waitFor()
    await log.getByText('hidden').waitFor()
    expect(await log.getByRole('link').count()).toBe(0)
  })

  it.each([
    `/runs`,
    `/runs/run_1`,
    '/gates',
    '/gates/gate_1',
    '/evidence',
    '/evidence/ev_1',
    '/tables',
  ])('%s while no answer comes', async (path) => {
    await page.route('**/api/**', () => undefined)
    await look(path, () => page.getByRole('main').getByRole('status'))
    await page.unroute('**/api/**')
  })

  it('runs while the stream is away', async () => {
    // The page then holds the stream itself, so that it can be kept from it.
    await page.addInitScript(() => Reflect.deleteProperty(window, 'SharedWorker'))
    await page.route('**/events', (route) => route.abort())
    await look('/runs', () => page.getByRole('banner').getByText('Reconnecting'))
    await page.unroute('**/events')
  })

  it('gates', () => look('/gates', text('Have you seen')))

  it('a gate', async () => {
    await look(`/gates/${gate.hostile}`, () => page.getByRole('button', { name: 'Approve' }))
    await page.getByRole('region', { name: 'Content of said.txt' }).getByText(MARKUP).waitFor()
  })

  it('evidence', () => look('/evidence', text('broken')))

  it('the evidence of a hostile run', async () => {
    await scene.approve(gate.hostile)
    evidence.hostile = (await scene.recorded(run.hostile, isSealed)).evidence_id ?? ''
    const record = page.getByRole('region', { name: 'What is on record' })
    const path = `/evidence/${evidence.hostile}`
    await look(path, () => record.getByText(MARKUP))
    await page.goto(`${scene.companion.url}${path}?view=gates`)
    await record.getByText(MARKUP).waitFor()
    expect(await page.evaluate(textFaults)).toEqual([])
    await page.goto(`${scene.companion.url}${path}?view=raw`)
    await record.getByText('"closing": {').waitFor()
    expect(await page.evaluate(textFaults)).toEqual([])
  })

  it('entries of a hostile run', async () => {
    const path = `/evidence/${evidence.hostile}`
    const entry = (seq: number) => () => page.getByRole('region', { name: `Entry ${seq}` })
    await look(`${path}?entry=1`, () => entry(1)().getByText('Fetch and compare the log'))
    await entry(1)().getByRole('button', { name: 'Fetch and compare the log' }).click()
    await page.getByRole('region', { name: 'Content of the log' }).getByText(MARKUP).waitFor()
    expect(await page.evaluate(textFaults)).toEqual([])
    // A line of 20,000 bytes is seen to its end, by the keyboard alone.
    const show = entry(1)().getByRole('button', { name: 'Show all of line 3' })
    expect((await show.boundingBox())?.height).toBeLessThanOrEqual(20)
    await show.press('Enter')
    const whole = page.getByRole('region', { name: 'All of line 3' })
    await whole.press('End')
    await whole.getByText('19,900').waitFor()
    await look(`${path}?view=gates&entry=2`, () => entry(2)().getByText(MARKUP))
  })

  it('[U37] records, one of them, their chain and the keys, with text of twice the size', async () => {
    await page.setViewportSize({ width: 380, height: 900 })
    const drawn = {
      [`/evidence/${evidence.hostile}?entry=1`]: 'dd',
      '/evidence/trust': '.fingerprint',
      '/evidence': 'li a',
      '/evidence/chain': '[data-row-index]',
    }
    for (const [path, what] of Object.entries(drawn)) {
      await page.goto(`${scene.companion.url}${path}`)
      await page.evaluate(() => document.documentElement.style.setProperty('font-size', '200%'))
      const walk = page.getByRole('button', { name: 'Walk the chain' })
      if (path === '/evidence/chain') await walk.press('Enter')
      await page.getByRole('main').locator(what).first().waitFor()
      expect(await page.evaluate(crampedFaults)).toEqual([])
    }
    await page.setViewportSize({ width: 1440, height: 900 })
  })

  it('[U37] the command of a step, on a page of any width and with text of twice the size', async () => {
    const record = page.getByRole('region', { name: 'What is on record' })
    const wide = { width: 1440, height: 900 }
    for (const [size, text] of [
      [{ width: 780, height: 900 }, '100%'],
      [wide, '200%'],
      [wide, '100%'],
    ] as const) {
      await page.setViewportSize(size)
      await page.goto(`${scene.companion.url}/evidence/${evidence.hostile}`)
      await record.locator('[data-seq]').first().waitFor()
      await page.evaluate((to) => document.documentElement.style.setProperty('font-size', to), text)
      const command = record.locator('[data-seq="1"] .font-mono')
      const rem = await page.evaluate(() =>
        Number.parseFloat(getComputedStyle(document.body).fontSize),
      )
      expect((await command.boundingBox())?.width).toBeGreaterThan(10 * rem)
      expect(await record.evaluate(columnFaults)).toEqual([])
    }
  })

  it('the evidence of a run that failed', () =>
    look(`/evidence/${evidence.broken}`, text('exit 7')))

  it('evidence that is refused', async () => {
    const file = join(scene.companion.data, 'envelopes', `${evidence.broken}.json`)
    await writeFile(file, (await readFile(file, 'utf8')).replace('exit 7', 'exit 0'))
    await look(`/evidence/${evidence.broken}`, text('This file does not verify'))
    // In a claim that fails, for who opens it, and nowhere else.
    const claims = page.getByRole('region', { name: 'Claims', exact: true })
    expect(await page.getByText('exit 0').count()).toBe(await claims.getByText('exit 0').count())
  })

  it('runs, for who is not signed in while a gate waits', async () => {
    const asking = await scene.start('hostile', { said: 'a word' })
    await scene.recorded(asking, ({ open_gates }) => open_gates === 1)
    await page.context().clearCookies()
    await look('/runs', () => page.getByRole('banner').getByText(/\d open$/))
    await page.getByRole('banner').getByRole('link', { name: 'Sign in' }).waitFor()
  })

  it('met no violation of the content security policy, no page error and no console error', () => {
    expect(scene.faults()).toEqual([])
  })
})

/** What stands beside the page, or over its header. Runs in the page. */
function layoutFaults(): string[] {
  const faults: string[] = []
  const { clientWidth: width, scrollWidth, scrollHeight } = document.documentElement
  if (scrollWidth > width) faults.push(`the page scrolls sideways: ${scrollWidth} in ${width}`)
  const called = (element: Element) => element.outerHTML.slice(0, 100)
  const rectOf = (element: Element) => element.getBoundingClientRect()
  // What is smaller is for screen readers only, and what is in a box that scrolls can be scrolled to.
  const isDrawn = (element: Element) => element.checkVisibility() && rectOf(element).width > 1
  const scrolls = (element: Element | null): boolean =>
    element !== null &&
    element !== document.body &&
    (['auto', 'scroll'].includes(getComputedStyle(element).overflowX) ||
      scrolls(element.parentElement))

  const whole = 'a, button, input, select, textarea, summary, h1, h2, h3, p, dt, dd, li'
  for (const element of document.querySelectorAll(`main :is(${whole})`)) {
    const { left, right } = rectOf(element)
    if (isDrawn(element) && (left < 0 || right > width + 1) && !scrolls(element.parentElement))
      faults.push(`is cut off: ${called(element)}`)
  }

  const header = document.querySelector('header')
  if (!header) return [...faults, 'there is no header']
  const inHeader = [...header.querySelectorAll('a, button')].filter(isDrawn)
  for (const [index, one] of inHeader.entries()) {
    const { left, right, top, bottom } = rectOf(one)
    if (left < 0 || right > width || top < 0 || bottom > rectOf(header).bottom)
      faults.push(`is outside of the header: ${called(one)}`)
    for (const other of inHeader.slice(index + 1)) {
      const its = rectOf(other)
      if (left < its.right && its.left < right && top < its.bottom && its.top < bottom)
        faults.push(`${called(one)} overlaps ${called(other)}`)
    }
  }
  for (const scrolled of [0, scrollHeight / 2, scrollHeight]) {
    window.scrollTo(0, scrolled)
    for (let x = 5; x < width; x += width / 20) {
      const onTop = document.elementFromPoint(x, rectOf(header).height / 2)
      if (!onTop || !header.contains(onTop))
        faults.push(`is over the header: ${onTop ? called(onTop) : 'nothing'}`)
    }
  }
  window.scrollTo(0, 0)
  return faults
}

/** Heads of columns that run into the next. Runs in the page. */
function columnFaults(record: Element): string[] {
  const heads = [...record.querySelectorAll('.text-xs > *')].filter((one) => one.checkVisibility())
  return heads.flatMap((one) => (one.scrollWidth > one.clientWidth ? [one.outerHTML] : []))
}

/** What has no room: what stands beside the page or its card, and facts of a letter a line. Runs in the page. */
function crampedFaults(): string[] {
  const { clientWidth: width, scrollWidth } = document.documentElement
  const faults =
    scrollWidth > width ? [`the page scrolls sideways: ${scrollWidth} in ${width}`] : []
  const called = (element: Element) => element.outerHTML.slice(0, 100)
  for (const fact of document.querySelectorAll('main dl.grid > dd'))
    if (fact.checkVisibility() && fact.clientWidth < 150) faults.push(`is cramped: ${called(fact)}`)
  for (const card of document.querySelectorAll('main .card'))
    for (const within of card.querySelectorAll(
      '.fingerprint span, .button, time, a .whitespace-nowrap',
    ))
      if (within.checkVisibility()) {
        const isOut = within.getBoundingClientRect().right > card.getBoundingClientRect().right
        if (isOut) faults.push(`leaves its card: ${called(within)}`)
      }
  return faults
}

/** What text of a run did besides being read. Runs in the page. */
function textFaults(): string[] {
  const faults: string[] = []
  if (Reflect.has(window, 'owned')) faults.push('a script of a run was run')
  if (document.querySelector('main img, main script, main iframe'))
    faults.push('text became markup')
  const drawn = `${document.title} ${document.body.textContent}`
  // oxlint-disable-next-line no-control-regex -- these are what must not be drawn
  const raw = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069].{0,20}/.exec(
    drawn,
  )
  if (raw) faults.push(`a character that acts is drawn as it is: ${JSON.stringify(raw[0])}`)
  const longest = drawn.split(/\s/).reduce((most, word) => Math.max(most, word.length), 0)
  if (longest > 17_000) faults.push(`a word of ${longest} characters is drawn`)
  return faults
}
