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

it('[A4] tables and materialize steps have their place in a project file', () => {
  const tables = {
    people: {
      source: { kind: 'csv', path: 'people.csv' },
      key: 'id',
      derive: { initials: { from: ['name'], run: './initials' } },
    },
  }
  const runs = { all: { steps: [{ id: 'derive', materialize: ['people.initials'] }] } }
  expect(parse(Project, { tables, runs }).ok).toBe(true)
})
