import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'puppeteer-core'
import { afterAll, describe, expect, it } from 'vitest'
import { BROWSERS } from '#test/both-browsers.ts'
import { runseal } from '#test/cli/command-line.ts'
import { approvedRun, newSigner, trustFileOf } from '#test/evidence/fixture.ts'
import { openPage } from './verifier-reader.ts'

const folder = mkdtempSync(join(tmpdir(), 'runseal-verifier-'))
afterAll(() => rmSync(folder, { recursive: true }))

const put = (name: string, bytes: Uint8Array | string) => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const signer = await newSigner()
const { bytes } = await approvedRun(signer, { title: 'Größe \u202e"1"' }).seal()
const text = new TextDecoder().decode(bytes)
const good = put('good.json', bytes)
const changed = put('changed.json', text.replace('"exit_code":0', '"exit_code":1'))
const spaced = put('spaced.json', `${text} `)
const trust = put('trust.json', JSON.stringify(trustFileOf(signer)))
const notes = put('notes.txt', 'of run-1')
const wrongTrust = put('wrong.json', '{"schema":"runseal/trust/1"}')

it('[C20] the verifier is one file, the same bytes whenever and by whomever it is built, and says its digest', async () => {
  const build = (out: string, NODE_ENV: string) => {
    const env = { ...process.env, NODE_ENV }
    const args = ['build', '--logLevel', 'error', '--mode', 'verifier', '--outDir', out]
    execFileSync('node_modules/.bin/vite', args, { env })
    return readFileSync(join(out, 'verifier.html'))
  }
  const first = build(join(folder, 'a'), 'production')
  const second = build(join(folder, 'b', 'deeper'), 'development')
  expect(first.equals(second)).toBe(true)
  const written = await runseal(['verifier'])
  expect(written).toMatchObject({ code: 0, stderr: '' })
  expect(Buffer.from(written.stdout).equals(first)).toBe(true)
  const sha256 = createHash('sha256').update(first).digest('hex')
  expect(await runseal(['verifier', '--digest'])).toMatchObject({ code: 0, stdout: `${sha256}\n` })
  expect(written.stdout).toMatch(
    /content="default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'; worker-src blob:; base-uri 'none'; form-action 'none'"/,
  )
})

describe.each(BROWSERS)('[C20] verifier.html from file:// in $name', ({ name, whyNot, launch }) => {
  let browser: Promise<Browser> | null = null
  const newPage = async () => await (await (browser ??= launch())).newPage()
  afterAll(async () => (await browser)?.close())

  it('proves a good envelope, refuses a bad one, and speaks to nobody', async (context) => {
    const why = whyNot()
    if (why !== null) return context.skip(why)
    const page = put('verifier.html', (await runseal(['verifier'])).stdout)
    const reader = await openPage(await newPage(), page)

    await reader.choose('Envelope', good)
    await reader.sees('The file agrees with itself, and nobody you know has sealed it')
    await reader.choose('Trust file', wrongTrust)
    await reader.sees('The trust file is refused, and nothing of it is used')
    // Judged anew, so that nothing moves any more.
    await reader.sees('A trust file (brought by you) was not used')
    await reader.takeAway('wrong.json')
    await reader.choose('Trust file', trust)
    await reader.sees('Nothing of it counts yet.')
    expect(await reader.text()).not.toContain('proven to be whole')
    await reader.sees('offered by the trust file that you gave')
    await reader.confirm()
    await reader.sees('The record is proven to be whole and sealed by a key you trust')
    await expect.poll(() => reader.focus()).toBe('INPUT')
    const proven = await reader.text()
    expect(proven).toContain('Run succeeded')
    expect(proven).toContain('Größe U+202E"1"')
    expect(proven).toContain(
      'All 5 entries and their order fit the digests written beside them, to the last one.',
    )
    // Of itself it does not say that it came from a server.
    expect(proven).toContain('Its SHA-256 has to be what “runseal verifier --digest” prints')
    expect(proven).not.toContain('Whether this page itself is honest: it came from the server')
    expect(proven).toContain('3 of 3 logs and artifacts on record are not here')

    await reader.choose('Envelope', changed)
    await reader.sees('This file does not verify')
    expect(await reader.text()).toContain('Entry 1 (step) has another digest than its link says.')
    await reader.sees('Up to entry 0 the chain is intact; it breaks first at entry 1 (step build).')
    expect(await reader.text()).not.toContain('Run succeeded')
    await reader.choose('Envelope', spaced)
    await reader.sees('The bytes are not the RFC 8785 form')
    await reader.choose('Envelope', notes)
    await reader.sees('This file is no evidence envelope')
    expect(await reader.text()).not.toContain('run-1')

    // Several at once are each taken as what they are, and each has its verdict.
    await reader.choose('Envelope', good, changed, page)
    await reader.sees('2 files, each judged by itself')
    await reader.sees('A program, and no part of the record')
    await reader.takeAway('changed.json')
    await reader.sees('The record is proven to be whole')
    expect(await reader.text()).not.toContain('changed.json')

    expect(await reader.kept()).toEqual({ databases: 0, local: 0, session: 0, cookie: '' })
    expect(reader.requests.filter((url) => /^(https?|wss?):/.test(url))).toEqual([])
    expect(reader.faults).toEqual([])
    if (name === 'Chromium') expect(reader.workers).toContainEqual(expect.stringMatching(/^blob:/))
  })

  it('judges on its own thread where a file may have no worker', async (context) => {
    const why = whyNot()
    if (why !== null) return context.skip(why)
    const blank = await newPage()
    await blank.evaluateOnNewDocument(() => {
      class NoWorker extends EventTarget {
        postMessage(): void {
          setTimeout(() => this.dispatchEvent(new Event('error')))
        }
        terminate(): void {}
      }
      Object.assign(globalThis, { Worker: NoWorker })
    })
    const reader = await openPage(blank, put('verifier.html', (await runseal(['verifier'])).stdout))
    await reader.choose('Envelope', good)
    await reader.sees('The file agrees with itself, and nobody you know has sealed it')
    await reader.choose('Envelope', changed)
    await reader.sees('This file does not verify')
    expect(reader.faults).toEqual([])
  })

  it('tells how far it is, and is stopped', async (context) => {
    const why = whyNot()
    if (why !== null) return context.skip(why)
    const blank = await newPage()
    await blank.evaluateOnNewDocument(LOSE_FIRST_JUDGEMENT)
    const reader = await openPage(blank, put('verifier.html', (await runseal(['verifier'])).stdout))
    await reader.choose('Envelope', good)
    await reader.sees('Reading every byte.')
    await reader.press('Stop')
    await reader.sees('The verification was stopped')
    // Where it was stopped, and not the top of the page [U9].
    await expect.poll(() => reader.focus()).toBe('DIV')
    await reader.press('Verify it after all')
    await reader.sees('The file agrees with itself, and nobody you know has sealed it')
    // The same file, mended on disk, can be chosen again.
    const mended = put('mended.json', text.replace('"exit_code":0', '"exit_code":1'))
    await reader.choose('Envelope', mended)
    await reader.sees('This file does not verify')
    put('mended.json', bytes)
    await reader.choose('Envelope', mended)
    await reader.sees('The file agrees with itself, and nobody you know has sealed it')
    expect(reader.faults).toEqual([])
  })
})

/** Runs in the page: the first one never answers, however fast the machine is. */
const LOSE_FIRST_JUDGEMENT = `
  const { postMessage } = Worker.prototype
  let isLost = false
  Worker.prototype.postMessage = function (message) {
    if (isLost) postMessage.call(this, message)
    isLost = true
  }
`
