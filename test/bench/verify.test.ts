import { fileURLToPath } from 'node:url'
import { build } from 'vite'
import { expect, it } from 'vitest'
import { launchChromium } from '#test/chromium.ts'
import { newSigner, type Sealed, trustFileOf } from '#test/evidence/fixture.ts'
import type { Question, Reply } from '#viewer/verifier.ts'
import { longRun } from './long-run.ts'
import { percentile, report, rounded, type Row } from './report.ts'
import type { Asked, Round } from './verify-rounds.worker.ts'

const ROUNDS = 7
const ORIGIN = 'https://bench.invalid'

it('verifies 1,000 and 20,000 steps in a worker, against reading and digesting the bytes', async () => {
  const signer = await newSigner()
  const trust = [{ file: trustFileOf(signer), source: 'pinned' }] satisfies Asked['trust']
  const sealed = new Map<string, Sealed>()
  for (const steps of [1000, 20_000]) sealed.set(String(steps), await longRun(signer, steps))
  const workers = new Map([
    ['rounds.js', await bundled('./verify-rounds.worker.ts')],
    ['viewer.js', await bundled('../../src/viewer/verify.worker.ts')],
  ])

  const browser = await launchChromium()
  const page = await browser.newPage()
  await page.route(`${ORIGIN}/**`, (route) => {
    const path = new URL(route.request().url()).pathname.slice(1)
    const envelope = sealed.get(path)
    const worker = workers.get(path)
    if (envelope !== undefined) return route.fulfill({ body: Buffer.from(envelope.bytes) })
    return worker === undefined
      ? route.fulfill({ body: '<!doctype html>', contentType: 'text/html' })
      : route.fulfill({ body: worker, contentType: 'text/javascript' })
  })
  await page.goto(ORIGIN)

  const rows: Row[] = []
  let ratio = Number.NaN
  for (const [steps, { bytes, content }] of sealed) {
    const rounds = await page.evaluate(inRounds, { steps, trust, rounds: ROUNDS })
    expect(new Set(rounds.map(({ verdict }) => verdict))).toEqual(new Set(['proven']))
    const asked = { evidence_id: content.evidence_id }
    const answers = await page.evaluate(askViewer, {
      steps,
      trust,
      asked,
      rounds: ROUNDS,
    })
    const median = (of: 'verify' | 'parse' | 'digest') =>
      percentile(
        rounds.map((round) => round[of]),
        0.5,
      )
    const bound = Math.max(median('parse'), median('digest'))
    ratio = median('verify') / bound
    rows.push({
      steps,
      MB: rounded(bytes.length / 1e6, 2),
      'parse ms': rounded(median('parse')),
      'digest ms': rounded(median('digest')),
      'verify ms': rounded(median('verify')),
      'first ms': rounded(rounds[0]?.verify ?? Number.NaN),
      'verify / bound': rounded(ratio),
      'page to answer ms': rounded(percentile(answers, 0.5)),
    })
  }
  report(
    `Verification in a worker, medians of ${ROUNDS}; bound = max(parse, digest)`,
    rows,
    [{ what: '20,000 steps over the bound', found: rounded(ratio), below: 4, unit: 'times' }],
    browser.version(),
  )
  await browser.close()
})

/** The code of a worker as the viewer's build would make it. */
async function bundled(file: string): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      write: false,
      target: 'es2024',
      modulePreload: false,
      rolldownOptions: { input: fileURLToPath(new URL(file, import.meta.url)) },
    },
  })
  if (!('output' in built)) throw new Error('one bundle was asked for')
  return built.output[0].code
}

// What follows runs in the page.

async function inRounds(asked: Omit<Asked, 'bytes'> & { steps: string }): Promise<Round[]> {
  const { steps, ...rest } = asked
  const bytes = await (await fetch(`/${steps}`)).arrayBuffer()
  const worker = new Worker('/rounds.js', { type: 'module' })
  const rounds = await new Promise<Round[]>((resolve, reject) => {
    worker.addEventListener('message', ({ data }: MessageEvent<Round[]>) => resolve(data))
    worker.addEventListener('error', ({ message }) => reject(new Error(message)))
    worker.postMessage({ bytes, ...rest }, [bytes])
  })
  worker.terminate()
  return rounds
}

/** The worker that ships, from the page's question to its answer. */
async function askViewer(asked: {
  steps: string
  trust: Asked['trust']
  asked: { evidence_id: string }
  rounds: number
}): Promise<number[]> {
  const bytes = await (await fetch(`/${asked.steps}`)).arrayBuffer()
  const worker = new Worker('/viewer.js', { type: 'module' })
  const times: number[] = []
  while (times.length < asked.rounds) {
    const question: Question = {
      ask: 'verify',
      bytes: bytes.slice(0),
      trust: asked.trust,
      asked: asked.asked,
      previous: [],
    }
    const start = performance.now()
    await new Promise<void>((resolve, reject) => {
      worker.addEventListener('error', ({ message }) => reject(new Error(message)), { once: true })
      const hear = ({ data }: MessageEvent<Reply>) => {
        if ('stage' in data) return
        worker.removeEventListener('message', hear)
        if (data.ok && data.value.ask === 'verify' && data.value.verdict === 'proven') resolve()
        else reject(new Error(JSON.stringify(data).slice(0, 500)))
      }
      worker.addEventListener('message', hear)
      worker.postMessage({ id: times.length, question }, [question.bytes])
    })
    times.push(performance.now() - start)
  }
  worker.terminate()
  return times
}
