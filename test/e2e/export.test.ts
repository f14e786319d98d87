import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BROWSERS } from '#test/both-browsers.ts'
import { begin, end, exitOf, runseal, serving, type Serving } from '#test/cli/command-line.ts'
import { openPage } from './verifier-reader.ts'

const PROJECT = `
runs:
  build:
    steps:
      - id: make
        run: 'echo making; printf "<script>alert(1)</script>" > page.html'
        artifacts: [page.html]
      - { id: quiet, run: 'true' }
`
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')
const ARTIFACT = sha256('<script>alert(1)</script>')
const LOG = sha256('making\n')
/** No status: it is left without an answer. */
const NEVER = 0

let folder: string
let data: string
let server: Serving
let run_id: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-export-'))
  data = join(folder, '.runseal')
  await writeFile(join(folder, 'runseal.yaml'), PROJECT)
  server = await serving(folder)
  const at = { RUNSEAL_DATA: data, RUNSEAL_SERVER: server.url }
  const { stdout } = await runseal(['token', 'create', '--role', 'operator'], at)
  const run = await runseal(['run', 'build', '--wait'], { ...at, RUNSEAL_TOKEN: stdout.trim() })
  run_id = run.stdout.trim()
})
afterAll(async () => {
  await end(server)
  await rm(folder, { recursive: true })
})

it('[C22] a folder has the bytes as they are, named by their digests, from folder and server', async () => {
  const trust = join(folder, 'trust.json')
  await writeFile(trust, (await runseal(['trust', 'export', '--data', data])).stdout)
  for (const where of [
    ['--data', data],
    ['--server', server.url],
  ]) {
    const out = await mkdtemp(join(folder, 'out-'))
    const inside = join(out, 'run')
    expect(await runseal(['export', run_id, ...where, '--out', inside])).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect((await readdir(inside, { recursive: true })).toSorted()).toEqual([
      'artifacts',
      `artifacts/${ARTIFACT}`,
      'envelope.json',
      'logs',
      `logs/${LOG}`,
      'offered-trust.json',
      'verifier.html',
    ])
    expect(sha256(await readFile(join(inside, 'logs', LOG)))).toBe(LOG)
    const { stdout: digest } = await runseal(['verifier', '--digest'])
    expect(sha256(await readFile(join(inside, 'verifier.html')))).toBe(digest.trim())
    expect(
      await runseal(['verify', join(inside, 'envelope.json'), '--trust', trust]),
    ).toMatchObject({ code: 0 })
    expect(await runseal(['export', run_id, ...where, '--out', inside])).toMatchObject({ code: 2 })
  }
  // The same in one page: without a browser, and by the reader's own Runseal.
  const page = join(folder, 'one-page.html')
  const { stdout: html } = await runseal(['export', run_id, '--data', data, '--html'])
  await writeFile(page, html)
  const proven = await runseal(['verify', page, '--trust', trust])
  expect(proven).toMatchObject({ code: 0, stderr: '' })
  for (const said of [
    `Taken from the page ${page}: the envelope in it, and 2 logs and artifacts. The keys that it offers are not used.`,
    `proven           attached: one-page.html/logs/${LOG} is the log of step make, attempt 1.`,
    `proven           attached: one-page.html/artifacts/${ARTIFACT} is the artifact page.html of step make`,
  ])
    expect(proven.stdout).toContain(said)
  const unknown = await runseal(['verify', page, '--json'])
  expect(unknown.code).toBe(3)
  expect(JSON.parse(unknown.stdout)).toMatchObject({
    verdict: 'not proven',
    page: { file: page, attached: 2, offers_keys: true },
    unread: [],
  })
  // What is damaged or changed in it is named, and takes nothing along.
  const encoded = (text: string) => Buffer.from(text).toString('base64')
  const other = join(folder, 'other-page.html')
  await writeFile(other, html.replace(encoded('making\n'), `${encoded('making\n').slice(1)}!`))
  const damaged = await runseal(['verify', other, '--trust', trust])
  expect(damaged.code).toBe(2)
  expect(damaged.stdout).toMatch(/^Proven: /)
  expect(damaged.stdout).toContain(
    `not read         other-page.html/logs/${LOG}: It cannot be read: its base64`,
  )
  await writeFile(other, html.replace(encoded('making\n'), encoded('faking\n')))
  const changed = await runseal(['verify', page, other, '--trust', trust])
  expect(changed.code).toBe(1)
  expect(changed.stdout).toContain(
    `other-page.html/logs/${LOG} is not the log of step make, attempt 1`,
  )
  const [block = ''] = /<script type="text.plain".*/.exec(html) ?? []
  await writeFile(other, html.replace(block, `${block}\n${block}`))
  const twice = await runseal(['verify', other, '--trust', trust])
  expect(twice).toMatchObject({ code: 2, stdout: '' })
  expect(twice.stderr).toContain('It carries more than one envelope')
  const empty = await runseal(['verify', join('dist', 'verifier.html')])
  expect(empty.code).toBe(2)
  expect(empty.stdout).toContain('This is no evidence envelope.')
  expect(empty.stdout).not.toContain('/execution/steps')
  expect(await runseal(['export', 'run_none', '--data', data])).toMatchObject({ code: 2 })
})

