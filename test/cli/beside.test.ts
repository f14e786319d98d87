import { execFileSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { parseJson } from '#contract/parse.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { sha256 } from '#evidence/digest.ts'
import { CELL, newSigner, planStep, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { end, runseal, serving, type Serving } from './command-line.ts'

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const DERIVATION = `
let text = ''
process.stdin.setEncoding('utf8').on('data', (more) => (text += more)).on('end', () => {
  for (const line of text.trim().split('\\n'))
    console.log(JSON.stringify({ record_id: JSON.parse(line).record_id, value: 1, cost: '0.1' }))
})
`
/** More than an entry lists, so that the cells are in a part. */
const RECORDS = 600
const PROJECT = `
runs: {}
tables:
  numbers:
    source: { kind: csv, path: numbers.csv }
    key: id
    fields: { id: text, n: number }
    derive:
      one: { from: [n], argv: [${JSON.stringify(process.execPath)}, one.mjs], batch: ${RECORDS} }
`

const Told = z.object({
  verdict: z.string(),
  exit: z.object({ status: z.number(), by: z.array(z.string()) }),
  beside: z.array(
    z.object({ code: z.string(), message: z.string(), shell: z.optional(z.string()) }),
  ),
})

let folder: string
let data: string
let trust: string
let server: Serving
let evidence_id: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-cli-beside-'))
  data = join(folder, '.runseal')
  trust = join(folder, 'trust.json')
  await writeFile(join(folder, 'runseal.yaml'), PROJECT)
  await writeFile(join(folder, 'one.mjs'), DERIVATION)
  const rows = Array.from({ length: RECORDS }, (_, n) => `r${n},${n}`)
  await writeFile(join(folder, 'numbers.csv'), ['id,n', ...rows, ''].join('\n'))
  server = await serving(folder)
  const at = { RUNSEAL_DATA: data, RUNSEAL_SERVER: server.url }
  const { stdout } = await runseal(['token', 'create', '--role', 'operator'], at)
  await writeFile(trust, (await runseal(['trust', 'export'], at)).stdout)
  const derived = await runseal(['materialize'], { ...at, RUNSEAL_TOKEN: stdout.trim() })
  evidence_id = /^evidence (\S+)$/m.exec(derived.stderr)?.[1] ?? ''
})
afterAll(async () => {
  await end(server)
  await rm(folder, { recursive: true, force: true })
})

it('[A4] [C2] [C21] the cells beside a record are counted by verify and by audit', async () => {
  const out = join(folder, 'taken')
  await cp(join(data, 'artifacts'), join(out, 'artifacts'), { recursive: true })
  await cp(join(data, 'envelopes', `${evidence_id}.json`), join(out, 'envelope.json'))
  // What a file system leaves beside them is nobody's evidence, whatever it is called.
  for (const name of await readdir(join(out, 'artifacts')))
    await writeFile(join(out, 'artifacts', `._${name}`), 'of a Mac')
  await writeFile(join(out, 'artifacts', '.DS_Store'), 'of a Mac')
  const verify = () =>
    runseal(['verify', join(out, 'envelope.json'), '--trust', trust, '--beside', out])
  const whole = await verify()
  expect(whole.stdout).toContain(`${RECORDS} cells in 1 part counted`)
  expect(whole.stdout).not.toContain('were not counted')
  expect(whole.code).toBe(0)
  expect((await runseal(['audit', '--data', data, '--trust', trust])).code).toBe(0)

  const [cells = ''] = await readdir(join(data, 'artifacts'))
  const bytes = await readFile(join(out, 'artifacts', cells))
  await writeFile(join(out, 'artifacts', cells), bytes.subarray(1))
  const changed = await verify()
  expect(changed.code).toBe(1)
  expect(changed.stdout).toMatch(/^Proven: .* Something beside it does not verify: see below\.$/m)
  expect(changed.stdout).toContain(
    `does not verify  attached: ${join('artifacts', cells)} is not the artifact cells.jsonl`,
  )
  await rm(join(out, 'artifacts', cells))
  const gone = await verify()
  expect(gone.code).toBe(3)
  expect(gone.stdout).toMatch(/^Proven: .* Not all that belongs beside it is proven: see below\.$/m)
  expect(gone.stdout).toContain('not checked      cells: ')

  // The same of the server's own folder.
  await writeFile(join(data, 'artifacts', cells), bytes.subarray(1))
  const audited = await runseal(['audit', '--data', data, '--trust', trust])
  expect(audited).toMatchObject({ code: 1 })
  expect(audited.stdout).toContain('What is here as the artifact cells.jsonl of step')
  await rm(join(data, 'artifacts', cells))
  expect(await runseal(['audit', '--data', data, '--trust', trust])).toMatchObject({ code: 3 })
})

it('[A4] [C2] cells that have the digest on record and contradict it do not verify', async () => {
  const signer = await newSigner()
  const text = `${canonicalize(CELL)}\n`.repeat(2)
  const part = { sha256: sha256(text), bytes: text.length, count: 2 }
  const run = startRun(signer, { steps: [planStep('derive', { kind: 'materialize' })] })
  run.step('derive', { cells_part: part })
  const made = join(folder, 'made')
  await mkdir(join(made, 'artifacts'), { recursive: true })
  await writeFile(join(made, 'artifacts', part.sha256), text)
  await writeFile(join(made, 'envelope.json'), (await run.seal()).bytes)
  await writeFile(join(made, 'trust.json'), JSON.stringify(trustFileOf(signer)))
  const { code, stdout } = await runseal([
    'verify',
    join(made, 'envelope.json'),
    '--trust',
    join(made, 'trust.json'),
    '--beside',
    made,
    '--json',
  ])
  expect(code).toBe(1)
  const told = parseJson(Told, stdout)
  expect(told.ok && [told.value.verdict, told.value.exit]).toEqual([
    'does not verify',
    { status: 1, by: ['beside'] },
  ])
  const beside = told.ok ? told.value.beside : []
  expect(beside).toContainEqual({
    code: 'cells-differ',
    message: 'Line 2 of the cells of step derive is there twice.',
  })
  // The bytes themselves are on record, and the lines that say so run in that folder.
  const { shell = 'exit 1' } = beside.find((one) => one.code === 'attached-whole') ?? {}
  const redone = execFileSync('/bin/sh', ['-euc', shell], { cwd: made, encoding: 'utf8' })
  expect(redone).toContain('"its digest is on record": true')
})

it('[C2] what is beside a file is a folder with logs or artifacts', async () => {
  const found = await runseal(['verify', trust, '--beside', join(folder, 'no-such')])
  expect(found).toMatchObject({ code: 2, stdout: '' })
  expect(found.stderr).toContain('has no folder logs and none artifacts in it')
})
