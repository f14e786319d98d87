import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { verify } from '#cli/verify.ts'
import { type CarriedAs, carriedTag } from '#evidence/carried.ts'
import { counted } from '#evidence/counted.ts'
import { sha256 } from '#evidence/digest.ts'
import { newSigner, pinned, planStep, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { judge } from '#viewer/offline/judge.ts'
import { sortFiles } from '#viewer/review/sort-files.ts'

/* What is beside several records: the same files given to the command line, and dropped on a page. */

const signer = await newSigner()
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-cli-several-'))
  await writeFile(join(folder, 'trust.json'), JSON.stringify(trustFileOf(signer)))
})
afterAll(() => rm(folder, { recursive: true }))

/** A record of this name with one log, and that log. */
async function logged(name: string, seal_seq: number, title = name, of = name) {
  const log = `log of ${of}\n`
  const digest = sha256(log)
  const ids = { evidence_id: `ev-${name}`, run_id: `run-${name}`, title }
  const run = startRun(signer, { steps: [planStep('build')] }, ids)
  const [bytes, chunks] = [log.length, [digest]]
  run.step('build', { log: { sha256: digest, bytes, lines: 1, truncated: false, chunks } })
  const before = { evidence_id: `ev-before-${name}`, head: 'a'.repeat(64) }
  const sealed = await run.seal({ seal_seq, previous: seal_seq === 1 ? null : before })
  const text = new TextDecoder().decode(sealed.bytes)
  return { text, damaged: text.replace('succeeded', 'abandoned'), at: `logs/${digest}`, log }
}

function pageOf(envelope: string, ...beside: (readonly [name: string, text: string])[]): string {
  const block = (as: CarriedAs, name: string, content: string) =>
    `${carriedTag(as, name)}${Buffer.from(content).toString('base64')}</script>\n`
  const attached = beside.map(([name, text]) => block('attached', name, text))
  return `<!doctype html><title>A run</title>${block('envelope', 'envelope.json', envelope)}${attached.join('')}<script>0</script>`
}

const [A, B, INSTEAD, AGAIN] = [
  await logged('a', 1),
  await logged('b', 9),
  await logged('a', 1, 'in the place of a'),
  await logged('again', 5, 'says the same', 'a'),
]
const [LOG_A, LOG_B] = [[A.at, A.log] as const, [B.at, B.log] as const]
const EVIL = 'another log\n'
const NOWHERE = [`logs/${'c'.repeat(64)}`, 'on record nowhere'] as const

const WHOLE = 'attached-whole: proven'
const CHANGED = 'attached-differs: does not verify'
const STRAY = 'attached-unknown: does not verify'