describe.each(BROWSERS)('[C22] an export as one page in $name', ({ name, whyNot, launch }) => {
  it('judges itself, offers its keys, and refuses a log that was changed in it', async (context) => {
    const why = whyNot()
    if (why !== null) return context.skip(why)
    const exported = await runseal(['export', run_id, '--data', data, '--html'])
    expect(exported).toMatchObject({ code: 0, stderr: '' })
    const page = join(folder, 'run.html')
    await writeFile(page, exported.stdout)
    const browser = await launch()
    context.onTestFinished(() => browser.close())
    const reader = await openPage(await browser.newPage(), page)
    await reader.sees('The record is whole. Whose it is has not been proven')
    await reader.sees('This export brought its own verifier and its own trust file')
    await reader.sees(`logs/${LOG} is the log of step make, attempt 1.`)
    await reader.sees(`artifacts/${ARTIFACT} is the artifact page.html of step make, attempt 1.`)
    await reader.confirm()
    await reader.sees('The record is proven to be whole and sealed by a key you trust')
    expect(reader.faults).toEqual([])

    const changed = join(folder, 'changed.html')
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    await writeFile(changed, exported.stdout.replace(base64('making\n'), base64('faking\n')))
    const other = await openPage(await browser.newPage(), changed)
    await other.sees(
      `logs/${LOG} is not the log of step make, attempt 1: MiB 1 of 1 is another one.`,
    )
    await other.sees('1 of 2 logs and artifacts on record is not here')

    // What is damaged in it is named, and takes nothing along.
    const broken = (text: string) =>
      exported.stdout.replace(text, `${text.slice(0, 8)}\n${text.slice(8)}`)
    await writeFile(changed, broken(base64('making\n')))
    const damaged = await openPage(await browser.newPage(), changed)
    await damaged.sees('It cannot be read: its base64 is damaged or cut off.')
    await damaged.sees('The record is whole. Whose it is has not been proven')
    const [block = ''] = /<script type="text.plain".*/.exec(exported.stdout) ?? []
    await writeFile(changed, broken(block.slice(block.indexOf('>') + 1)))
    const without = await openPage(await browser.newPage(), changed)
    await without.sees('It cannot be read: its base64 is damaged or cut off.')
    await writeFile(changed, exported.stdout.replace(block, `${block}\n${block}`))
    const twice = await openPage(await browser.newPage(), changed)
    await twice.sees('It carries more than one envelope, and does not say which one counts.')
    expect([...damaged.faults, ...without.faults, ...twice.faults]).toEqual([])

    // And as a folder, by the verifier that is in it.
    const inside = join(folder, `folder-${name}`)
    await runseal(['export', run_id, '--data', data, '--out', inside])
    const whole = await openPage(await browser.newPage(), join(inside, 'verifier.html'))
    await whole.choose('Logs and artifacts', join(inside, 'logs', LOG))
    await whole.choose(
      'Envelope',
      ...['envelope.json', 'offered-trust.json', 'verifier.html', `artifacts/${ARTIFACT}`].map(
        (file) => join(inside, file),
      ),
    )
    await whole.sees(`${LOG} is the log of step make, attempt 1.`)
    await whole.sees(`${ARTIFACT} is the artifact page.html of step make, attempt 1.`)
    await whole.sees('offered by the trust file that came with this export')
    // The artifact as text, and as nothing else.
    await whole.press('Read page.html of make, attempt 1')
    await whole.sees('<script>alert(1)</script>')
    await whole.press('Read the log of make, attempt 1')
    await whole.sees('making')
    expect(await whole.overflows(380)).toBe(false)
    expect(await whole.text()).not.toContain('pin it')
    expect(await whole.text()).not.toContain('Something beside the record does not verify')

    // The page is given to a verifier of the reader's own: none of its program runs.
    const own = await openPage(await browser.newPage(), join(inside, 'verifier.html'))
    await own.choose('Envelope', page)
    await own.sees(`logs/${LOG} is the log of step make, attempt 1.`)
    await own.sees('offered by the trust file that came with this export')
    await own.sees(`Taken from the page run.html, whose own verifier has no part in this.`)
    await own.sees('Nothing of it counts yet.')
    expect(await own.text()).not.toContain('This export brought its own verifier')
    await own.takeAway('run.html/envelope.json')
    await own.choose('Envelope', changed)
    await own.sees('It carries more than one envelope, and does not say which one counts.')
    expect(await own.text()).not.toContain('/execution/steps')
  })
})

