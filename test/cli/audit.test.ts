import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { Envelope } from '#contract/envelope.ts'
import { parseJson } from '#contract/parse.ts'
import { audit } from '#cli/audit.ts'
import type { Command } from '#cli/command.ts'
import { exportRun } from '#cli/export.ts'
import { trust as trustCommand } from '#cli/trust.ts'
import { NOT_PLACED } from '#evidence/series.ts'
import { openKey } from '#server/seal/key.ts'
import { newSigner, planStep, sealContent, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { end, project, runseal, serving, type Serving } from './command-line.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

let folder: string
let remove: () => Promise<void>
let server: Serving
let data: string
let trust: string
let token: string
/** Oldest first. */
const runs: { run_id: string; evidence_id: string }[] = []

beforeAll(async () => {
  ;({ folder, remove } = await project())
  server = await serving(folder)
  data = join(folder, '.runseal')
  const at = { RUNSEAL_DATA: data, RUNSEAL_SERVER: server.url }
  const { stdout } = await runseal(['token', 'create', '--role', 'operator'], at)
  token = stdout.trim()
  trust = join(folder, 'trust.json')
  await writeFile(trust, (await runseal(['trust', 'export'], at)).stdout)
  for (const name of ['good', 'bad', 'good', 'good']) {
    const run = await runseal(['run', name, '--wait'], { ...at, RUNSEAL_TOKEN: stdout.trim() })
    const run_id = run.stdout.trim()
    const answer = await fetch(`${server.url}/api/runs/${run_id}`)
    runs.push({ run_id, ...z.object({ evidence_id: z.string() }).parse(await answer.json()) })
  }
})
afterAll(async () => {
  await end(server)
  await remove()
})

/** In this process, which is quicker. What it prints is kept from the terminal. */
async function codeOf(
  command: Command,
  ...argv: string[]
): Promise<{ code: number; text: string }> {
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line)
  })
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    return { code: await command.run(argv), text: lines.join('\n') }
  } finally {
    log.mockRestore()
    error.mockRestore()
  }
}

const Told = z.object({
  verdict: z.string(),
  unlike_list: z.optional(z.array(z.looseObject({ fault: z.string() }))),
  envelopes: z.array(z.object({ evidence_id: z.string(), verdict: z.string() })),
  series: z.array(z.object({ count: z.number(), faults: z.array(z.looseObject({})) })),
  missing: z.array(z.string()),
})

async function audited(...args: string[]) {
  const { code, stdout, stderr } = await runseal(['audit', ...args, '--json'])
  const told = parseJson(Told, stdout)
  return { code, stderr, told: told.ok ? told.value : stdout }
}

/** A copy of the data folder, to do harm to. Without logs, where the pipes of steps are. */
async function copied(name: string): Promise<{ copy: string; file: (n: number) => string }> {
  const copy = join(folder, name)
  await cp(data, copy, { recursive: true, filter: (from) => from !== join(data, 'logs') })
  return { copy, file: (n) => join(copy, 'envelopes', `${runs[n]?.evidence_id}.json`) }
}

it('[C21] a whole series is proven, from the folder and from the server', async () => {
  for (const where of [
    ['--data', data],
    ['--server', server.url],
  ]) {
    const { code, stderr, told } = await audited(...where, '--trust', trust)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(told).toMatchObject({
      verdict: 'proven',
      envelopes: runs.map(({ evidence_id }) => ({ evidence_id, verdict: 'proven' })),
      series: [{ count: 4, faults: [] }],
      missing: [],
    })
  }
  const words = await runseal(['audit', '--data', data, '--trust', trust])
  expect(words.stdout).toContain('4 envelopes: 4 proven.')
  const untrusting = await runseal(['audit', '--data', data])
  expect(untrusting).toMatchObject({ code: 3 })
  expect(untrusting.stdout).toContain('--trust FILE')
})

it('[C21] [C22] evidence is read in the project that is named, and from the server by the token', async () => {
  const { run_id = '' } = runs[0] ?? {}
  const at = ['--trust', trust]
  expect(await codeOf(audit, '--project', folder, ...at)).toMatchObject({ code: 0 })
  const inProject = await codeOf(trustCommand, 'export', '--project', folder)
  expect(JSON.parse(inProject.text)).toEqual(JSON.parse(await readFile(trust, 'utf8')))
  const asking = (said: string) => ['--server', server.url, '--token', said]
  expect(await codeOf(audit, ...asking(token), ...at)).toMatchObject({ code: 0 })
  await expect(codeOf(audit, ...asking('no-such-token'), ...at)).rejects.toMatchObject({
    exitCode: 2,
  })
  for (const [name, where] of [
    ['by-project', ['--project', folder]],
    ['by-token', asking(token)],
  ] as const) {
    const out = join(folder, name)
    expect(await codeOf(exportRun, run_id, ...where, '--out', out)).toMatchObject({ code: 0 })
    expect(existsSync(join(out, 'envelope.json'))).toBe(true)
  }
  const out = join(folder, 'by-no-token')
  await expect(
    codeOf(exportRun, run_id, ...asking('no-such-token'), '--out', out),
  ).rejects.toMatchObject({ exitCode: 2 })
  expect(existsSync(out)).toBe(false)
})

