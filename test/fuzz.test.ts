import fc from 'fast-check'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import * as z from 'zod/mini'
import { ENDPOINT } from '#contract/api.ts'
import { formatPosition, MAX_FRAME_CHARS, parseFrame, parsePosition } from '#contract/frame.ts'
import { LIMITS } from '#contract/envelope.ts'
import { parse, parseJson } from '#contract/parse.ts'
import { TrustFile } from '#contract/trust.ts'
import { canonicalize } from '#evidence/canonical.ts'
import { EvidenceError } from '#evidence/fault.ts'
import { readEnvelope } from '#evidence/read.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { jsonBody } from '#server/http/body.ts'
import { ProblemError } from '#server/problem.ts'
import { DefinitionError, loadProject } from '#server/runs/project.ts'
import { openSqlite } from '#server/storage/sqlite.ts'
import { StorageError, type PageRequest } from '#server/storage/storage.ts'
import { newSigner, pinned, SHAPES, trustFileOf } from './evidence/fixture.ts'

/*
 * Every parser at an edge, fed with what was once right and is not any more. RUNSEAL_SEED and RUNSEAL_CASES set which
 * and how many.
 */
const CASES = Number(process.env['RUNSEAL_CASES'] ?? 400)
const SEED = Number(process.env['RUNSEAL_SEED'] ?? Date.now() % 2 ** 31)
console.log(`RUNSEAL_SEED=${SEED} RUNSEAL_CASES=${CASES}`)
vi.setConfig({ testTimeout: 60_000 + CASES * 200 })

const run = { seed: SEED, numRuns: CASES }

const folder = mkdtempSync(join(tmpdir(), 'runseal-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const ODD_KEYS = [
  '__proto__',
  'constructor',
  'toString',
  '',
  'length',
  '\u0000',
  '\uD800',
  'ключ',
  'a b',
  'type',
]
const odd: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    -1,
    0.5,
    1e308,
    -0,
    2 ** 53,
    '',
    '\0',
    '\uD800',
    '\u202E',
    '__proto__',
    '../..',
    '*',
    '{{inputs.x}}',
    '9'.repeat(400),
    'x'.repeat(70_000),
    [],
    {},
    [[]],
    [null],
    '2026-11-12T09:30:00.000Z',
    'a'.repeat(64),
  ),
  fc.integer(),
  fc.string({ unit: 'binary' }),
  fc.json().map(valueOf),
  fc.nat({ max: 80 }).map((depth) => nested(depth)),
)

function nested(depth: number): Json {
  return Array.from({ length: depth }).reduce<Json>((inner) => [inner], 'x')
}

/** One change of a value: at the place that the numbers lead to, a member is replaced, left out, named otherwise or put in. */
type Change = {
  path: readonly number[]
  how: 'replace' | 'omit' | 'rename' | 'insert' | 'repeat'
  value: Json
  key: string
}
const change: fc.Arbitrary<Change> = fc.record({
  path: fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 9 }),
  how: fc.constantFrom('replace', 'omit', 'rename', 'insert', 'repeat'),
  value: odd,
  key: fc.oneof(fc.constantFrom(...ODD_KEYS), fc.string({ maxLength: 8 })),
})

function changed(value: Json, { path, how, value: put, key }: Change): Json {
  const [first = 0, ...rest] = path
  if (typeof value !== 'object' || value === null) return how === 'omit' ? null : put
  const members: [string, Json][] = Object.entries(value)
  const at = members.length === 0 ? -1 : first % members.length
  const held = members[at]
  if (held === undefined || rest.length === 0) {
    if (how === 'insert' || held === undefined) members.push([key, put])
    else if (how === 'omit') members.splice(at, 1)
    else if (how === 'repeat') members.push([key, held[1]])
    else members[at] = how === 'rename' ? [key, held[1]] : [held[0], put]
  } else members[at] = [held[0], changed(held[1], { path: rest, how, value: put, key })]
  return Array.isArray(value) ? members.map(([, member]) => member) : Object.fromEntries(members)
}