it('[C22] one log that is not to be had hides nothing else, and a folder has its name once it is whole', async () => {
  const answers: Record<string, number> = { log: 500, trust: 500 }
  const answer = async ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    const { pathname } = new URL(url, server.url)
    const theirs = await fetch(new URL(url, server.url))
    const status = answers[pathname.split('/').at(-1) ?? ''] ?? theirs.status
    if (status === NEVER) return
    response.writeHead(status).end(Buffer.from(await theirs.arrayBuffer()))
  }
  const between = createServer((request, response) => void answer(request, response))
  between.listen(0, '127.0.0.1')
  await once(between, 'listening')
  const address = between.address()
  const port = typeof address === 'object' ? address?.port : 0
  const out = await mkdtemp(join(folder, 'between-'))
  const at = ['--server', `http://127.0.0.1:${port}`]
  // One that is broken off by an interrupt leaves nothing either.
  answers['log'] = NEVER
  const broken = begin(['export', run_id, ...at, '--out', join(out, 'run')])
  await expect.poll(() => readdir(out)).toEqual([expect.stringMatching(/^run\.unfinished-/)])
  broken.kill('SIGINT')
  expect(await exitOf(broken)).toEqual([null, 'SIGINT'])
  expect(await readdir(out)).toEqual([])
  answers['log'] = 500
  const { code, stderr } = await runseal(['export', run_id, ...at, '--out', join(out, 'run')])
  expect(code).toBe(1)
  expect(stderr).toContain('without keys as offered: the server answered 500')
  expect(stderr).toMatch(/^left out: log of make, attempt 1 could not be had: .* 500/m)
  expect(await readdir(join(out, 'run'))).toEqual(['artifacts', 'envelope.json', 'verifier.html'])
  between.closeAllConnections()
  between.close()
  // Nor is half of one left behind, where its verifier is more than may be written.
  const line = `trap '' XFSZ; ulimit -f 64; exec "$@"`
  const args = ['export', run_id, '--data', data, '--out', join(out, 'half')]
  const half = spawn('/bin/sh', ['-c', line, 'sh', process.execPath, 'src/cli/main.ts', ...args])
  expect(await exitOf(half)).toEqual([2, null])
  expect(await readdir(out)).toEqual(['run'])
})

it('[C22] what is gone or changed is left out and named', async () => {
  await writeFile(join(data, 'artifacts', ARTIFACT), 'other', { mode: 0o600 })
  const out = join(folder, 'damaged')
  const { code, stderr } = await runseal(['export', run_id, '--data', data, '--out', out])
  expect(code).toBe(1)
  expect(stderr).toContain(
    'left out: What is here as the artifact page.html of step make, attempt 1 is something else',
  )
  expect(await readdir(out)).not.toContain('artifacts')
  const [name = ''] = await readdir(join(data, 'envelopes'))
  const file = join(data, 'envelopes', name)
  await writeFile(file, (await readFile(file, 'utf8')).replace('"build"', '"built"'))
  const broken = await runseal(['export', run_id, '--data', data, '--html'])
  expect(broken).toMatchObject({ code: 2, stdout: '' })
  expect(broken.stderr).toContain('does not verify, and is not exported')
})
