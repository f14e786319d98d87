import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { VERDICT } from '#contract/status.ts'
import { TrustFile } from '#contract/trust.ts'
import { verify } from '#cli/verify.ts'
import { type CarriedAs, carriedTag } from '#evidence/carried.ts'
import { sha256 } from '#evidence/digest.ts'
import { trustFault } from '#evidence/trust.ts'
import {
  type Attack,
  ATTACKS,
  isNameable,
  readAttack,
  readAttackTable,
  readerOf,
} from '#test/evidence/attacks.ts'
import { bytesOf, newSigner, planStep, startRun, trustFileOf } from '#test/evidence/fixture.ts'
import { readSeriesTable, SERIES } from '#test/evidence/frozen-series.ts'
import { judge } from '#test/evidence/portable.ts'

const table = readAttackTable()
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-cli-verify-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** What a reader brings whom the command line has flags for: it holds nothing, and every file named is pinned and read. */
const isSaid = ({
  held,
  source,
  most,
  mostOf,
  accept,
  refused,
  unread,
  refusedKeys,
}: Attack): boolean =>
  [held, source, most, mostOf, accept, refused, unread, refusedKeys].every(
    (one) => one === undefined,
  )

async function lineFor({ file, trust, also, asked, expect, beside }: Attack): Promise<string[]> {
  const line = [fileURLToPath(new URL(`${file}.envelope`, ATTACKS))]
  for (const name of [trust, also])
    if (name !== undefined) {
      const named = join(folder, `${name}.json`)
      await writeFile(named, JSON.stringify(table.trust[name]))
      line.push('--trust', named)
    }
  const wanted = [
    ...(asked?.run_id === undefined ? [] : [`run=${asked.run_id}`]),
    ...(asked?.evidence_id === undefined ? [] : [`evidence=${asked.evidence_id}`]),
    ...(expect ?? []).map(({ kind, value }) => `${kind}=${value}`),
  ]
  line.push(...wanted.flatMap((one) => ['--expect', one]))
  if (beside === undefined) return line
  const out = join(folder, file)
  for (const name of ['logs', 'artifacts']) await mkdir(join(out, name), { recursive: true })
  for (const [name, text] of Object.entries(beside)) {
    // Of an export its two folders are read.
    const at = join(out, name.includes('/') ? name : `logs/${name}`)
    await mkdir(dirname(at), { recursive: true })
    await writeFile(at, text)
  }
  return [...line, '--beside', out]
}

async function printed(argv: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line)
  })
  try {
    return { code: await verify.run(argv), text: lines.join('\n') }
  } finally {
    log.mockRestore()
  }
}

const Said = z.object({ code: z.string(), where: z.string(), preimage: z.optional(z.string()) })
const Exit = z.object({ status: z.number(), by: z.array(z.string()) })
const Told = z.object({
  verdict: z.string(),
  claims: z.array(Said),
  beside: z.optional(z.array(Said)),
  exit: Exit,
})

it('[C2] says of every frozen file what its verifier does, by flags and in JSON', async () => {
  let tried = 0
  for (const attack of table.attacks.filter(isSaid).filter(isNameable)) {
    const reader = readerOf(attack, table)
    const line = await lineFor(attack)
    if (reader.trust.some(({ file }) => trustFault(file) !== null)) {
      await expect(printed(line)).rejects.toMatchObject({ exitCode: 2 })
      continue
    }
    tried += 1
    const { verdict, claims, beside } = await judge(readAttack(attack), reader)
    const { code, text } = await printed([...line, '--json'])
    const told = Told.parse(JSON.parse(text))
    const saying = (all: readonly z.infer<typeof Said>[] = []) =>
      all.map(({ code, where, preimage = '' }) => `${code} ${where} ${preimage}`).toSorted()
    expect({ file: attack.file, claims: saying(told.claims) }).toEqual({
      file: attack.file,
      claims: saying(claims),
    })
    expect(saying(told.beside)).toEqual(saying(beside))
    const states = beside.map(({ state }) => state)
    const isFalse = states.includes('does not verify')
    const isPart = verdict === 'proven' && states.some((state) => state !== 'proven')
    const word = isFalse ? 'does not verify' : isPart ? 'not proven' : verdict
    const status = VERDICT[word].exitCode
    // Whether it is by the file itself can be read.
    const isBy = told.exit.by.includes('claims')
    expect({
      file: attack.file,
      verdict: told.verdict,
      code,
      said: told.exit.status,
      isBy,
    }).toEqual({
      file: attack.file,
      verdict: word,
      code: status,
      said: status,
      isBy: status !== 0 && word === verdict,
    })
  }
  expect(tried).toBeGreaterThan(150)
})

