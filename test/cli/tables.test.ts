import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { parse, parseJson } from '#contract/parse.ts'
import { Provenance } from '#contract/provenance.ts'
import { begin, end, exitOf, runseal, serving, type Serving } from './command-line.ts'

// Real processes, on a machine that may be busy with others.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const DERIVATION = `
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
let text = ''
process.stdin.setEncoding('utf8').on('data', (more) => (text += more)).on('end', async () => {
  while (text.includes('slow') && !existsSync('go')) await setTimeout(20)
  for (const line of text.trim().split('\\n')) {
    const { record_id, inputs } = JSON.parse(line)
    const said = inputs.n < 0 ? { error: 'below \\u001b[2J zero' } : inputs.n === 20000 ? { value: 'x'.repeat(5000) } : { value: inputs.n * 2, cost: '0.10' }
    console.log(JSON.stringify({ record_id, ...said }))
  }
})
`
const PROJECT = `
runs: {}
tables:
  numbers:
    source: { kind: csv, path: numbers.csv }
    key: id
    fields: { id: text, n: number }
    derive:
      twice: { from: [n], argv: [${JSON.stringify(process.execPath)}, twice.mjs], version: first }
      four: { from: [{ field: twice, as: n }], argv: [${JSON.stringify(process.execPath)}, twice.mjs] }
