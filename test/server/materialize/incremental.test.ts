import { spawnSync } from 'node:child_process'
import * as fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import type { CellName } from '#contract/provenance.ts'
import { digestOf } from '#evidence/digest.ts'
import { sumOf } from '#evidence/summarise.ts'
import { versionsOf } from '#server/materialize/derive-field.ts'
import { membersOf } from '#server/materialize/judge-records.ts'
import { createProvenanceViews } from '#server/materialize/provenance-views.ts'
import { tableShop, type TableShop } from './tables.ts'

/** Records by key: two values, and the key of another record. */
type Rows = Readonly<Record<string, readonly [a: string, b: string, ref: string]>>
/** What each derived field is made from: `a`, `b`, the places of earlier ones, or the place of one of the record `ref`. */
type Graph = readonly {
  inputs: readonly (string | number)[]
  looks: number | null
  version: string
}[]

const KEYS = ['k1', 'k2', 'k3', 'k4', 'é'] as const
const rows: fc.Arbitrary<Rows> = fc.dictionary(
  fc.constantFrom(...KEYS),
  fc.tuple(fc.constantFrom('1', '2', '7'), fc.constantFrom('x', 'y'), fc.constantFrom(...KEYS, '')),
  { noNullPrototype: true },
)
const graph: fc.Arbitrary<Graph> = fc
  .array(fc.tuple(fc.boolean(), fc.boolean(), fc.nat(9), fc.nat(9), fc.constantFrom('1', '2')), {
    minLength: 1,
    maxLength: 4,
  })
  .map((shapes) =>
    shapes.map(([a, b, earlier, looks, version], at) => ({
      inputs: [
        ...(a || at === 0 ? ['a'] : []),
        ...(b ? ['b'] : []),
        ...(at > 0 ? [earlier % at] : []),
      ],
      looks: at > 0 && looks > 6 ? looks % at : null,
      version,
    })),
  )
const change = fc.oneof(
  fc.record({ rows }),
  fc.record({ version: fc.tuple(fc.nat(9), fc.constantFrom('1', '2', '3')) }),
  fc.record({ record_ids: fc.subarray([...KEYS]), force: fc.boolean() }),
  fc.record({ target: fc.nat(9), force: fc.boolean() }),
)

// Fails for a 7, says all of its inputs otherwise.
const PROGRAM = `. as $line | if (.inputs | tostring | test("7")) then {record_id, error: "seven", cost: 1} else {record_id, value: [.inputs | to_entries | sort_by(.key)[] | .value], cost: 0.5} end`

function projectOf(graph: Graph): string {
  const derived = graph.map(({ inputs, looks, version }, at) => {
    const from = [
      ...inputs.map((input) => (typeof input === 'string' ? input : `d${input}`)),
      ...(looks === null ? [] : [`{ table: t, field: d${looks}, by: ref, as: other }`]),
    ]
    return `      d${at}: { from: [${from.join(', ')}], version: '${version}', batch: 2, concurrency: 2, argv: [jq, -c, '${PROGRAM}'] }`
  })
  return `  t:\n    source: { kind: json, path: t.json }\n    key: id\n    derive:\n${derived.join('\n')}\n`
}

function sourceOf(rows: Rows): string {
  return JSON.stringify(Object.entries(rows).map(([id, [a, b, ref]]) => ({ id, a, b, ref })))
}

/** What every cell has to be, by the definition alone; undefined: failed. */
function fromScratch(graph: Graph, rows: Rows): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  const isThere = (key: string) => Object.hasOwn(rows, key)
  for (const [at, { inputs, looks }] of graph.entries())
    for (const [key, [a, b, ref]] of Object.entries(rows)) {
      const named: [string, unknown][] = inputs.map((input) =>
        typeof input === 'string'
          ? [input, input === 'a' ? a : b]
          : [`d${input}`, made[`d${input} ${key}`]],
      )
      if (looks !== null) named.push(['other', isThere(ref) ? made[`d${looks} ${ref}`] : null])
      const isFailed =
        named.some(([, value]) => value === undefined) || JSON.stringify(named).includes('7')
      made[`d${at} ${key}`] = isFailed
        ? undefined
        : named.toSorted(([x], [y]) => (x < y ? -1 : 1)).map(([, value]) => value)
    }
  return made
}

/** Everything that is stored of the cells, held to what it says of itself. */
async function cellsNow(
  { storage: { cells } }: TableShop,
  graph: Graph,
): Promise<Record<string, unknown>> {
  const now: Record<string, unknown> = {}
  for (const at of graph.keys()) {
    const row = await cells.field('t', `d${at}`)
    const found = await cells.cells(row.field_id, { after: null, limit: 1000 })
    const counts = { fresh: 0, stale: 0, missing: 0, failed: 0 }
    for (const { record_id, state, version } of found) {
      counts[state] += 1
      now[`d${at} ${record_id}`] =
        state === 'fresh'
          ? JSON.parse(version?.value ?? '')
          : state === 'failed'
            ? undefined
            : state
      if (state === 'fresh')
        expect(version?.value_sha256).toBe(digestOf(now[`d${at} ${record_id}`]))
    }
    expect(row.cells).toEqual(counts)
  }
  return now
}

