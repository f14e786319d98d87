import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { VERDICT } from '#contract/status.ts'
import { TrustFile } from '#contract/trust.ts'
import { isSealed, runPage, type Scene, setScene, signIn } from './scene.ts'

/* The stored file is changed behind the server's back: no screen draws it, and Node and Chromium say the same of it. */

const PROJECT = `
runs:
  honest:
    title: An honest run
    steps:
      - id: greet
        argv: [echo, Violets are blue]
      - id: leave
        needs: [greet]
        argv: [echo, Roses are red]
`

let scene: Scene
let run_id = ''
let evidence_id = ''
let file = ''
let trustFile = ''
let sealed: Buffer

beforeAll(async () => {
  scene = await setScene(PROJECT)
  const { page, companion } = scene
  await signIn(page, companion.signInUrl)
  run_id = await scene.start('honest')
  evidence_id = (await scene.recorded(run_id, isSealed)).evidence_id ?? ''
  file = join(companion.data, 'envelopes', `${evidence_id}.json`)
  sealed = await readFile(file)
  trustFile = join(companion.data, 'pinned.json')
  await writeFile(trustFile, await companion.command('trust', 'export'))
  await page.goto(`${companion.url}/evidence/trust`)
  await page.getByLabel(/I compared it/).check()
  await page.getByRole('button', { name: 'Pin this key' }).click()
  await page.getByRole('button', { name: 'Unpin' }).waitFor()
})
afterAll(async () => {
  await scene?.close()
})

/** What is done to the file, and the claim that has to fail. */
const CHANGES: Readonly<Record<string, { change: (bytes: Buffer) => Buffer; claim: string }>> = {
  'an argument of a step': {
    change: replaces('Violets are blue', 'Violets are bent'),
    claim: 'chain',
  },
  'the outcome of the run': {
    change: replaces('"outcome":"succeeded","previous"', '"outcome":"aborted","previous"'),
    claim: 'chain',
  },
  'a link': { change: changesHexAfter('"link":"'), claim: 'chain' },
  'the content digest': { change: changesHexAfter('"content_sha256":"'), claim: 'content' },
  'the signature': { change: changesBase64After('"sig":"'), claim: 'seal' },
  'the signed statement': { change: changesBase64After('"payload":"'), claim: 'seal' },
  'a brace': { change: replaces('{"closing":{', '{"closing":('), claim: 'bytes' },
  'a member more': { change: replaces('{"closing":{', '{"aside":1,"closing":{'), claim: 'schema' },
  'a member twice': {
    change: replaces('"evidence_id":"', '"evidence_id":"x","evidence_id":"'),
    claim: 'canonical',
  },
  'its end cut off': { change: (bytes) => bytes.subarray(0, -100), claim: 'bytes' },
  'a space at its end': {
    change: (bytes) => Buffer.concat([bytes, Buffer.from(' ')]),
    claim: 'canonical',
  },
  'nothing left of it': { change: () => Buffer.alloc(0), claim: 'bytes' },
}