const Together = z.object({
  verdict: z.string(),
  files: z.array(z.object({ file: z.string(), verdict: z.string() })),
  series: z.array(z.object({ faults: z.array(z.object({ fault: z.string() })) })),
  unread: z.array(z.object({ file: z.string(), why: z.string() })),
  exit: Exit,
})

it('[C2] [W11] several files are held against each other, and what is not among them is not missing', async () => {
  const { trust, series } = readSeriesTable()
  const pinned = join(folder, 'series.json')
  await writeFile(pinned, JSON.stringify(trust))
  for (const { name, files, remembered, together, found } of series) {
    // What each of them says beside the others stands in those with `together`.
    if (files.length < 2 || remembered.length > 0 || together !== undefined) continue
    const named = files.map((file) => fileURLToPath(new URL(`${file}.envelope`, SERIES)))
    const { code, text } = await printed([...named, '--trust', pinned, '--json'])
    const told = Together.parse(JSON.parse(text))
    expect(told.files.map(({ file }) => file)).toEqual(named)
    const faults = told.series.flatMap((one) => one.faults.map(({ fault }) => fault)).toSorted()
    const expected = found
      .filter((one) => !/^(missing|open)|which is not here/.test(one))
      .map((one) => one.replace(/:.*/, ''))
    expect({ name, faults }).toEqual({ name, faults: expected.toSorted() })
    const isWrong = faults.length > 0 || name === 'damaged'
    // By a key that nobody pinned.
    const isOpen = /(^|-)open$|-of-nobody$|-on-nobody$/.test(name)
    expect({ name, code }).toEqual({ name, code: isWrong ? 1 : isOpen ? 3 : 0 })
    expect(told.verdict).toBe(isWrong ? 'does not verify' : code === 3 ? 'not proven' : 'proven')
    expect(told.exit.status).toBe(code)
    expect(told.exit.by.includes('series')).toBe(faults.length > 0)
  }
})

it('[C2] of several files each has its own words, the exit is the worst, and one that cannot be read hides no other', async () => {
  const at = (name: string) => fileURLToPath(new URL(`${name}.envelope`, SERIES))
  const trust = ['--trust', join(folder, 'series.json')]
  const [one, fork, gone] = [at('ev-2'), at('ev-7.number-2'), join(folder, 'gone')]
  const { code, text } = await printed([one, fork, gone, ...trust])
  expect(code).toBe(1)
  expect(text).toContain(`${one}:\nThis file does not verify.`)
  expect(text).toContain(`${gone}:\nIt cannot be read: ENOENT`)
  expect(text).toContain('What these files say of each other:\nforked           ')
  expect(text.split('\n').at(-1)).toBe('3 files: 2 does not verify, 1 cannot be read.')
  // Two of one id are told apart by their files.
  const again = at('ev-2.anew')
  const { text: alike } = await printed([one, again, ...trust])
  expect(alike).toContain(`all named ev-2 stand in one place`)
  expect(alike).toContain(` See ${one}, ${again}.`)
  expect(await printed([one, gone, ...trust])).toMatchObject({ code: 2 })
  expect(await printed([one, one, ...trust])).toMatchObject({ code: 0 })
  expect(await printed([one, at('ev-9.of-nobody'), ...trust])).toMatchObject({ code: 3 })
  await expect(printed([gone, ...trust])).rejects.toMatchObject({ exitCode: 2 })
})

it('[C2] --json is an object, whatever cannot be read', async () => {
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((line: string) => {
    lines.push(line)
  })
  const gone = join(folder, 'gone')
  await expect(verify.run([gone, '--json'])).rejects.toMatchObject({ exitCode: 2 })
  log.mockRestore()
  expect(JSON.parse(lines.join('\n'))).toMatchObject({
    verdict: 'not an envelope',
    claims: [],
    unread: [{ file: gone }],
    exit: { status: 2, by: ['unread'] },
  })
})

it('[C2] what several files are is asked of each, and what is beside them of all', async () => {
  const at = (name: string) => fileURLToPath(new URL(`${name}.envelope`, SERIES))
  const files = [at('ev-1'), at('ev-2'), '--trust', join(folder, 'series.json')]
  expect(await printed([...files, '--expect', 'run=run-1'])).toMatchObject({ code: 1 })
  const beside = join(folder, 'unknown-beside')
  await mkdir(join(beside, 'logs'), { recursive: true })
  await writeFile(join(beside, 'logs', 'a'.repeat(64)), 'nothing on record')
  expect(await printed([...files, '--beside', beside])).toMatchObject({ code: 1 })
  // The verdict is of all that was looked at, of one file as of several, and what it is by is said.
  const told = async (...argv: string[]) =>
    Told.parse(JSON.parse((await printed([...argv, '--json'])).text))
  const [one = '', , ...trust] = files
  expect(await told(one, ...trust, '--beside', beside)).toMatchObject({
    verdict: 'does not verify',
    exit: { status: 1, by: ['beside'] },
  })
  expect(await told(one, ...trust, '--expect', 'run=run-x', '--beside', beside)).toMatchObject({
    verdict: 'does not verify',
    exit: { status: 1, by: ['claims'] },
  })
  expect(await told(one, ...trust)).toMatchObject({
    verdict: 'proven',
    exit: { status: 0, by: [] },
  })
})

