import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENDPOINT } from '#contract/api.ts'
import { parseFrame } from '#contract/frame.ts'
import { membersOf, schemaOf, SHOWN_FRAMES, SHOWN_READERS } from '#test/first-documents.ts'
import { served, type Served } from './http/served.ts'

/*
 * Whoever has the first documents alone, with curl, with Python and with a schema made of the frames that are shown
 * there, reads a real server while it derives a table, and misses nothing.
 */

const DERIVATION = `
process.stdin.setEncoding('utf8')
let text = ''
process.stdin.on('data', (more) => (text += more))
process.stdin.on('end', () => {
  for (const line of text.trim().split('\\n')) {
    const { record_id, inputs } = JSON.parse(line)
    console.log(JSON.stringify({ record_id, ...(inputs.n === 3 ? { error: 'three' } : { value: inputs.n * 2, cost: '0.25' }) }))
  }
})
`
const PROJECT = `
runs:
  say: { steps: [{ id: say, kind: test, run: echo said }] }
tables:
  numbers:
    source: { kind: csv, path: numbers.csv }
    key: id
    fields: { id: text, n: number }
    derive:
      twice: { from: [n], argv: [${JSON.stringify(process.execPath)}, twice.mjs] }
  lost:
    source: { kind: csv, path: lost.csv }
    key: id
    derive:
      nothing: { from: [id], run: cat }
`

let server: Served
let token: string
const undo: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await served(PROJECT)
  token = await server.token('operator')
  await writeFile(join(server.folder, 'twice.mjs'), DERIVATION)
  await writeFile(join(server.folder, 'numbers.csv'), 'id,n\na,1\nb,2\nc,3\n')
})
afterAll(async () => {
  for (const step of undo.splice(0)) await step()
  await server.end()
})

describe.each([
  ['curl', (text: string) => [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)],
  ['python3', asJson],
] as const)('the %s snippet', (program, dataIn) => {
  it('[F1] [S3] prints the frames of a materialize as the documents show them', async (context) => {
    if (!has(program)) context.skip(`there is no ${program} on this machine`)
    const { until, text } = await reading(program)
    const made = await server.ask(ENDPOINT.materialize.answer, '/api/materialize', {
      token,
      body: { force: true, targets: ['numbers'] },
    })
    expect(made).toMatchObject({ materialized: 2, skipped: 0, total_cost: 0.5 })
    const [failure] = made.failures
    expect(failure).toMatchObject({ table: 'numbers', record_id: 'c', field: 'twice' })
    expect(failure?.error).toContain('three')
    const broken = await server.send('/api/materialize', { token, body: { targets: ['lost'] } })
    expect(broken.ok).toBe(false)
    await until('materialize.error')
    await server.send('/api/runs', { token, body: { definition: 'say' } })
    await until('step_finished')

    const frames = dataIn(text()).map(membersOf)
    const told = frames.flatMap(({ type, kind, ts, actor, ...said }) => {
      if (type !== undefined) return []
      expect(ts).toMatch(/^20\d\d-.*Z$/)
      expect(actor).toMatch(/^token:/)
      return [{ kind, ...said }]
    })
    const { run_id } = made
    expect(told.slice(0, 2)).toEqual([
      { kind: 'materialize.start', targets: ['numbers'], record_ids: null, force: true, run_id },
      {
        kind: 'materialize.end',
        materialized: 2,
        skipped: 0,
        failures: 1,
        total_cost: 0.5,
        run_id,
      },
    ])
    expect(told.slice(2)).toMatchObject([
      { kind: 'materialize.start', targets: ['lost'], record_ids: null, force: false },
      { kind: 'materialize.error', error_type: 'bad_source' },
    ])
    for (const frame of frames) expect(faultsOf(frame)).toEqual([])
  })
})

/** Every shown frame of that name that this one does not have all members of. */
function faultsOf(frame: Record<string, unknown>): string[] {
  const name = String(frame['type'] ?? frame['kind'])
  const data = JSON.stringify(frame)
  if (parseFrame(name, data).state !== 'frame') return [`${name} is no frame: ${data}`]
  return SHOWN_FRAMES.filter(([shown]) => shown === name)
    .filter(([, shown]) => !schemaOf(shown).safeParse(frame).success)
    .map(([, shown]) => `${data} is not like ${shown}`)
}

/** A reader of the documents that this server counts among its own. */
async function reading(program: keyof typeof SHOWN_READERS) {
  const before = await subscribers()
  const [command, ...args] = SHOWN_READERS[program](server.port)
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  undo.push(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more))
  while ((await subscribers()) === before);
  return {
    text: () => text,
    until: async (wanted: string) => {
      while (!text.includes(wanted)) await once(child.stdout, 'data')
    },
  }
}

async function subscribers(): Promise<number> {
  return (await server.ask(ENDPOINT.status.answer, '/api/status')).stream.subscribers
}

/** Lines of Python's own writing of values. */
function asJson(text: string): string[] {
  const script =
    'import ast, json, sys\nfor line in sys.stdin: print(json.dumps(ast.literal_eval(line)))'
  return execFileSync('python3', ['-c', script], { input: text, encoding: 'utf8' })
    .trim()
    .split('\n')
}

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