it('[C21] [C22] where none is named it is the folder of the project one stands in, or RUNSEAL_DATA, and else none', async () => {
  const { run_id = '' } = runs[0] ?? {}
  const elsewhere = join(folder, 'elsewhere')
  await mkdir(elsewhere)
  const at = ['--trust', trust]
  const named = { RUNSEAL_DATA: data }
  const [here, there, exported, none, noneOf, empty] = await Promise.all([
    runseal(['audit', ...at], {}, folder),
    runseal(['audit', ...at], named, elsewhere),
    runseal(['export', run_id], {}, folder),
    runseal(['audit', ...at], {}, elsewhere),
    runseal(['export', run_id], {}, elsewhere),
    runseal(['audit', ...at, '--data', ''], named, folder),
  ])
  for (const { code, stdout } of [here, there]) {
    expect(code).toBe(0)
    expect(stdout).toContain('4 envelopes: 4 proven.')
  }
  expect(exported).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(join(folder, run_id, 'envelope.json'))).toBe(true)
  for (const { code, stderr } of [none, noneOf]) {
    expect(code).toBe(2)
    expect(stderr).toContain('there is no runseal.yaml here')
  }
  expect(empty.code).toBe(2)
  expect(empty.stderr).toContain('--data names no folder')
  expect(await readdir(elsewhere)).toEqual([])
})

it('[C21] [V15] definitions of which nothing is required are expected on the spot, each by its name', async () => {
  const pinned = z.looseObject({ required: z.array(z.unknown()) })
  const file = pinned.parse(JSON.parse(await readFile(trust, 'utf8')))
  const strict = join(folder, 'strict.json')
  const gate = { step_id: 'go', quorum: 1, four_eyes: false, sign: 'session' }
  const gates = [{ ...gate, question: null, roles: null }]
  const required = [
    { name: 'gated', sha256: null, gates },
    { name: 'bad', sha256: null, gates: [] },
  ]
  await writeFile(strict, JSON.stringify({ ...file, required }))
  const at = ['--data', data, '--trust', strict]
  const expecting = async (...names: string[]) =>
    await audited(...at, ...names.flatMap((name) => ['--expect', `definition=${name}`]))
  expect(await expecting('good', 'bad')).toMatchObject({ code: 0, told: { verdict: 'proven' } })
  const open = await runseal(['audit', ...at, '--expect', 'definition=good'])
  expect(open).toMatchObject({ code: 3 })
  expect(open.stdout).toContain('You require less of bad than of gated')
  // As it is to be added, one for each definition and no other.
  expect(open.stdout).toContain('look for runs of bad too, add --expect definition=bad.')
  const none = await runseal(['audit', ...at])
  expect(none.stdout).toContain('too, add --expect definition=bad --expect definition=good.')
  const elsewhere = join(folder, 'elsewhere.json')
  await writeFile(elsewhere, JSON.stringify(trustFileOf(await newSigner(66))))
  const unpinned = await runseal(['audit', '--data', data, '--trust', elsewhere])
  expect(unpinned).toMatchObject({ code: 3 })
  expect(unpinned.stdout).toMatch(/Key [0-9a-f]{64}, which you did not pin: 4, up to number 4\./)
  expect(unpinned.stdout).not.toContain('--expect')
  expect(await expecting()).toMatchObject({ code: 3 })
  const wrong = await runseal(['audit', ...at, '--expect', 'outcome=failed'])
  expect(wrong).toMatchObject({ code: 2 })
})

it('[C21] a copy under another name is told as what it is', async () => {
  const { copy, file } = await copied('copied-again')
  await cp(file(1), join(copy, 'envelopes', 'ev-of-mine.json'))
  const { code, stdout } = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(code).toBe(1)
  expect(stdout).toContain(
    `ev-of-mine: What is there by this name is ${runs[1]?.evidence_id}, which is another record.`,
  )
})

