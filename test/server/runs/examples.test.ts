import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadProject } from '#server/runs/project.ts'

describe('examples/release', () => {
  const { definitions, root } = loadProject('examples/release')

  it('is a project without a fault, over this repository', () => {
    expect([...definitions.keys()]).toEqual(['release', 'tour', 'broken', 'hour'])
    expect(root).toBe(process.cwd())
  })

  it('offers the version that this repository has', () => {
    expect(JSON.parse(readFileSync('package.json', 'utf8'))).toMatchObject({
      version: definitions.get('release')?.inputs['version']?.default,
    })
  })

  it('asks by session, one approver, whoever started the run', () => {
    for (const { gates } of definitions.values())
      for (const { policy } of gates)
        expect(policy).toEqual({
          roles: ['approver'],
          users: [],
          quorum: 1,
          four_eyes: false,
          expires_ms: null,
          sign: 'session',
          inputs: [],
        })
  })
})

describe('examples/licences', () => {
  const { definitions, tables, root } = loadProject('examples/licences')

  it('is a project without a fault, over this repository', () => {
    expect([...definitions.keys()]).toEqual(['licences', 'accept'])
    expect(root).toBe(process.cwd())
    expect(tables.get('packages')?.derived.map(({ field }) => field)).toEqual([
      'licence',
      'files',
      'bytes',
      'digest',
      'dated',
      'risk',
      'summary',
    ])
  })

  it('has the tables that the release goes by', () => {
    expect(loadProject('examples/release').tables).toEqual(tables)
  })
})
