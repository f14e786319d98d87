import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { encodeBase64 } from '#evidence/base64.ts'
import { launchChromium } from '#test/chromium.ts'
import { launchFirefox, whyNoFirefox } from '#test/firefox.ts'
import { readAttack, readAttackTable, readerOf } from '#test/evidence/attacks.ts'
import { newSigner, pinned, SHAPES } from '#test/evidence/fixture.ts'
import { askedOf, readInputTable } from '#test/evidence/frozen-inputs.ts'
import { readSeriesTable, walkOf } from '#test/evidence/frozen-series.ts'
import { newPasskey } from '#test/evidence/passkey.ts'
import { type Input, tryAll } from '#test/evidence/portable.ts'
import {
  readJcsCases,
  readVectors,
  VECTOR_FILES,
  whyNoVectors,
} from '#test/evidence/vector-files.ts'
import { WEBAUTHN_ANSWERS } from '#test/evidence/vectors.ts'

const MISSING = [
  'jcs-cyberphone',
  'jcs-es6-numbers',
  'dsse',
  'wycheproof',
  'webauthn-w3c-l3',
].flatMap((name) => whyNoVectors(name) ?? [])
const table = readAttackTable()
const frozen = readSeriesTable()
const { inputs } = readInputTable()
const input = await inputOf()
const inNode = input && (await tryAll(input))

let server: Server | null = null
let url = ''
beforeAll(async () => {
  if (input === null) return
  server = await serve(await inOneScript(), input)
  const address = server.address()
  url = `http://localhost:${typeof address === 'object' ? address?.port : ''}`
})
afterAll(() => {
  server?.close()
})

it('[V16] Node makes of every vector what its makers do', (context) => {
  if (input === null) context.skip(MISSING.join('; '))
  expect(inNode).toMatchObject({
    jcs: { cases: 6, failures: [] },
    numbers: { cases: 10_000, failures: [] },
    dsse: { cases: 9, failures: [] },
    ed25519: { cases: 151, failures: [] },
    es256: { cases: 262, failures: [] },
    webauthn: WEBAUTHN_ANSWERS,
  })
  const rows = table.attacks.map(({ verdict, claims }) => ({ verdict, claims }))
  expect(inNode?.rows.slice(0, rows.length)).toEqual(rows)
  expect(inNode?.walks).toEqual(frozen.series.map(({ found }) => found))
  expect(inNode?.answers).toEqual(inputs.map(({ found }) => found))
})

it('[V16] Chromium makes the same as Node of every vector and every file', async (context) => {
  if (input === null) return context.skip(MISSING.join('; '))
  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(url)
  const done = await page.locator('#done').textContent({ timeout: NONE })
  expect(JSON.parse(done ?? '')).toEqual(inNode)
})

it('[V16] Firefox makes the same as Node of every vector and every file', async (context) => {
  const why = [whyNoFirefox() ?? [], MISSING].flat()
  if (input === null || why.length > 0) return context.skip(why.join('; '))
  const browser = await launchFirefox()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(url)
  const done = await page.waitForSelector('#done', { timeout: NONE })
  expect(JSON.parse((await done?.evaluate(({ textContent }) => textContent)) ?? '')).toEqual(inNode)
})

/** A page is waited for as long as its test may take. */
const NONE = 0

/** Every vector, every frozen attack, series and input, every shape of run, and each of those with a byte changed. */
async function inputOf(): Promise<Input | null> {
  if (MISSING.length > 0) return null
  const signer = await newSigner()
  const approvers = [newPasskey('ann').approver]
  const reader = { trust: [pinned(signer, { approvers })] }
  const files: Input['files'] = table.attacks.map((attack) => ({
    file: encodeBase64(readAttack(attack)),
    reader: readerOf(attack, table),
  }))
  for (const seal of Object.values(SHAPES)) {
    const { bytes } = await seal(signer)
    files.push({ file: encodeBase64(bytes), reader })
    for (const position of [0, 100, bytes.length >> 1, bytes.length - 500]) {
      const changed = bytes.map((byte, index) => (index === position ? byte ^ 1 : byte))
      files.push({ file: encodeBase64(changed), reader })
    }
  }
  return {
    jcs: readJcsCases(),
    numbers: readVectors(VECTOR_FILES.numbers),
    dsse: readVectors(VECTOR_FILES.dsse),
    ed25519: readVectors(VECTOR_FILES.ed25519),
    es256: readVectors(VECTOR_FILES.es256),
    webauthn: readVectors(VECTOR_FILES.webauthn),
    files,
    series: frozen.series.map((one) => walkOf(one, frozen)),
    inputs: inputs.map(askedOf),
  }
}

/** What a page tries all of it with. */
async function inOneScript(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'runseal-vectors-'))
  await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      outDir: folder,
      emptyOutDir: false,
      copyPublicDir: false,
      target: 'es2024',
      lib: {
        entry: join(import.meta.dirname, '../evidence/in-page.ts'),
        formats: ['es'],
        fileName: () => 'page.js',
      },
    },
  })
  const script = await readFile(join(folder, 'page.js'), 'utf8')
  await rm(folder, { recursive: true })
  return script
}

/** A page that tries all of it. */
async function serve(script: string, input: Input): Promise<Server> {
  const answers = new Map([
    [
      '/',
      {
        type: 'text/html',
        body: '<!doctype html><title>Vectors</title><script type="module" src="/page.js"></script>',
      },
    ],
    ['/page.js', { type: 'text/javascript', body: script }],
    ['/input.json', { type: 'application/json', body: JSON.stringify(input) }],
  ])
  const server = createServer(({ url = '/' }, response) => {
    const answer = answers.get(url)
    // The policy of the real page: what ships must not need eval.
    response.setHeader(
      'Content-Security-Policy',
      "default-src 'none'; script-src 'self'; connect-src 'self'",
    )
    response.setHeader('Content-Type', `${answer?.type ?? 'text/plain'}; charset=utf-8`)
    response.writeHead(answer === undefined ? 404 : 200).end(answer?.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