it('[C21] one that is gone is named, the newest too', async () => {
  const { copy, file } = await copied('gone')
  await rm(file(1))
  await rm(file(3))
  const { code, told } = await audited('--data', copy, '--trust', trust)
  expect(code).toBe(1)
  expect(told).toMatchObject({
    missing: [runs[1]?.evidence_id, runs[3]?.evidence_id],
    series: [{ faults: [{ fault: 'missing', evidence_id: runs[1]?.evidence_id, from: 2 }] }],
  })
  const words = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(words.stdout).toContain('2 missing.')
  expect(words.stdout).toContain(
    `${runs[3]?.evidence_id} is said to be here, and its file is gone.`,
  )
})

it('[C21] one that was changed does not verify, and one in the place of another is named', async () => {
  const { copy, file } = await copied('changed')
  await writeFile(file(1), (await readFile(file(1), 'utf8')).replace('"bad"', '"bat"'))
  await rename(file(2), file(0))
  const { code, told } = await audited('--data', copy, '--trust', trust)
  expect(code).toBe(1)
  expect(told).toMatchObject({
    envelopes: [
      { evidence_id: runs[0]?.evidence_id, verdict: 'does not verify' },
      { evidence_id: runs[1]?.evidence_id, verdict: 'does not verify' },
      { evidence_id: runs[3]?.evidence_id, verdict: 'proven' },
    ],
    missing: [runs[2]?.evidence_id],
  })
})

it('[W12] the newest in a folder is held to its list, and a list that is false convicts no record', async () => {
  const { evidence_id = '' } = runs[3] ?? {}
  const signer = await openKey(data, { make: false })
  const said = async (copy: string) => {
    const { code, told } = await audited('--data', copy, '--trust', trust)
    const { stdout } = await runseal(['audit', '--data', copy, '--trust', trust])
    return { code, told, stdout }
  }
  const resealed = async (name: string, title?: string) => {
    const { copy, file } = await copied(name)
    const found = parseJson(Envelope, await readFile(file(3), 'utf8'))
    if (!found.ok) throw new Error(found.error.message)
    const { integrity: _, ...content } = found.value
    const opening = { ...content.opening, ...(title !== undefined && { title }) }
    const at = new Date(Date.now() + 1000).toISOString()
    await writeFile(file(3), (await sealContent({ ...content, opening }, signer, at)).bytes)
    return await said(copy)
  }
  const envelopes = runs.map((run) => ({ evidence_id: run.evidence_id, verdict: 'proven' }))
  const whole = { envelopes, series: [{ faults: [] }], missing: [] }
  const anew = await resealed('newest-anew', 'what did not happen')
  expect(anew).toMatchObject({
    code: 1,
    told: { ...whole, unlike_list: [{ fault: 'resealed', evidence_id, seal_seq: 4 }] },
  })
  expect(anew.stdout).toContain(
    `resealed         ${evidence_id} is another one than the server’s own list says`,
  )
  expect(await resealed('newest-twice')).toMatchObject({
    code: 1,
    told: {
      ...whole,
      unlike_list: [{ fault: 'forked', evidence_ids: [evidence_id, evidence_id] }],
    },
  })
  // It is gone, and another stands for its number, under an id that the list has not.
  const rival = await copied('newest-in-place')
  const newest = parseJson(Envelope, await readFile(rival.file(3), 'utf8'))
  if (!newest.ok) throw new Error(newest.error.message)
  const { integrity: _, ...content } = newest.value
  const anotherId = evidence_id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
  const inPlace = { ...content, evidence_id: anotherId }
  await writeFile(
    rival.file(3).replace(evidence_id, anotherId),
    (await sealContent(inPlace, signer, new Date().toISOString())).bytes,
  )
  await rm(rival.file(3))
  expect(await said(rival.copy)).toMatchObject({
    code: 1,
    told: {
      missing: [evidence_id],
      unlike_list: [{ fault: 'forked', seal_seq: 4, evidence_ids: [evidence_id, anotherId] }],
    },
  })
  const { copy } = await copied('false-list')
  const store = new DatabaseSync(join(copy, 'runseal.db'))
  store.exec(`update seal set head = '${'0'.repeat(64)}', file_sha256 = 'f' where seal_seq = 2`)
  store.close()
  const mislisted = [
    { fault: 'mislisted', evidence_id: runs[1]?.evidence_id, by: runs[2]?.evidence_id },
  ]
  expect(await said(copy)).toMatchObject({ code: 1, told: { ...whole, unlike_list: mislisted } })
})