/** No cell was computed twice in one run, and a field's cost is that of all its versions. */
async function expectOnce(
  { storage: { cells } }: TableShop,
  graph: Graph,
  runs: readonly string[],
) {
  const costs = graph.map((): string[] => [])
  for (const run_id of runs) {
    const made = new Set<string>()
    for (const act of await cells.acts(run_id, null)) {
      const { field } = await cells.fieldName(act.field_id)
      for await (const versions of versionsOf(cells, act.act_id))
        for (const { record_id, cost } of versions) {
          expect(made).not.toContain(`${field} ${record_id}`)
          made.add(`${field} ${record_id}`)
          if (cost !== null) costs[Number(field.slice(1))]?.push(cost)
        }
    }
  }
  for (const [at, spent] of costs.entries())
    expect((await cells.field('t', `d${at}`)).cost).toBe(sumOf(spent))
}

/** Every fresh cell again, by what its provenance says alone: its command over its inputs, wherever these stand now. */
async function expectReplayed(shop: TableShop) {
  const views = createProvenanceViews(shop.materializer, shop.storage)
  const page = { cursor: null, limit: 1000 }
  const all = { table: null, record_id: null, field: null, run_id: null, q: null }
  const { items } = await views.list({ ...all, state: 'fresh' }, page)
  const values = new Map(items.map((cell) => [keyOf(cell), cell.value]))
  for (const { record_id, body } of await shop.storage.cells.records('t', {
    after: null,
    limit: 1000,
  }))
    for (const [field, value] of Object.entries(membersOf(body)))
      values.set(keyOf({ table: 't', record_id, field }), value)
  const byCommand = Map.groupBy(items, ({ derivation }) => JSON.stringify(derivation.command))
  for (const cells of byCommand.values()) {
    const [program = '', ...args] = cells[0]?.derivation.command ?? []
    const input = cells.map(({ inputs }, at) => {
      const named = inputs.map(({ name, from, sha256 }): [string, unknown] => {
        const value = from === null ? null : (values.get(keyOf(from)) ?? null)
        expect(digestOf(value)).toBe(sha256)
        return [name, value]
      })
      return `${JSON.stringify({ record_id: String(at), inputs: Object.fromEntries(named) })}\n`
    })
    const { stdout } = spawnSync(program, args, { input: input.join(''), encoding: 'utf8' })
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => Answer.parse(JSON.parse(line)))
    expect(answers.map(({ value }) => digestOf(value))).toEqual(
      cells.map(({ value_sha256 }) => value_sha256),
    )
  }
}
const Answer = z.object({ value: z.unknown() })
const keyOf = ({ table, record_id, field }: CellName) => JSON.stringify([table, record_id, field])

const RUNS = Number(process.env['RUNSEAL_TABLES'] ?? 3)
vi.setConfig({ testTimeout: 120_000 + RUNS * 30_000 })

it('[MT3] [MT4] [MT5] [MT8] [MT13] whatever changed and failed before, the cells are those made from scratch, and each is made again by its provenance', async () => {
  await fc.assert(
    fc.asyncProperty(
      graph,
      rows,
      fc.array(change, { maxLength: 4 }),
      async (first, before, changes) => {
        let graph = first
        let rows = before
        const runs: string[] = []
        const shop = await tableShop(projectOf(graph), { 't.json': sourceOf(rows) })
        const yaml = join(shop.root, 'runseal.yaml')
        const head = readFileSync(yaml, 'utf8').split('tables:\n')[0]
        const materialize = async (asked: Parameters<TableShop['materialize']>[0] = {}) => {
          const { run } = await shop.materialize(asked)
          expect(run.ended?.outcome).toBe('succeeded')
          runs.push(run.run_id)
        }
        for (const one of changes) {
          if ('rows' in one) {
            rows = one.rows
            shop.write('t.json', sourceOf(rows))
          } else if ('version' in one) {
            const [which, version] = one.version
            graph = graph.map((field, at) =>
              at === which % graph.length ? { ...field, version } : field,
            )
            writeFileSync(yaml, `${head}tables:\n${projectOf(graph)}`)
          } else if ('target' in one)
            await materialize({ targets: [`t.d${one.target % graph.length}`], force: one.force })
          else
            await materialize({
              record_ids: one.record_ids.filter((key) => Object.hasOwn(rows, key)),
              force: one.force,
            })
        }
        await materialize()
        expect(await cellsNow(shop, graph)).toEqual(fromScratch(graph, rows))
        await materialize()
        const { envelope } = await shop.materialize({})
        const values = Object.values(fromScratch(graph, rows))
        const fresh = values.filter((value) => value !== undefined).length
        expect(envelope.closing.totals).toMatchObject({
          materialized: 0,
          skipped: fresh,
          failures: values.length - fresh,
        })
        runs.push(envelope.run_id)
        await expectOnce(shop, graph, runs)
        await expectReplayed(shop)
        await shop.close()
      },
    ),
    { numRuns: RUNS, endOnFailure: RUNS < 10 },
  )
})