describe('a stored envelope that was changed', () => {
  it.each(Object.entries(CHANGES))(
    '[U5] %s: nothing is drawn and the claim is named',
    async (_, { change, claim }) => {
      const { page, companion } = scene
      const changed = change(sealed)
      expect(changed.equals(sealed)).toBe(false)
      await writeFile(file, changed)
      await page.goto(`${companion.url}/evidence/${evidence_id}?run=${run_id}`)
      await page.getByRole('region', { name: 'Verdict' }).waitFor()
      const claims = page.getByRole('region', { name: 'Claims' })
      await claims
        .locator(`[data-claim=${claim}]`, { hasText: 'does not verify' })
        .first()
        .waitFor()
      expect(await claims.getByText('proven', { exact: true }).count()).toBe(0)
      for (const region of ['The run', 'What is on record'])
        expect(await page.getByRole('region', { name: region }).count()).toBe(0)
      for (const text of ['Violets', 'Roses', 'An honest run'])
        expect(await page.getByText(text).filter({ visible: true }).count()).toBe(0)
      // In a claim that fails, for who opens it, and nowhere else.
      for (const text of ['Violets', 'Roses', 'An honest run'])
        expect(await page.getByText(text).count()).toBe(await claims.getByText(text).count())
      await page.getByRole('link', { name: 'Download the unverified file' }).waitFor()

      await page.goto(`${companion.url}/runs/${run_id}`)
      await runPage(page).stands.getByText('Evidence does not verify').waitFor()
      expect(await page.locator('[data-told=verified]').count()).toBe(0)

      expect(await inChromium(changed)).toEqual(await inNode())
    },
  )

  it('verifies again once the bytes are back, without a reload', async () => {
    const { page, companion } = scene
    await page.goto(`${companion.url}/evidence/${evidence_id}?run=${run_id}`)
    await page.getByRole('region', { name: 'Verdict' }).getByText('not').first().waitFor()
    await writeFile(file, sealed)
    await page.getByRole('button', { name: 'Verify again' }).click()
    await page.getByRole('region', { name: 'Verdict' }).getByText('proven to be whole').waitFor()
    await page
      .getByRole('region', { name: 'What is on record' })
      .getByText('echo Violets are blue')
      .waitFor()
    await page.goto(`${companion.url}/runs/${run_id}`)
    await runPage(page).stands.locator('[data-told=verified]').first().waitFor()
    expect(await inChromium(sealed)).toEqual(await inNode())
  })

  it('met no violation of the content security policy, no page error and no console error', () => {
    expect(scene.faults()).toEqual([])
  })
})

function replaces(text: string, other: string) {
  return (bytes: Buffer) => Buffer.from(bytes.toString().replace(text, other))
}

function changesHexAfter(mark: string) {
  return (bytes: Buffer) =>
    Buffer.from(
      bytes
        .toString()
        .replace(new RegExp(`(?<=${mark})[0-9a-f]`), (digit) => (digit === '0' ? '1' : '0')),
    )
}

function changesBase64After(mark: string) {
  return (bytes: Buffer) =>
    Buffer.from(
      bytes
        .toString()
        .replace(new RegExp(`(?<=${mark}.{30})[A-Za-z0-9+/]`), (digit) =>
          digit === 'A' ? 'B' : 'A',
        ),
    )
}

const Verdict = z.object({
  verdict: z.string(),
  claims: z.array(
    z.object({
      claim: z.string(),
      state: z.string(),
      code: z.string(),
      where: z.string(),
      message: z.string(),
    }),
  ),
})

/** What the worker that ships makes of a file, asked as the command line asks. */
async function inChromium(bytes: Buffer): Promise<unknown> {
  const { page } = scene
  const trust = TrustFile.parse(JSON.parse(await readFile(trustFile, 'utf8')))
  // Beside it is the one that reads what the server answers.
  const worker = page.workers().find((one) => one.url().includes('/verify.worker-'))
  const answer: unknown = await page.evaluate(
    async ({ url, base64, trust }) => {
      const worker = new Worker(url, { type: 'module' })
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).buffer
      const question = {
        ask: 'verify',
        bytes,
        trust: [{ file: trust, source: 'pinned' }],
        asked: {},
        previous: [],
      }
      const answer = await new Promise((resolve) => {
        // Until the answer it says how far it is.
        worker.addEventListener('message', ({ data }) => 'stage' in data || resolve(data))
        worker.postMessage({ id: 1, question }, [bytes])
      })
      worker.terminate()
      return answer
    },
    { url: worker?.url() ?? '', base64: bytes.toString('base64'), trust },
  )
  return z.object({ ok: z.literal(true), value: Verdict }).parse(answer).value
}

/** What `runseal verify --json` makes of the stored file. */
async function inNode(): Promise<unknown> {
  const command = ['src/cli/main.ts', 'verify', file, '--trust', trustFile, '--json']
  const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
    execFile(process.execPath, command, (error, stdout) =>
      resolve({ code: error?.code ?? 0, stdout }),
    )
  })
  const verdict = Verdict.parse(JSON.parse(stdout))
  expect(Object.entries(VERDICT).find(([word]) => word === verdict.verdict)?.[1].exitCode).toBe(
    code,
  )
  return verdict
}