it('[C21] no name of a file adds a line of its own', async () => {
  const { copy } = await copied('forged')
  await writeFile(join(copy, 'envelopes', 'zz\nNothing is missing, I say.json'), '{}')
  await writeFile(join(copy, 'envelopes', `zz${' '.repeat(150)}proven  x.json`), '{}')
  const { code, stdout } = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(code).toBe(1)
  expect(stdout).toContain('does not verify  zz<U+000A>Nothing is missing, I say: ')
  expect(stdout).not.toMatch(/^Nothing is missing/m)
  // Nor does it fill one up, so that on a terminal its end stands where one begins.
  expect(stdout).toContain('does not verify  zz<150 spaces>proven  x: ')
})

it('[C21] [C22] a file whose name is no text is named as not read, and not called gone', async () => {
  const { copy, file } = await copied('unnamed')
  const unnamed = Buffer.concat([
    Buffer.from(`${copy}/envelopes/`),
    Buffer.from([0xff, ...Buffer.from('.json')]),
  ])
  await writeFile(unnamed, '{}')
  const { code, told } = await audited('--data', copy, '--trust', trust)
  expect(code).toBe(3)
  expect(told).toMatchObject({ missing: [] })
  const { stdout } = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(stdout).toContain(
    `the whole list of what is here: not read for a name that is no UTF-8: ${copy}/envelopes/\u{fffd}.json`,
  )
  // What is gone is missing all the same.
  await rm(file(1))
  const missing = await audited('--data', copy, '--trust', trust)
  expect(missing).toMatchObject({ code: 1, told: { missing: [runs[1]?.evidence_id] } })
})

it('[C21] two servers that went on from one folder with one key are a fork', async () => {
  const { copy } = await copied('fork')
  await rm(join(copy, 'server.json'), { force: true })
  const twin = await serving(folder, ['--data', copy])
  const at = { RUNSEAL_DATA: copy, RUNSEAL_SERVER: twin.url }
  try {
    const { stdout } = await runseal(['token', 'create', '--role', 'operator'], at)
    await runseal(['run', 'good', '--wait'], { ...at, RUNSEAL_TOKEN: stdout.trim() })
  } finally {
    await end(twin)
  }
  const before = new Set(await readdir(join(data, 'envelopes')))
  const [theirs = ''] = (await readdir(join(copy, 'envelopes'))).filter((name) => !before.has(name))
  const mine = { RUNSEAL_DATA: data, RUNSEAL_SERVER: server.url }
  const { stdout } = await runseal(['token', 'create', '--role', 'operator'], mine)
  await runseal(['run', 'good', '--wait'], { ...mine, RUNSEAL_TOKEN: stdout.trim() })
  const { copy: both } = await copied('both')
  await cp(join(copy, 'envelopes', theirs), join(both, 'envelopes', theirs))
  const { code, told } = await audited('--data', both, '--trust', trust)
  expect(code).toBe(1)
  expect(told).toMatchObject({ series: [{ faults: [{ fault: 'forked', seal_seq: 5 }] }] })
})

it('[W6] an envelope that no known key signed convicts nobody of a fork', async () => {
  const { copy, file } = await copied('unsealed')
  const first = parseJson(Envelope, await readFile(file(0), 'utf8'))
  if (!first.ok) throw new Error(first.error.message)
  const { evidence_id, integrity } = first.value
  const plan = { steps: [planStep('build')] }
  const forged = startRun(await newSigner(66), plan, { evidence_id: 'zz' })
  forged.step('build')
  const previous = { evidence_id, head: integrity.hash_chain.head }
  const { bytes } = await forged.seal({ seal_seq: 2, previous })
  await writeFile(join(copy, 'envelopes', 'zz.json'), bytes)
  const { code, told } = await audited('--data', copy, '--trust', trust)
  expect(code).toBe(3)
  expect(told).toMatchObject({ verdict: 'not proven', series: [{ faults: [] }] })
  const words = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(words.stdout).toContain(`not proven       zz: ${NOT_PLACED}`)
})

it('[W3] one that was replaced shows against the next one, whoever has sealed it', async () => {
  const { copy, file } = await copied('replaced')
  const [first, failed] = await Promise.all(
    [file(0), file(1)].map(async (name) => parseJson(Envelope, await readFile(name, 'utf8'))),
  )
  if (!first?.ok || !failed?.ok) throw new Error('no envelopes')
  const { evidence_id, run_id } = failed.value
  const plan = { steps: [planStep('build')] }
  const forged = startRun(await newSigner(66), plan, { evidence_id, run_id })
  forged.step('build')
  const { head } = first.value.integrity.hash_chain
  const previous = { evidence_id: first.value.evidence_id, head }
  await writeFile(file(1), (await forged.seal({ seal_seq: 2, previous })).bytes)
  const { code, told } = await audited('--data', copy, '--trust', trust)
  expect(code).toBe(1)
  expect(told).toMatchObject({
    verdict: 'does not verify',
    series: [{ faults: [{ fault: 'replaced', evidence_id, seal_seq: 2 }] }],
  })
  const words = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(words.stdout).toContain(`replaced         ${evidence_id} is another one than`)
})