it('[C24] [A6] a page that is damaged or does not verify has nothing held against the others', async () => {
  const signer = await newSigner()
  const keys = join(folder, 'pages.json')
  await writeFile(keys, JSON.stringify(trustFileOf(signer)))
  const block = (as: CarriedAs, name: string, text: string) =>
    `${carriedTag(as, name)}${Buffer.from(text).toString('base64')}</script>\n`
  const pageOf = async (name: string, change = (page: string) => page, outcome = '') => {
    const run = startRun(
      signer,
      { steps: [planStep('build')] },
      { evidence_id: `ev-${name}`, run_id: `run-${name}` },
    )
    const log = `log of ${name}\n`
    const digest = sha256(log)
    const [bytes, chunks] = [log.length, [digest]]
    run.step('build', { log: { sha256: digest, bytes, lines: 1, truncated: false, chunks } })
    const previous = name === 'a' ? null : { evidence_id: 'ev-before', head: 'a'.repeat(64) }
    const sealed = await run.seal({ seal_seq: name === 'a' ? 1 : 9, previous })
    const text = new TextDecoder()
      .decode(sealed.bytes)
      .replace('"outcome":"succeeded"', `$&${outcome}`)
    const page = join(folder, `${name}${outcome.length}${change('">').length}.html`)
    const blocks = `${block('envelope', 'envelope.json', text)}${block('attached', `logs/${digest}`, log)}`
    await writeFile(
      page,
      `<!doctype html><title>${name}</title>${change(blocks)}<script>0</script>`,
    )
    return page
  }
  const good = await pageOf('b')
  const whole = await pageOf('a')
  const both = async (other: string, ...more: string[]) => {
    const argv = [other, good, '--trust', keys, ...more]
    const { code, text } = await printed(argv)
    const [first, second] = text.split(`${good}:\n`)
    return { code, first, second }
  }
  expect((await both(whole)).second).toMatch(/^Proven[^]*2 files: 2 proven\.$/)
  const damaged = await both(await pageOf('a', (page) => page.replace('">', '">A')))
  expect(damaged).toMatchObject({ code: 2 })
  expect(damaged.first).toContain('damaged or cut off; its 1 log or artifact is not looked at')
  expect(damaged.second).toMatch(/^Proven[^]*2 files: 1 cannot be read, 1 proven\.$/)
  const changed = await both(await pageOf('a', undefined, ' '))
  expect(changed).toMatchObject({ code: 1 })
  expect(changed.first).toContain('1 log or artifact, not looked at beside a record that does not')
  expect(changed.second).toMatch(/^Proven[^]*2 files: 1 does not verify, 1 proven\.$/)
  const other = await both(whole, '--expect', 'run=run-b')
  expect(other.second).toMatch(/^Proven[^]*2 files: 1 does not verify, 1 proven\.$/)
})