/** `beside`: what stands there of each record. `left`: what accuses nobody, though it lies beside them all. */
type Case = {
  files: Record<string, string>
  beside: Record<string, readonly string[]>
  left?: readonly string[]
  counts?: string
}
const CASES: Record<string, Case> = {
  'the log of one in whose place another stands too': {
    files: {
      'a.json': A.text,
      'b.json': B.text,
      'instead.json': INSTEAD.text,
      ...Object.fromEntries([LOG_A, LOG_B]),
    },
    beside: { 'a.json': [], 'b.json': [WHOLE], 'instead.json': [] },
    // What only one has that does not verify beside the others was compared with nothing.
    left: [A.at],
  },
  'logs beside two that do not verify': {
    files: {
      'a.json': A.damaged,
      'b.json': B.damaged,
      ...Object.fromEntries([LOG_A, LOG_B].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
    beside: { 'a.json': [], 'b.json': [] },
    left: [A.at, B.at].toSorted(),
  },
  'another log under the digest of the one, in the page of the other': {
    files: { 'a.json': A.text, 'b.html': pageOf(B.text, [A.at, EVIL], LOG_B) },
    beside: { 'a.json': [CHANGED], 'b.html': [CHANGED, WHOLE] },
  },
  'a changed log in one of two pages': {
    files: { 'a.html': pageOf(A.text, LOG_A), 'b.html': pageOf(B.text, [B.at, EVIL]) },
    beside: { 'a.html': [WHOLE], 'b.html': [CHANGED] },
  },
  'a changed log in one of two pages that both have it': {
    files: { 'a.html': pageOf(A.text, LOG_A), 'again.html': pageOf(AGAIN.text, [A.at, EVIL]) },
    beside: { 'a.html': [WHOLE], 'again.html': [WHOLE, CHANGED] },
  },
  'a changed log in the page of one, and another that has it by itself and as a page': {
    files: {
      'a.html': pageOf(A.text, LOG_A),
      'a.json': A.text,
      'again.html': pageOf(AGAIN.text, [A.at, EVIL]),
    },
    beside: { 'a.html': [WHOLE], 'a.json': [WHOLE], 'again.html': [WHOLE, CHANGED] },
  },
  'a changed log in the page of one that is there by itself too, and another that has it': {
    files: {
      'a.html': pageOf(A.text, [A.at, EVIL], NOWHERE),
      'a.json': A.text,
      'again.json': AGAIN.text,
    },
    beside: { 'a.html': [CHANGED, STRAY], 'a.json': [CHANGED, STRAY], 'again.json': [] },
  },
  'another log under the digest of the one, in the page of the other, and the one twice': {
    files: {
      'a.json': A.text,
      'a.html': pageOf(A.text, LOG_A),
      'b.html': pageOf(B.text, [A.at, EVIL]),
    },
    beside: { 'a.json': [WHOLE, CHANGED], 'a.html': [WHOLE, CHANGED], 'b.html': [CHANGED] },
  },
  'a changed log in one of two pages, longer than any': {
    files: { 'a.html': pageOf(A.text, LOG_A), 'b.html': pageOf(B.text, [B.at, EVIL.repeat(9)]) },
    beside: { 'a.html': [WHOLE], 'b.html': [CHANGED] },
  },
  'a changed log beside both': {
    files: { 'a.json': A.text, 'b.json': B.text, [A.at]: A.log, [B.at]: EVIL },
    beside: { 'a.json': [WHOLE], 'b.json': [CHANGED] },
  },
  'the log of one under the digest of the other': {
    files: { 'a.json': A.text, 'b.json': B.text, [A.at]: B.log },
    beside: { 'a.json': [CHANGED], 'b.json': [CHANGED] },
  },
  'what is on record nowhere, in one of two pages': {
    files: { 'a.html': pageOf(A.text, LOG_A), 'b.html': pageOf(B.text, LOG_B, NOWHERE) },
    beside: { 'a.html': [WHOLE], 'b.html': [WHOLE, STRAY] },
  },
  'a log that is not there, in one of two pages': {
    files: { 'a.html': pageOf(A.text, LOG_A), 'b.html': pageOf(B.text) },
    beside: { 'a.html': [WHOLE], 'b.html': [] },
    counts: '2 files: 1 proven, 1 not proven.',
  },
  'what is on record nowhere, beside both': {
    files: { 'a.json': A.text, 'b.json': B.text, ...Object.fromEntries([LOG_A, LOG_B, NOWHERE]) },
    beside: { 'a.json': [WHOLE, STRAY], 'b.json': [WHOLE, STRAY] },
  },
  'the log of one that does not verify, beside both': {
    files: { 'a.json': A.damaged, 'b.json': B.text, ...Object.fromEntries([LOG_A, LOG_B]) },
    beside: { 'a.json': [], 'b.json': [WHOLE] },
    left: [A.at],
  },
  'the log of one that is no envelope, beside both': {
    files: { 'a.json': A.text.slice(0, 300), 'b.json': B.text, [A.at]: A.log, [B.at]: EVIL },
    beside: { 'a.json': [], 'b.json': [CHANGED] },
    left: [A.at],
  },
  'logs of both in the page of one that does not verify': {
    files: { 'a.html': pageOf(A.damaged, LOG_A, LOG_B), 'b.json': B.text },
    beside: { 'a.html': [], 'b.json': [WHOLE] },
  },
  'another log under the digest of the other, in the page of one that does not verify': {
    files: { 'a.html': pageOf(A.damaged, [B.at, EVIL]), 'b.html': pageOf(B.text, LOG_B) },
    beside: { 'a.html': [], 'b.html': [WHOLE] },
  },
}

it.each(Object.entries(CASES))('[A6] [U11] %s', async (_, { files, left = [], ...told }) => {
  const found = await byCommand(files)
  expect(found).toMatchObject({ ...told, left })
  expect(await onPage(files)).toEqual(found)
})

it('[C24] a block that is damaged is that, however long its base64 has become, and is no other log', async () => {
  const page = pageOf(A.text, LOG_A)
  const [head, tail] = [page.slice(0, page.lastIndexOf('</script>\n')), page.slice(-30)]
  for (const stutter of ['\n', '!!!!', 'A'.repeat(41)]) {
    const files = { 'a.html': `${head}${stutter.repeat(9)}</script>\n${tail}`, 'b.json': B.text }
    expect(await byCommand(files)).toEqual({
      beside: { 'a.html': [], 'b.json': [] },
      left: [`a.html/${A.at}`],
      counts: '2 files: 1 not proven, 1 proven.',
    })
  }
})

const isBeside = (path: string): boolean => path.startsWith('logs/')

const Told = z.object({
  files: z.array(
    z.object({
      file: z.string(),
      beside: z.optional(z.array(z.object({ code: z.string(), state: z.string() }))),
    }),
  ),
  unread: z.array(z.object({ file: z.string() })),
})

async function byCommand(files: Case['files']) {
  const at = await mkdtemp(join(folder, 'case-'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(at, path)), { recursive: true })
    await writeFile(join(at, path), content)
  }
  const names = Object.keys(files)
  const envelopes = names.filter((name) => !isBeside(name)).map((name) => join(at, name))
  const more = names.some(isBeside) ? ['--beside', at] : []
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => lines.push(line))
  const line = [...envelopes, '--trust', join(folder, 'trust.json'), ...more]
  try {
    await verify.run([...line, '--json'])
    await verify.run(line)
  } finally {
    log.mockRestore()
  }
  const [json = '', words] = lines
  const told = Told.parse(JSON.parse(json))
  return {
    beside: Object.fromEntries(
      told.files.map((one) => [one.file.slice(at.length + 1), saidOf(one.beside ?? [])]),
    ),
    left: told.unread.map(({ file }) => file),
    counts: words?.split('\n').at(-1),
  }
}