it('[C21] [C3] who looks at a folder needs no key, and makes and changes nothing there', async () => {
  const { copy } = await copied('looked-at')
  const all = await readdir(join(copy, 'envelopes'))
  await rm(join(copy, 'key.pem'))
  const digests = async () => {
    const names = (await readdir(copy, { recursive: true })).toSorted()
    const files = names.filter((name) => statSync(join(copy, name)).isFile())
    return [names, await Promise.all(files.map((name) => readFile(join(copy, name), 'base64')))]
  }
  const words = () => runseal(['audit', '--data', copy, '--trust', trust])
  const before = await digests()
  const whole = await words()
  expect(whole).toMatchObject({ code: 0, stderr: '' })
  expect(whole.stdout).toContain(`not had          keys as offered: there is no ${copy}/key.pem`)
  expect(await digests()).toEqual(before)

  // What a server says that it has is not known without its store: the newest may be gone.
  await rm(join(copy, 'envelopes', all.toSorted().at(-1) ?? ''))
  await writeFile(join(copy, 'runseal.db'), 'SQLite format 3')
  await rm(join(copy, 'runseal.db-wal'), { force: true })
  const damaged = await words()
  expect(damaged).toMatchObject({ code: 3, stderr: '' })
  expect(damaged.stdout).toContain('The list is not whole: there may be more.')
  await rm(join(copy, 'runseal.db'))
  const none = await words()
  expect(none.code).toBe(3)
  expect(none.stdout).toContain(`${all.length - 1} envelopes: ${all.length - 1} proven.`)
  expect(none.stdout).toContain(`the whole list of what is here: ${copy}/runseal.db is missing`)

  const other = join(folder, 'other')
  await mkdir(other)
  await writeFile(join(other, '.gitignore'), 'mine')
  expect(await runseal(['audit', '--data', other])).toMatchObject({ code: 2, stdout: '' })
  const away = join(folder, 'away')
  expect(await runseal(['trust', 'export', '--data', away])).toMatchObject({ code: 1, stdout: '' })
  expect(existsSync(away)).toBe(false)
  expect(await readdir(other)).toEqual(['.gitignore'])
})

it('[C21] what is no file in a folder is named and not opened', async () => {
  const { copy, file } = await copied('no-files')
  const { length } = await readdir(join(copy, 'envelopes'))
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(copy, 'envelopes', 'pipe.json')])
  await symlink(file(0), join(copy, 'envelopes', 'link.json'))
  await mkdir(join(copy, 'envelopes', 'folder.json'))
  await rm(join(copy, 'key.pem'))
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(copy, 'key.pem')])
  const { code, stdout } = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(code).toBe(3)
  for (const name of ['pipe', 'link', 'folder'])
    expect(stdout).toContain(
      `not read         ${name}: ${copy}/envelopes/${name}.json is no regular`,
    )
  expect(stdout).toContain(`keys as offered: ${copy}/key.pem is no regular file`)
  expect(stdout).toContain(`${length} envelopes: ${length} proven.`)
  await rm(join(copy, 'runseal.db'))
  await symlink(join(data, 'runseal.db'), join(copy, 'runseal.db'))
  const linked = await runseal(['audit', '--data', copy, '--trust', trust])
  expect(linked.stdout).toContain(`${copy}/runseal.db is no regular file, and is not opened`)
})

it('[C21] what cannot be read ends it with 2', async () => {
  expect(await runseal(['audit', '--server', 'http://127.0.0.1:1'])).toMatchObject({ code: 2 })
  expect(await runseal(['audit', '--data', data, '--trust', data])).toMatchObject({ code: 2 })
  const none = join(folder, 'none')
  expect(await runseal(['audit', '--data', none])).toMatchObject({ code: 2, stdout: '' })
  expect(existsSync(none)).toBe(false)
  const both = await runseal(['audit', '--data', data, '--server', server.url])
  expect(both).toMatchObject({ code: 2, stdout: '' })
  expect(both.stderr).toContain('either --server, or --data and --project')
})
