import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { fieldsOf, stepIdOf } from '#server/materialize/table-definition.ts'
import { DefinitionError, loadProject, type LoadedProject } from '#server/runs/project.ts'

const RUNS = 'runs:\n  r:\n    steps: [{ id: a, run: "true" }]\n'

function load(text: string): LoadedProject {
  const folder = mkdtempSync(join(tmpdir(), 'runseal-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'runseal.yaml'), text)
  return loadProject(folder)
}

function faultsIn(text: string): readonly string[] {
  try {
    load(text)
  } catch (error) {
    if (error instanceof DefinitionError) return error.faults
    throw error
  }
  return []
}

const people = (derive: string, more = '') => `${RUNS}tables:
  people:
    source: { kind: csv, path: people.csv }
    key: id
${more}    derive:
${derive.replace(/^\n/, '')}`

it('[MT1] resolves what the file leaves out', () => {
  const { tables } = load(people('      up:\n        from: [name]\n        run: cat'))
  const [up] = tables.get('people')?.derived ?? []
  expect(up).toMatchObject({
    field: 'up',
    type: 'json',
    from: [{ name: 'name', table: 'people', field: 'name', by: null }],
    step: { step_id: 'people.up', kind: 'materialize', argv: ['/bin/sh', '-c', 'cat'], needs: [] },
    batch: 100,
    concurrency: 1,
    retries: 0,
    version: null,
  })
})

it.each([
  ['a place', 'source: { kind: csv, path: a.csv, at: /x }', 'only json has a place inside of it'],
  ['no pointer', 'source: { kind: json, path: a.json, at: x }', 'must be a JSON pointer such as'],
])('[MT1] refuses %s of a source', (_, source, fault) => {
  expect(faultsIn(`${RUNS}tables:\n  t: { key: id, ${source} }\n`).join()).toContain(fault)
})

it.each([
  ['two files', 'materialize: [t], artifacts: [a, b]'],
  ['two tables in one', 'materialize: [t, u.x], artifacts: [a]'],
])('[MT15] a step that derives writes no %s', (_, step) => {
  const source = 'source: { kind: csv, path: a.csv }, key: id'
  const derive = 'derive: { x: { from: [id], run: cat } }'
  const tables = `tables:\n  t: { ${source}, ${derive} }\n  u: { ${source}, ${derive} }\n`
  const runs = `runs: { r: { steps: [{ id: d, ${step} }] } }\n`
  expect(faultsIn(runs + tables)).toEqual([
    expect.stringContaining('a step that derives one table may write it to one file'),
  ])
})

it.each([
  [
    'a circle',
    '      a: { from: [b], run: cat }\n      b: { from: [a], run: cat }',
    'runseal.yaml:9:18: cycle: people.a → people.b → people.a',
  ],
  ['itself', '      a: { from: [a], run: cat }', 'runseal.yaml:9:18: cycle: people.a → people.a'],
  [
    'no table',
    '      a: { from: [{ table: teams, field: x, by: team }], run: cat }',
    'runseal.yaml:9:19: no table "teams" in this project',
  ],
  [
    'a lookup by what is derived',
    '      a: { from: [name], run: cat }\n      b: { from: [{ table: people, field: name, by: a, as: n }], run: cat }',
    'runseal.yaml:10:19: "a" is derived: a lookup goes by a field of the source',
  ],
  [
    'two inputs of one name',
    '      a: { from: [name, { field: id, as: name }], run: cat }',
    'runseal.yaml:9:25: two inputs are called "name": name one by as',
  ],
  [
    'a key that is derived',
    '      id: { from: [name], run: cat }',
    'runseal.yaml:9:11: "id" is already a field of the source',
  ],
  [
    'run and argv',
    '      a: { from: [name], run: cat, argv: [cat] }',
    'runseal.yaml:9:10: has both run and argv',
  ],
  ['neither', '      a: { from: [name] }', 'runseal.yaml:9:10: has neither run nor argv'],
  [
    'an input of a run',
    '      a: { from: [name], argv: ["{{inputs.x}}"] }',
    'runseal.yaml:9:33: no input "x" in this run',
  ],
  [
    'a file outside',
    '      a: { from: [name], run: cat, files: [../x] }',
    'runseal.yaml:9:44: ../x is outside of the root',
  ],
  [
    'an odd from',
    '      a: { from: [7], run: cat }',
    'runseal.yaml:9:19: must be a field, {field, as} or {table, field, by, as}',
  ],
])('[MT1] refuses %s with its place', (_, derive, fault) => {
  expect(faultsIn(people(derive))).toEqual([fault])
})

it('[MT1] knows the fields that a table says it has', () => {
  const fields = '    fields: { id: text, name: text }\n    private: [id, mail]\n'
  expect(faultsIn(people('      a: { from: [nam], run: cat }', fields))).toEqual([
    'runseal.yaml:9:15: a key names its record everywhere: it cannot be private',
    'runseal.yaml:9:19: no field "mail" in table "people"',
    'runseal.yaml:11:19: no field "nam" in table "people"',
  ])
})

it('[MT1] a query is of a database, and only there', () => {
  const table = (source: string) => `${RUNS}tables:\n  t:\n    source: ${source}\n    key: id\n`
  expect(faultsIn(table('{ kind: sqlite, path: a.db }'))).toEqual([
    'runseal.yaml:6:13: a sqlite source needs a query',
  ])
  expect(faultsIn(table('{ kind: csv, path: a.csv, query: select 1 }'))).toEqual([
    'runseal.yaml:6:13: only sqlite has a query',
  ])
})

it('[MT1] a step that derives has nothing of a process, and its kind is its own', () => {
  const tables = people('      a: { from: [name], run: cat }').slice(RUNS.length)
  const run = (step: string) => `runs:\n  r:\n    steps: [{ id: a, ${step} }]\n${tables}`
  expect(faultsIn(run('materialize: [people.a, people]'))).toEqual([])
  expect(faultsIn(run('materialize: [people.name]'))).toHaveLength(1)
  expect(faultsIn(run('materialize: [none]'))[0]).toContain('no table derives none')
  expect(faultsIn(run('materialize: [people], run: x'))[0]).toContain('has no run of its own')
  expect(faultsIn(run('run: x, kind: materialize'))[0]).toContain('materialize is the kind')
})

it('[MT1] what a run derives is a part of its definition', () => {
  const run = 'runs:\n  r:\n    steps: [{ id: a, materialize: [people] }]\n'
  const digest = (derive: string) =>
    load(run + people(derive).slice(RUNS.length)).definitions.get('r')?.sha256
  const before = digest('      a: { from: [name], run: cat }')
  expect(digest('      a: { from: [name], run: cat, batch: 7 }')).not.toBe(before)
  expect(digest('      a: { from: [name], run: cat }')).toBe(before)
})

it('[MT5] a target brings along what it is made from, in an order to derive it in', () => {
  const { tables } = load(
    people(`
      c: { from: [b, a], run: cat }
      b: { from: [a], run: cat }
      a: { from: [name], run: cat }
      d: { from: [name], run: cat }`),
  )
  const named = (targets: string[] | null) => fieldsOf(tables, targets).fields?.map(stepIdOf)
  expect(named(['people.b'])).toEqual(['people.a', 'people.b'])
  expect(named(null)).toEqual(['people.a', 'people.b', 'people.c', 'people.d'])
  expect(named(['people.name'])).toBeUndefined()
})
