import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { answering, tableShop } from './tables.ts'

const TABLES = `
  people:
    source: { kind: jsonl, path: people.jsonl }
    key: id
    private: [mail]
    derive:
      up: { from: [name], argv: ${answering(`i.name === 'c' ? { error: 'no' } : { value: i.name.toUpperCase() }`)} }
      hidden: { from: [mail], private: true, argv: ${answering('{ value: i.mail }')} }
`
const PEOPLE = ['b', 'a', 'c'].map((name, n) => ({ id: `${n}`, name, mail: `${name}@x`, n }))
const FILES = { 'people.jsonl': PEOPLE.map((one) => JSON.stringify(one)).join('\n') }
const RUNS = `
  hand_on:
    steps:
      - { id: derive, materialize: [people], artifacts: [out/deep/people.jsonl] }
      - { id: count, needs: [derive], run: grep -c . out/deep/people.jsonl }
    gates:
      - { id: seen, needs: [derive], question: Seen?, show: [derive/out/deep/people.jsonl] }
`

it('[MT15] a table is handed on to the steps behind it and to the gate that shows it', async () => {
  const shop = await tableShop(TABLES, FILES, { runs: RUNS })
  const run_id = await shop.start('hand_on')
  const run = await shop.until(run_id, ({ gates }) => gates.length > 0)
  const file = join(shop.root, 'out/deep/people.jsonl')
  const lines = readFileSync(file, 'utf8').split('\n')
  expect(lines.pop()).toBe('')
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    { id: '0', n: 0, name: 'b', up: 'B' },
    { id: '1', n: 1, name: 'a', up: 'A' },
    { id: '2', n: 2, name: 'c' },
  ])
  const [shown] = run.gates[0]?.shown?.artifacts ?? []
  expect(shown).toMatchObject({ step_id: 'derive', path: 'out/deep/people.jsonl', opened: true })
  expect(readFileSync(join(shop.data, 'artifacts', shown?.sha256 ?? ''))).toEqual(
    readFileSync(file),
  )
})

it('[MT15] [MT14] what the step did not derive is in the file only where it is fresh by now, and was never private', async () => {
  const tables = `
  people:
    source: { kind: jsonl, path: people.jsonl }
    key: id
    derive:
      up: { from: [name], argv: ${answering('{ value: i.name.toUpperCase() }')} }
      twice: { from: [up], argv: ${answering('{ value: i.up + i.up }')} }
      other: { from: [name], argv: ${answering('{ value: i.name }')} }
      held: { from: [mail], private: true, argv: ${answering('{ value: i.mail }')} }
`
  const runs = `
  hand_on:
    steps:
      - { id: derive, materialize: [people.up], artifacts: [out/people.jsonl] }
`
  const shop = await tableShop(tables, FILES, { runs })
  await shop.materialize()
  shop.write(
    'people.jsonl',
    PEOPLE.map((one) => JSON.stringify(one.id === '0' ? { ...one, name: 'B' } : one)).join('\n'),
  )
  const file = join(shop.root, 'runseal.yaml')
  shop.write('runseal.yaml', readFileSync(file, 'utf8').replace(', private: true', ''))
  await shop.run('hand_on')
  const lines = readFileSync(join(shop.root, 'out/people.jsonl'), 'utf8').trim().split('\n')
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
    // Its name has changed: `up` was made anew, as it was, and what is made of that is fresh.
    { id: '0', n: 0, mail: 'b@x', name: 'B', up: 'B', twice: 'BB' },
    { id: '1', n: 1, mail: 'a@x', name: 'a', up: 'A', twice: 'AA', other: 'a' },
    { id: '2', n: 2, mail: 'c@x', name: 'c', up: 'C', twice: 'CC', other: 'c' },
  ])
})

it.each([
  ['a folder', 'out', 'elsewhere'],
  ['a folder on the way', 'out/deep', '../elsewhere'],
  ['the file that it is written to first', 'out/deep/people.jsonl.part', '../../elsewhere/file'],
])('[MT15] a link in the place of %s leads nowhere', async (_, link, target) => {
  const shop = await tableShop(TABLES, FILES, { runs: RUNS })
  mkdirSync(join(shop.root, 'elsewhere'))
  shop.write('elsewhere/file', 'theirs')
  mkdirSync(dirname(join(shop.root, link)), { recursive: true })
  symlinkSync(target, join(shop.root, link))
  const { run } = await shop.run('hand_on')
  expect(run.ended).toMatchObject({ outcome: 'failed' })
  expect(run.ended?.reason).toContain('behind a link')
  expect(existsSync(join(shop.data, 'artifacts'))).toBe(false)
  expect(readdirSync(join(shop.root, 'elsewhere'))).toEqual(['file'])
  expect(readFileSync(join(shop.root, 'elsewhere/file'), 'utf8')).toBe('theirs')
})

it('[MT15] what is there in the place of the file is not written to and not waited for', async () => {
  const shop = await tableShop(TABLES, FILES, { runs: RUNS })
  const place = join(shop.root, 'out/deep/people.jsonl')
  mkdirSync(dirname(place), { recursive: true })
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0" "$0.part"', place])
  const run_id = await shop.start('hand_on')
  const handed = await shop.until(run_id, ({ gates }) => gates.length > 0)
  expect(handed.gates[0]?.shown?.artifacts).toMatchObject([{ path: 'out/deep/people.jsonl' }])
  expect(statSync(place).isFile()).toBe(true)

  rmSync(place)
  mkdirSync(place)
  const second = await shop.run('hand_on')
  expect(second.run.ended?.reason).toContain('out/deep/people.jsonl could not be written')
  expect(readdirSync(place)).toEqual([])
})