async function onPage(files: Case['files']) {
  const dropped = Object.entries(files).map(([path, content]) => ({
    path,
    file: new File([content], path.slice(path.lastIndexOf('/') + 1)),
  }))
  const { envelopes, beside } = await sortFiles(
    { files: dropped, unread: [] },
    { signal: new AbortController().signal, onProgress: () => undefined },
  )
  const { judged } = await judge(
    { envelopes, trust: [pinned(signer)], refused: [], attached: beside, former: [] },
    { onProgress: () => undefined },
  )
  const read = judged.flatMap((one) => ('found' in one ? [one] : []))
  const counts = [...Map.groupBy(read, ({ withBeside }) => withBeside)].map(
    ([word, { length }]) => `${length} ${word}`,
  )
  return {
    beside: Object.fromEntries(
      read.map(({ page, path, attached }) => [
        page?.name ?? path,
        saidOf(attached.map(({ claim }) => claim)),
      ]),
    ),
    left: [...new Set(read.flatMap(({ unread }) => unread.map(({ path }) => path)))].filter(
      isBeside,
    ),
    counts: `${counted(read.length, 'file')}: ${counts.join(', ')}.`,
  }
}

/** But for what is on record and not here, of which the command line says nothing where nobody said what is beside. */
const saidOf = (claims: readonly { code: string; state: string }[]): string[] =>
  claims
    .filter(({ code }) => code !== 'attached-missing')
    .map(({ code, state }) => `${code}: ${state}`)