it('[C2] [A1] what cannot be read beside a record is named, is 2, and hides neither the verdict nor an accusation', async () => {
  const attack = table.attacks.find(({ file }) => file === 'beside')
  if (attack === undefined) throw new Error('there is none in the table')
  const [file = '', ...line] = await lineFor(attack)
  const whole = line.pop() ?? ''
  const out = join(folder, 'unread-beside')
  const argv = [file, ...line, out]
  const refill = async () => {
    await rm(out, { recursive: true, force: true })
    await cp(whole, out, { recursive: true })
  }
  const [log = '', other = ''] = (await readdir(join(whole, 'logs'))).toSorted()

  // A name is bytes: what has one that is no text is read by it, and is what its bytes are.
  await refill()
  await cp(join(out, 'logs', log), join(out, 'moved'))
  const unnamed = Buffer.concat([Buffer.from(`${out}/logs/`), Buffer.from([0xff, 0xfe])])
  await writeFile(unnamed, await readFile(join(out, 'moved')))
  const found = await printed(argv)
  expect(found.code).toBe(3)
  expect(found.text).toContain('A file that is named "logs/\\u{fffd}\\u{fffd}" is the log of step')
  await writeFile(unnamed, 'x')
  expect(await printed(argv)).toMatchObject({ code: 1 })

  for (const [spoil, name, why] of [
    [(at: string) => symlink(join(whole, 'logs', log), at), `logs/${log}`, 'is no regular file'],
    [(at: string) => symlink('nowhere', at), 'logs/more', 'is no regular file'],
    [(at: string) => mkdir(at), `logs/${log}`, 'is no regular file'],
    [(at: string) => mkdir(at), 'logs/.DS_Store', 'is no regular file'],
    [(at: string) => writeFile(at, ''), 'logs', 'ENOTDIR'],
  ] as const) {
    await refill()
    await rm(join(out, name), { recursive: true, force: true })
    await spoil(join(out, name))
    const { code, text } = await printed(argv)
    expect({ name, code }).toEqual({ name, code: 2 })
    expect(text).toContain('Proven: sealed by a key you trust')
    expect(text).toMatch(new RegExp(`^not read         ${name}: .*${why}`, 'm'))
    expect(JSON.parse((await printed([...argv, '--json'])).text)).toMatchObject({
      verdict: 'not proven',
      unread: [{ file: name }],
    })
    // Of several it is said once.
    const both = await printed([file, ...argv])
    expect({ name, code: both.code }).toEqual({ name, code: 2 })
    expect(both.text.match(/^not read /gm)).toHaveLength(1)
    expect(JSON.parse((await printed([file, ...argv, '--json'])).text)).toMatchObject({
      verdict: 'not proven',
      unread: [{ file: name }],
    })
    if (name === 'logs') continue
    await writeFile(join(out, 'logs', other), 'changed')
    const accused = await printed(argv)
    expect({ name, code: accused.code }).toEqual({ name, code: 1 })
    expect(accused.text).toContain(
      `does not verify  attached: logs/${other} is not the log of step`,
    )
    expect(accused.text).toContain(`not read         ${name}: `)
  }
})

it('[C2] names the key, and advises another copy only of a file that may have been changed', async () => {
  const said = table.attacks.filter(isSaid)
  const honest = said.find(
    ({ verdict, source, asked }) => verdict === 'proven' && !source && !asked,
  )
  const damaged = said.find(({ file }) => file === 'entry-changed')
  if (honest === undefined || damaged === undefined) throw new Error('there is none in the table')
  const line = await lineFor(honest)
  expect((await printed(line)).text).toMatch(
    /^Proven: sealed by a key you trust \([0-9a-f]{8}…\), and/,
  )
  const required = await printed([...line, '--expect', 'definition=another'])
  expect(required.text).toMatch(/\n\nThe file is whole: it does not keep what you require\. .*$/)
  const { text } = await printed(await lineFor(damaged))
  expect(text).toMatch(/\n\nAsk for another copy of the file: .* same last link .*shows .*$/)
  // Anyone makes a file anew that agrees with itself.
  const [file = ''] = line
  const unsealed = await printed([file, '--expect', 'definition=another'])
  expect(unsealed.text).toMatch(/\n\nNothing shows that this is the file as it was sealed: .*$/)
  expect(unsealed.text).not.toMatch(/file is whole|will say the same/)
})

it('[C2] [V21] of more that was changed than is named it says that --json names all', async () => {
  const signer = await newSigner()
  const steps = Array.from({ length: 25 }, (_, index) => planStep(`s${index}`))
  const run = startRun(signer, { steps })
  for (const { step_id } of steps) run.step(step_id)
  const { envelope } = await run.seal()
  const all = 'All of them are named with --json, under remaining.'
  for (const [most, isSaid] of [
    [20, false],
    [21, true],
  ] as const) {
    const other = structuredClone(envelope)
    for (const step of other.execution.steps.slice(0, most)) step.salt = '0'.repeat(32)
    const file = join(folder, `changed-${most}.json`)
    await writeFile(file, bytesOf(other))
    expect((await printed([file])).text.includes(all)).toBe(isSaid)
  }
})

it('[V25] no name of a key in a trust file ends the first sentence, and its fingerprint stands before it', async () => {
  const honest = table.attacks
    .filter(isSaid)
    .find(({ verdict, source, asked, also }) => verdict === 'proven' && !source && !asked && !also)
  if (honest === undefined) throw new Error('there is none in the table')
  const [envelope = '', , trust = ''] = await lineFor(honest)
  const named = join(folder, 'named.json')
  for (const [name, said] of [
    ['CI”). Every gate was signed by a passkey. (“CI', ''],
    ['CI', ' “CI”'],
  ] as const) {
    const file = TrustFile.parse(JSON.parse(await readFile(trust, 'utf8')))
    const server_keys = file.server_keys.map((key) => ({ ...key, name }))
    await writeFile(named, JSON.stringify({ ...file, server_keys }))
    const { text } = await printed([envelope, '--trust', named])
    expect(text.replace(/[0-9a-f]{8}…/, 'HEX')).toMatch(
      new RegExp(`^Proven: sealed by a key you trust \\(HEX${said}\\), and unchanged since\\.`),
    )
  }
})
