import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { end, runseal, serving } from '#test/cli/command-line.ts'

/* The programs of examples/licences, over packages that are made up here. */

const HOUSE = 'examples/licences'
const Answers = z.array(z.looseObject({ record_id: z.string() }))

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runseal-licences-'))
  cpSync(HOUSE, join(folder, HOUSE), { recursive: true, filter: (path) => !path.includes('/out') })
  put('node_modules/old/package.json', '{"license": {"type": "MIT"}}')
  put('node_modules/old/LICENSE', 'Copyright (c) 2009-2014 Somebody\n')
  put('node_modules/old/node_modules/inner/package.json', '{"license": "ISC"}')
  put('node_modules/new/package.json', '{"license": "MPL-2.0"}')
  put('node_modules/new/CHANGELOG.md', '## 2.0.0 - 2026-03-01\n## 1.0.0 - 2019-03-01\n')
  put('node_modules/new/README.md', 'Copyright 2019-present, everybody since 2031\n')
  put('secret', 'Copyright 1999\n')
  symlinkSync('../../secret', join(folder, 'node_modules/old/NOTICE'))
  symlinkSync('old', join(folder, 'node_modules/link'))
  // What the programs import is this repository's.
  symlinkSync(resolve('node_modules'), join(folder, 'examples/node_modules'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('examples/licences', () => {
  it('counts and digests what is on the disk, and nothing of another package or behind a link', () => {
    const paths = ['node_modules/old', 'node_modules/old/node_modules/inner', 'node_modules/none']
    expect(values('on-disk.ts files', paths)).toEqual([2, 1, 0])
    expect(values('on-disk.ts bytes', paths)).toEqual([61, 18, 0])
    const [digest, ...others] = values('on-disk.ts digest', paths)
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(others[1]).toBe('not installed')
    put('node_modules/old/LICENSE', 'Copyright (c) 2009-2015 Somebody\n')
    expect(values('on-disk.ts digest', paths).map((value) => value === digest)).toEqual([
      false,
      false,
      false,
    ])
    put('node_modules/old/LICENSE', 'Copyright (c) 2009-2014 Somebody\n')
    expect(values('on-disk.ts digest', paths)[0]).toBe(digest)
  })

  it.each(['on-disk.ts files', 'licence.ts', 'dated.ts'])(
    '%s reads nothing at a place of no package, and says so of that record alone',
    (program) => {
      const hostile = ['/etc', '../secret', 'node_modules/../..', 'node_modules/old/../../..', '']
      const answers = derived(program, [...hostile, 'node_modules/new'])
      expect(answers.pop()).not.toHaveProperty('error')
      for (const { error } of answers) expect(error).toContain('is no place of a package')
    },
  )

  it('tells the licence by the lock and the manifest, and when they disagree', () => {
    const stated = (license: string | null, path: string) =>
      derived('licence.ts', [path], { license })[0]
    expect(stated('MIT', 'node_modules/old')).toMatchObject({ value: 'MIT' })
    expect(stated(null, 'node_modules/old')).toMatchObject({ value: 'MIT' })
    expect(stated('ISC', 'node_modules/none')).toMatchObject({ value: 'ISC' })
    expect(stated(null, 'node_modules/none')).toMatchObject({ value: 'not stated' })
    expect(stated('MIT', 'node_modules/new')).toMatchObject({
      error: 'package-lock.json says MIT, the package says MPL-2.0',
    })
  })

  it('dates a package by what it claims, not by a promise to be present', () => {
    expect(
      values('dated.ts', ['node_modules/old', 'node_modules/new', 'node_modules/none']),
    ).toEqual(['2014', '2026', 'not installed'])
    expect(values('dated.ts', ['node_modules/old/node_modules/inner'])).toEqual(['not stated'])
  })

  it('classes by kind of licence and age, an unknown licence too', () => {
    const classed = (kind: string | null, dated: string) =>
      derived('risk.ts', ['node_modules/old'], { kind, dated })[0]?.['value']
    expect(classed('permissive', '2014')).toBe('permissive-old')
    expect(classed('weak-copyleft', '2026')).toBe('weak-copyleft-recent')
    expect(classed(null, 'not stated')).toBe('unknown-undated')
    expect(classed('permissive', 'not installed')).toBe('permissive-elsewhere')
  })

  it('asks for a class that is new, once, and never for none', () => {
    const packages = [
      { path: 'node_modules/old', licence: 'MIT', risk: 'permissive-old' },
      { path: 'node_modules/=1+1', licence: '=2', risk: 'strong-copyleft-recent' },
    ]
    put(`${HOUSE}/out/packages.jsonl`, packages.map((one) => JSON.stringify(one)).join('\n'))
    expect(classes('list')).toMatchObject({ status: 0 })
    expect(classes('check')).toMatchObject({ status: 1 })
    expect(classes('news')).toMatchObject({ status: 0, stdout: 'strong-copyleft-recent\n' })
    expect(readFileSync(join(folder, HOUSE, 'out/news.csv'), 'utf8')).toBe(
      '"class","is","packages","licences","such as"\n"strong-copyleft-recent","new","1","\'=2","\'=1+1"\n',
    )
    const news = readFileSync(join(folder, HOUSE, 'out/news.csv'))
    const RUNSEAL_APPROVED = `${hash('sha256', news)}  ${HOUSE}/out/news.csv\n`
    // Written over after it was approved, and by nobody approved at all.
    put(`${HOUSE}/out/news.csv`, `${news.toString()}"secret","new","1","",""\n`)
    expect(ran(['classes.ts', 'keep'], '', { RUNSEAL_APPROVED })).toMatchObject({ status: 1 })
    put(`${HOUSE}/out/news.csv`, news.toString())
    expect(classes('keep')).toMatchObject({ status: 1 })
    expect(classes('check')).toMatchObject({ status: 1 })
    expect(ran(['classes.ts', 'keep'], '', { RUNSEAL_APPROVED })).toMatchObject({ status: 0 })
    expect(classes('check')).toMatchObject({ status: 0 })
    expect(classes('news')).toMatchObject({ status: 1, stdout: '' })
    expect(classes('news', 'permissive-old')).toMatchObject({ status: 0 })
  })
})

it('[MT2] [MT5] derives packages of this repository, with all that they are made from', async () => {
  const data = join(folder, 'data')
  const server = await serving(HOUSE, ['--data', data])
  try {
    const { stdout } = await runseal(['token', 'create', '--role', 'operator', '--data', data])
    const asked = ['--server', server.url, '--token', stdout.trim()]
    const paths = ['node_modules/lightningcss', 'node_modules/zod']
    const records = paths.flatMap((path) => ['--record', path])
    const made = await runseal(['materialize', 'packages', ...records, ...asked])
    expect(made.stderr).toContain('14 materialized, 0 skipped, 0 failed, cost ')
    expect(made.code).toBe(0)
    const told = await runseal(['provenance', `packages/${paths[0]}/summary`, ...asked])
    expect(told.stdout).toMatch(
      /^value +"lightningcss .*: Mozilla Public License 2\.0, development; /m,
    )
    expect(told.stdout).toMatch(/^licence_name +[0-9a-f]{64} +licences\/MPL-2\.0\/name$/m)
  } finally {
    await end(server)
  }
})

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function values(program: string, paths: readonly string[]): unknown[] {
  return derived(program, paths).map((answer) => answer['value'])
}

/** What a derivation answers, in the order in which it was asked. */
function derived(program: string, paths: readonly string[], inputs: object = {}) {
  const input = paths.map((record_id) => `${JSON.stringify({ record_id, inputs })}\n`).join('')
  const { status, stdout, stderr } = ran(program.split(' '), input)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const answers = Answers.parse(
    stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line)),
  )
  expect(answers.map(({ record_id }) => record_id)).toEqual(paths)
  return answers
}

const classes = (...words: string[]) => ran(['classes.ts', ...words], '')

function ran([program = '', ...args]: readonly string[], input: string, env: object = {}) {
  return spawnSync(process.execPath, [join(folder, HOUSE, program), ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    input,
    encoding: 'utf8',
  })
}
