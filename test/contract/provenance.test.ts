import { expect, it } from 'vitest'
import { parse } from '#contract/parse.ts'
import { Project } from '#contract/definition.ts'
import { Materialize, MaterializeAnswer } from '#contract/provenance.ts'

it('[A4] a materialize is asked for as in the first documents, and answered as there', () => {
  expect(parse(Materialize, { targets: null, record_ids: null, force: false }).ok).toBe(true)
  expect(parse(Materialize, { command: 'rm' }).ok).toBe(false)
  const failures = [{ table: 't', record_id: '1', field: 'f', error: 'no' }]
  const answer = { materialized: 12, skipped: 7, failures, total_cost: 0.0 }
  const named = { ...answer, run_id: 'run_1', evidence_id: null }
  expect(parse(MaterializeAnswer, named).ok).toBe(true)
})

const source = { kind: 'csv', path: 'people.csv' }
const runs = { all: { steps: [{ id: 'derive', materialize: ['people.initials'] }] } }

it('[A4] tables and materialize steps have their place in a project file', () => {
  const initials = { from: ['name'], run: './initials', version: '2', files: ['initials'] }
  const boss = { table: 'people', field: 'name', by: 'boss_id', as: 'boss' }
  const title = { from: ['initials', { field: 'name', as: 'full' }, boss], argv: ['./title'] }
  const people = { source, key: 'id', private: ['name'], derive: { initials, title } }
  expect(parse(Project, { tables: { people }, runs }).ok).toBe(true)
})

it.each([
  ['people.old', { source, key: 'id' }],
  ['people', { source, key: 'id', derive: { 'a.b': { from: ['name'], run: 'x' } } }],
  ['people', { source, key: 'id', derive: { a: { from: [], run: 'x' } } }],
  ['people', { source: { kind: 'xls', path: 'a' }, key: 'id' }],
])('[A4] a table %s that is none has no place', (name, table) => {
  expect(parse(Project, { tables: { [name]: table }, runs }).ok).toBe(false)
})