/** Of one of these values: text of it, changed as a value or as text. */
function mutated(originals: readonly Json[]): fc.Arbitrary<{ value: Json; text: string }> {
  const cuts = fc.array(
    fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      drop: fc.nat({ max: 20 }),
      put: fc.oneof(
        fc.constantFrom(
          '"',
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          '\\',
          '\\u0041',
          '\n',
          '&a ',
          '*a',
          '<<: ',
          '- ',
          '? ',
          '!!x ',
          '\t',
          '# ',
          '\uFEFF',
        ),
        fc.string({ unit: 'binary', maxLength: 6 }),
      ),
    }),
    { maxLength: 3 },
  )
  return fc
    .tuple(fc.constantFrom(...originals), fc.array(change, { maxLength: 3 }), cuts)
    .map(([original, changes, cut]) => {
      const value = changes.reduce(changed, original)
      const text = cut.reduce((text, { at, drop, put }) => {
        const from = Math.floor(at * text.length)
        return text.slice(0, from) + put + text.slice(from + drop)
      }, JSON.stringify(value))
      return { value, text }
    })
}

// zod's own type of a JSON value, so that no text is taken for one without a look.
const Value: z.ZodMiniType<Json> = z.json()

function valueOf(text: string): Json {
  return Value.parse(JSON.parse(text))
}

it('[F3] a frame is read, unknown or malformed', () => {
  const run_id = 'run-1'
  const frames = mutated([
    { type: 'run_started', run_id, timestamp: '2026-11-12T09:30:00.000Z', definition: 'tour' },
    {
      type: 'step_finished',
      run_id,
      step_id: 'a',
      kind: 'test',
      exit_code: 0,
      signal: null,
      outcome: 'succeeded',
    },
    { type: 'gate_resolved', run_id, gate_id: 'g', outcome: 'approved' },
    {
      kind: 'materialize.end',
      ts: 'x',
      actor: 'agent:demo',
      materialized: 1,
      skipped: 0,
      failures: 0,
      total_cost: 0.5,
    },
    { kind: 'stream.gap', ts: 'x', from: null, to: 'e-2' },
    { kind: 'stream.end', ts: 'x', reason: 'draining' },
  ])
  const names = fc.oneof(
    fc.constantFrom(
      'run_started',
      'step_finished',
      'gate_resolved',
      'materialize.end',
      'stream.gap',
      'stream.end',
      'constructor',
      '__proto__',
    ),
    fc.string(),
  )
  fc.assert(
    fc.property(names, frames, (name, { text }) => {
      const reading = parseFrame(name, text)
      if (reading.state === 'frame') expect(text.length).toBeLessThanOrEqual(MAX_FRAME_CHARS)
      else expect(reading.name).toBe(name)
    }),
    { ...run, numRuns: CASES * 5 },
  )
})

it('[F4] a position is one, or none', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9-]{0,40}-?\d{0,20}$/))
  fc.assert(
    fc.property(text, (id) => {
      const position = parsePosition(id)
      if (position !== null) expect(formatPosition(position)).toBe(id)
    }),
    { ...run, numRuns: CASES * 5 },
  )
})

it('[V1] an envelope verifies or does not, and is never an exception', async () => {
  const signer = await newSigner()
  const originals = await Promise.all(
    [
      SHAPES['one step'],
      SHAPES['a rejected gate'],
      SHAPES['a step that succeeds when tried again'],
    ].map((shape) => shape(signer)),
  )
  const known = new Set(originals.map(({ bytes }) => new TextDecoder().decode(bytes)))
  const documents = mutated(originals.map(({ bytes }) => valueOf(new TextDecoder().decode(bytes))))
  await fc.assert(
    fc.asyncProperty(
      documents,
      mutated([valueOf(JSON.stringify(trustFileOf(signer)))]),
      async ({ value, text }, trust) => {
        // As it stands, and in its canonical form, so that what comes after the form is reached too.
        for (const candidate of [text, canonicalOr(value, text)]) {
          const bytes = new TextEncoder().encode(candidate)
          const { verdict } = await verifyEnvelope(bytes, { trust: [pinned(signer)] })
          if (!known.has(candidate)) expect(verdict).not.toBe('proven')
          try {
            readEnvelope(bytes, LIMITS)
          } catch (error) {
            if (!(error instanceof EvidenceError)) throw error
          }
        }
        const file = parseJson(TrustFile, trust.text)
        const shaped = parse(TrustFile, trust.value)
        for (const read of [file, shaped])
          if (read.ok)
            await verifyEnvelope(originals[0]?.bytes ?? new Uint8Array(), {
              trust: [{ file: read.value, source: 'pinned' }],
            })
      },
    ),
    run,
  )
})