`

let folder: string
let server: Serving
let environment: Record<string, string>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'runseal-cli-tables-'))
  await writeFile(join(folder, 'runseal.yaml'), PROJECT)
  await writeFile(join(folder, 'twice.mjs'), DERIVATION)
  await writeFile(join(folder, 'numbers.csv'), 'id,n\na/b,1\nc,2\nd,-3\n')
  server = await serving(folder)
  const data = { RUNSEAL_DATA: join(folder, '.runseal') }
  const { stdout } = await runseal(['token', 'create', '--role', 'operator'], data)
  environment = { ...data, RUNSEAL_SERVER: server.url, RUNSEAL_TOKEN: stdout.trim() }
})
afterAll(async () => {
  await end(server)
  await rm(folder, { recursive: true, force: true })
})

const run = (...args: string[]) => runseal(args, environment)

it('[C30] [C31] [C32] a table is previewed, derived, derived again, and asked about', async () => {
  const before = await run('materialize', '--dry-run')
  expect(before).toMatchObject({ code: 0, stderr: '' })
  expect(before.stdout).toMatch(/^FIELD +FRESH +STALE +MISSING +FAILED +COST +SECONDS +BY CELLS$/m)
  expect(before.stdout).toMatch(/^numbers\.twice +0 +0 +3 +0 +- +- +0$/m)

  // A cell that failed fails the command, and acts on no terminal.
  const first = await run('materialize')
  expect(first.code).toBe(1)
  expect(first.stdout).toMatch(/^run_[0-9a-z]{26}\n$/)
  expect(first.stderr).toContain('failed  numbers/d/twice: below <U+001B>[2J zero\n')
  expect(first.stderr).toContain('failed  numbers/d/four: ')
  expect(first.stderr).toContain('4 materialized, 0 skipped, 2 failed, cost 0.4\n')
  expect(first.stderr).toMatch(/^evidence ev_[0-9a-z]{26}$/m)
  expect(first.stderr).not.toContain('\u001B')

  const told = await run('status')
  expect(told.stdout).toMatch(/^numbers\.twice +2 +0 +0 +1 +0\.2 +-$/m)

  // What is fresh is skipped; one record alone has nothing to fail.
  const again = await run('materialize', 'numbers.twice', '--record', 'c', '--no-queue')
  expect(again).toMatchObject({ code: 0 })
  const asked = await fetch(`${server.url}/api/runs/${again.stdout.trim()}`)
  expect(await asked.json()).toMatchObject({ inputs: { lock_timeout_ms: '0' } })
  expect(again.stderr).toContain('0 materialized, 1 skipped, 0 failed, cost 0\n')
  const forced = await run('materialize', 'numbers.twice', '--record', 'c', '--force')
  expect(forced).toMatchObject({ code: 0 })
  expect(forced.stderr).toContain('1 materialized, 0 skipped, 0 failed, cost 0.1')

  const cell = await run('provenance', 'numbers/a/b/four')
  expect(cell).toMatchObject({ code: 0, stderr: '' })
  expect(cell.stdout).toMatch(/^cell +numbers\/a\/b\/four$/m)
  expect(cell.stdout).toMatch(/^state +fresh: /m)
  expect(cell.stdout).toMatch(/^value +4$/m)
  expect(cell.stdout).toMatch(new RegExp(`^made by +${first.stdout.trim()}, token:`, 'm'))
  expect(cell.stdout).toMatch(/^n +[0-9a-f]{64} +numbers\/a\/b\/twice$/m)
  const failed = await run('provenance', 'numbers/d/twice')
  expect(failed.stdout).toMatch(/^error +below <U\+001B>\[2J zero$/m)
  const json = await run('provenance', 'numbers/a/b/four', '--json')
  expect(parseJson(Provenance, json.stdout)).toMatchObject({ value: { value: 4, cost: '0.1' } })
  expect(await run('provenance', 'numbers/none/four')).toMatchObject({ code: 1, stdout: '' })
})

it('[C30] what nothing derives, and a record that is not there, end the run as failed: 1', async () => {
  const unknown = await run('materialize', 'numbers.none')
  expect(unknown).toMatchObject({ code: 1 })
  expect(unknown.stderr).toMatch(/^failed: .*no table derives numbers\.none$/m)
  const missing = await run('materialize', '--record', 'none')
  expect(missing).toMatchObject({ code: 1 })
  expect(missing.stderr).toMatch(/^failed: .*no record "none"$/m)
})

it('[C30] [C31] [MT17] Ctrl-C says that the run goes on; who waits for its table says so', async () => {
  await writeFile(join(folder, 'numbers.csv'), 'id,n\nc,2\nslow,3\n')
  const first = begin(['materialize', 'numbers.twice'], environment)
  const said = heard(first)
  await expect.poll(said, { timeout: 60_000 }).toContain('0 of 1 cells')
  const second = begin(['materialize', 'numbers.twice'], environment)
  const waited = heard(second)
  const [{ run_id } = { run_id: '' }] = (await statusNow()).tables.flatMap(
    ({ running }) => running ?? [],
  )
  await expect
    .poll(waited, { timeout: 60_000 })
    .toContain(`waits for table numbers  which ${run_id} writes\n`)
  const { stdout } = await run('status')
  expect(stdout).toMatch(/^WAITS FOR TABLE +RUN +WRITTEN BY$/m)
  expect(stdout).toMatch(new RegExp(`^numbers +run_\\w+ +${run_id}$`, 'm'))
  first.kill('SIGINT')
  expect(await exitOf(first)).toEqual([null, 'SIGINT'])
  expect(said()).toContain(
    `the run goes on: runseal status; to look at it or to abort it: ${server.url}/runs/${run_id}\n`,
  )
  await writeFile(join(folder, 'go'), '')
  expect(await exitOf(second)).toEqual([0, null])
})

it('[C30] [C32] failures behind thousands of cells are counted, the first named; a key is one line, a value bounded', async () => {
  const cells = Array.from({ length: 2600 }, (_, n) => `k${String(n).padStart(4, '0')},${n}\n`)
  const failing = Array.from({ length: 25 }, (_, n) => `z${n},-1\n`)
  const odd = '"new\nline",1\n"new\u00A0line",1\n"tab\there",1\nbig,10000\n'
  await writeFile(join(folder, 'numbers.csv'), `id,n\n${cells.join('')}${odd}${failing.join('')}`)
  const { code, stdout, stderr } = await run('materialize')
  expect(code).toBe(1)
  const lines = stderr.split('\n').filter((line) => line.startsWith('failed  '))
  expect(lines).toHaveLength(21)
  expect(lines[0]).toBe('failed  numbers/z0/four: not tried: numbers/z0/twice failed')
  const rest = `${server.url}/api/provenance?run_id=${stdout.trim()}&state=failed`
  expect(lines[20]).toBe(`failed  and 30 more: ${rest}`)
  expect(stderr).toContain(', 50 failed, ')

  const keys = ['new\nline', 'new\u00A0line', 'tab\there']
  const told = await Promise.all(keys.map((key) => run('provenance', `numbers/${key}/four`)))
  expect(told.map(({ stdout: text }) => /^cell +(.*)$/m.exec(text)?.[1])).toEqual([
    'numbers/new<U+000A>line/four',
    'numbers/new\u00A0line/four',
    'numbers/tab<U+0009>here/four',
  ])
  const big = await run('provenance', 'numbers/big/four')
  expect(big.stdout).toContain(' … 1,002 more characters: --json has all of it\n')
  expect(big.stdout.length).toBeLessThan(6000)
})

it('[C6] what cannot be written is no success', async () => {
  const full = openSync('/dev/full', 'w')
  const child = begin(['--help'], {}, full)
  const said = heard(child)
  expect(await exitOf(child)).toEqual([74, null])
  await expect.poll(said).toMatch(/^runseal: the output could not be written: .*ENOSPC/)
  closeSync(full)

  // A disk that has room for a part takes that, and says nothing but how much.
  const file = join(folder, 'cut-off')
  const part = openSync(file, 'w')
  const limited = 'ulimit -f 1; exec "$0" "$@"'
  const cut = spawn(
    '/bin/sh',
    ['-c', limited, process.execPath, resolve('src/cli/main.ts'), 'verify', '--help'],
    {
      stdio: ['ignore', part, 'pipe'],
      env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' },
    },
  )
  const saidThen = heard(cut)
  expect(await exitOf(cut)).toEqual([74, null])
  await expect.poll(saidThen).toMatch(/^runseal: the output could not be written: .*EFBIG/)
  expect(fstatSync(part).size).toBeGreaterThan(0)
  closeSync(part)
})

it('[C30] a broken source ends the run as failed: 1, with its file and line', async () => {
  await writeFile(join(folder, 'numbers.csv'), 'id,n\na/b,1\na/b,2\n')
  const { code, stderr } = await run('materialize')
  expect(code).toBe(1)
  expect(stderr).toMatch(/^failed: .*numbers\.csv:3/m)
  const { tables } = await statusNow()
  expect(tables.map(({ running }) => running)).toEqual([null, null])
})

function heard({ stderr }: Pick<ReturnType<typeof begin>, 'stderr'>): () => string {
  let text = ''
  stderr?.setEncoding('utf8').on('data', (more: string) => (text += more))
  return () => text
}

async function statusNow() {
  const { stdout } = await run('status', '--json')
  const parsed = parse(ENDPOINT.status.answer, JSON.parse(stdout))
  if (!parsed.ok) throw new Error(stdout)
  return parsed.value
}