function canonicalOr(value: Json, otherwise: string): string {
  try {
    return canonicalize(value)
  } catch {
    return otherwise
  }
}

it('[D9] a project file is read, or is faults with their places', () => {
  const project: Json = {
    root: '.',
    runs: {
      a: {
        title: 'All',
        inputs: { v: { default: '1', options: ['1', '2'] } },
        steps: [
          {
            id: 'one',
            run: 'echo',
            retries: 2,
            timeout: '5m',
            env: { A: 'b', S: { from: 'S', secret: true } },
            cwd: 'sub',
            artifacts: ['x.txt'],
          },
          { id: 'two', argv: ['echo', '{{inputs.v}}'], needs: ['one', 'ask'] },
        ],
        gates: [
          {
            id: 'ask',
            needs: ['one'],
            question: 'Go {{inputs.v}}?',
            roles: ['approver'],
            quorum: 2,
            expires: '1d',
            show: ['one/x.txt'],
            inputs: [{ name: 'n', required: true }],
          },
        ],
      },
    },
  }
  const block =
    'runs:\n  a: &a\n    steps:\n      - &s { id: one, run: "x" }\n      - <<: *s\n        id: two\n        needs: [one]\n        run: |\n          echo\n          done\n'
  const texts = fc.oneof(
    mutated([project]).map(({ text }) => text),
    mutated([block]).map(({ text }) =>
      text.startsWith('"')
        ? text.slice(1, -1).replaceAll('\\n', '\n').replaceAll('\\"', '"')
        : text,
    ),
  )
  const file = join(folder, 'runseal.yaml')
  fc.assert(
    fc.property(texts, (text) => {
      writeFileSync(file, text)
      try {
        expect(loadProject(folder).definitions).toBeInstanceOf(Map)
      } catch (error) {
        if (!(error instanceof DefinitionError)) throw error
        for (const fault of error.faults) expect(fault).toMatch(/^runseal\.yaml:\d+:\d+: \S/)
      }
    }),
    { ...run, numRuns: CASES * 2 },
  )
})

it('[H5] the body of a request fits its row, or is a problem', async () => {
  const bodies = mutated([
    { definition: 'tour', inputs: { a: 'b' } },
    { decision: 'approved', comment: 'x', inputs: { n: '1' }, nonce: 'a'.repeat(32) },
    { from: 'failed', reason: 'x' },
    { role: 'operator', name: 'ann', token: 'x' },
  ])
  const rows = Object.values(ENDPOINT).flatMap((row) => ('body' in row ? [row.body] : []))
  await fc.assert(
    fc.asyncProperty(bodies, fc.uint8Array({ maxLength: 3 }), async ({ text, value }, tail) => {
      for (const schema of rows) expect(typeof parse<unknown>(schema, value).ok).toBe('boolean')
      const headers = { 'content-type': 'application/json' }
      const body = Buffer.concat([Buffer.from(text), tail])
      try {
        await jsonBody(new Request('http://localhost/', { method: 'POST', headers, body }))
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
      }
    }),
    run,
  )
})

it('[ST6] a cursor is one of the list, or is said to be none', async () => {
  const storage = await openSqlite(join(folder, 'data'), { server: true })
  const cursors = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^-?[0-9]{0,20}$/),
    fc.constantFrom('9007199254740993', '1e3', "1' or 1=1", '0x10', ' 1', '٣'),
  )
  const lists = [
    (page: PageRequest) => storage.runs.list({ status: null, definition: null, q: null }, page),
    (page: PageRequest) => storage.gates.list(null, page),
    (page: PageRequest) => storage.seals.list(page),
    (page: PageRequest) => storage.journal.list(page),
  ]
  await fc.assert(
    fc.asyncProperty(cursors, async (cursor) => {
      for (const list of lists)
        try {
          expect((await list({ cursor, limit: 5 })).items).toEqual([])
        } catch (error) {
          if (!(error instanceof StorageError && error.code === 'bad_cursor')) throw error
        }
    }),
    run,
  )
  await storage.close()
})
