import { readdirSync, readFileSync } from 'node:fs'
import { expect, it, test } from 'vitest'
import { complaints, FOLDERS } from './house.ts'

test('nothing in src is against the house', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => `src/${path}`)
  expect(files.flatMap((path) => complaints(path, readFileSync(path, 'utf8')))).toEqual([])
})

test('the top level holds what it may', () => {
  const allowed = new Set([
    'package.json',
    'package-lock.json',
    'vite.config.ts',
    'index.html',
    'tsconfig.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'src',
    'public',
    'test',
    'examples',
    // Made, and not kept:
    'node_modules',
    'dist',
    'coverage',
  ])
  const made = (name: string) => name.startsWith('.') || name.endsWith('.tgz')
  expect(readdirSync('.').filter((name) => !allowed.has(name) && !made(name))).toEqual([])
})

test('src has the folders of the house, each with its tsconfig', () => {
  expect(readdirSync('src').toSorted()).toEqual(Object.keys(FOLDERS).toSorted())
  for (const folder of Object.keys(FOLDERS))
    expect(readdirSync(`src/${folder}`)).toContain('tsconfig.json')
})

test('the compiler refuses DOM and Node where evidence is judged and runs are reduced', () => {
  for (const folder of ['contract', 'evidence', 'live'])
    expect(JSON.parse(readFileSync(`src/${folder}/tsconfig.json`, 'utf8'))).toMatchObject({
      compilerOptions: { lib: ['ES2024', 'WebWorker'], types: [] },
    })
})

it.each([
  ['src/viewer/run.ts', `import { a } from '../contract/frame.ts'`, 'across folders by name'],
  ['src/viewer/run.ts', `import { a } from './../contract/frame.ts'`, 'across folders by name'],
  ['src/viewer/run.ts', `import { a } from '#server/main.ts'`, 'viewer does not import server'],
  [
    'src/viewer/run.ts',
    `import type { A } from '#server/main.ts'`,
    'viewer does not import server',
  ],
  ['src/viewer/run.ts', `type A = import('#server/main.ts').A`, 'viewer does not import server'],
  ['src/viewer/run.ts', `const a = await import('#cli/main.ts')`, 'viewer does not import cli'],
  ['src/viewer/run.ts', `const a = (name: string) => import(name)`, 'an import names its file'],
  ['src/viewer/run.ts', `new URL('../server/w.ts', import.meta.url)`, 'across folders by name'],
  ['src/viewer/run.ts', `import { a } from '#test/house.ts'`, 'is not in src'],
  ['src/server/main.ts', `import { a } from '#viewer/run.ts'`, 'server does not import viewer'],
  ['src/server/main.ts', `import { a } from '#cli/main.ts'`, 'server does not import cli'],
  ['src/cli/main.ts', `import { a } from '#viewer/run.ts'`, 'cli does not import viewer'],
  ['src/cli/main.ts', `import { a } from '#live/reduce.ts'`, 'cli does not import live'],
  ['src/contract/frame.ts', `import { a } from '#live/reduce.ts'`, 'contract does not import live'],
  ['src/evidence/chain.ts', `import { a } from '#live/reduce.ts'`, 'evidence does not import live'],
  ['src/live/reduce.ts', `import { a } from '#evidence/chain.ts'`, 'live does not import evidence'],
  ['src/live/reduce.ts', `import { readFile } from 'node:fs'`, 'has no node:*'],
  ['src/evidence/chain.ts', `import { createHash } from 'crypto'`, 'has no node:*'],
  ['src/contract/frame.ts', `import { z } from 'zod'`, 'takes zod/mini'],
  ['src/live/store.ts', `import { useState } from 'react'`, 'only the viewer knows React'],
  ['src/live/reduce.ts', `const a = Date.now()`, 'clock and randomness are arguments'],
  ['src/live/reduce.ts', `const a = new Date()`, 'the clock is an argument'],
  ['src/evidence/seal.ts', `const a = crypto.randomUUID()`, 'clock and randomness are arguments'],
  [
    'src/viewer/operate/a.tsx',
    `import { b } from '#viewer/review/b.tsx'`,
    'never import each other',
  ],
  [
    'src/viewer/review/a.tsx',
    `import { b } from '#viewer/approve/b.tsx'`,
    'never import each other',
  ],
  [
    'src/viewer/approve/a.tsx',
    `import { b } from '#viewer/operate/b.tsx'`,
    'never import each other',
  ],
  [
    'src/viewer/tables/a.tsx',
    `import { b } from '#viewer/review/b.tsx'`,
    'never import each other',
  ],
  [
    'src/viewer/operate/a.tsx',
    `import { b } from '#viewer/tables/b.tsx'`,
    'never import each other',
  ],
  ['src/viewer/parts/a.tsx', `import { b } from '#viewer/tables/b.tsx'`, 'fetch nothing'],
  ['src/viewer/parts/a.tsx', `import { b } from '#viewer/queries.ts'`, 'fetch nothing'],
  ['src/viewer/parts/a.tsx', `import { useQuery } from '@tanstack/react-query'`, 'fetch nothing'],
  [
    'src/server/runs/a.ts',
    `import { b } from '#server/http/b.ts'`,
    'only server/main.ts mounts it',
  ],
  ['src/cli/serve.ts', `import { b } from '#server/http/b.ts'`, 'only server/main.ts mounts it'],
  ['src/cli/token.ts', `import { b } from '#server/storage/sqlite.ts'`, 'names a concrete storage'],
  [
    'src/server/http/a.ts',
    `import { b } from '#server/storage/sqlite.ts'`,
    'names a concrete storage',
  ],
  ['src/server/runs/a.ts', `import Database from 'better-sqlite3'`, 'the database is known'],
  ['src/viewer/run.tsx', `import { useEffect } from 'react'`, 'useEffect only in'],
  ['src/viewer/run.tsx', `import { useEffect as later } from 'react'`, 'useEffect only in'],
  [
    'src/viewer/run.tsx',
    `import React from 'react'; React.useLayoutEffect(a)`,
    'useLayoutEffect only in',
  ],
  ['src/viewer/index.ts', `export const a = 1`, 'named for the question'],
  ['src/server/utils.ts', `export const a = 1`, 'named for the question'],
  ['src/shared/a.ts', `export const a = 1`, 'is in no folder of the house'],
  ['src/a.ts', `export const a = 1`, 'is in no folder of the house'],
  ['src/viewer/run.ts', `export * from './a.ts'`, 'no barrels'],
  ['src/viewer/run.ts', `export { a } from './a.ts'`, 'no barrels'],
  ['src/viewer/run.ts', `export type { A } from './a.ts'`, 'no barrels'],
  ['src/viewer/run.tsx', `export default function Run() {}`, 'named exports only'],
  ['src/viewer/run.tsx', `const a = 1; export { a as default }`, 'named exports only'],
  ['src/server/main.ts', `const a = b as string`, 'no cast'],
  ['src/server/main.ts', `const a = <string>b`, 'no cast'],
  ['src/server/main.ts', `const a = b as VerifiedEnvelope`, 'no cast'],
  [
    'src/evidence/verify.ts',
    `const a = b as VerifiedEnvelope, c = b as VerifiedEnvelope`,
    'no cast',
  ],
  ['src/evidence/verify.ts', `const a = b as Envelope`, 'no cast'],
  ['src/server/main.ts', `const a = b!`, 'no !'],
  ['src/server/main.ts', `let a!: string`, 'no !'],
  ['src/server/main.ts', `class A { a!: string }`, 'no !'],
  ['src/server/main.ts', `const a: any = 1`, 'no any'],
  ['src/server/main.ts', `enum A { a }`, 'no enum'],
  ['src/server/main.ts', `// @ts-expect-error because\na()`, 'a check is switched off'],
  ['src/server/main.ts', `// oxlint-disable-next-line no-console\na()`, 'a check is switched off'],
  ['src/server/main.ts', `const const`, ''],
])('sees in %s: %s', (path, source, complaint) => {
  const found = complaints(path, source)
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(complaint)
})

it.each([
  ['src/viewer/run.tsx', `import { a } from '#evidence/chain.ts'; import './run.css'`],
  ['src/viewer/run.tsx', `const worker = new Worker(new URL('./w.ts', import.meta.url))`],
  ['src/viewer/stream/own.ts', `import { useEffect } from 'react'`],
  ['src/viewer/operate/a.tsx', `import { b } from '#viewer/parts/b.tsx'`],
  ['src/server/main.ts', `import { a } from '#server/storage/sqlite.ts'`],
  ['src/server/main.ts', `import { a } from '#server/http/app.ts'`],
  ['src/server/storage/sqlite.ts', `import Database from 'better-sqlite3'`],
  ['src/server/main.ts', `const page = new URL('../../dist/viewer/', import.meta.url)`],
  ['src/contract/status.ts', `const a = { b: 1 } as const satisfies Record<string, number>`],
  ['src/contract/frame.ts', `import * as z from 'zod/mini'`],
  ['src/live/reduce.ts', `const a = (now: number) => new Date(now)`],
  ['src/evidence/verify.ts', `const a = b as VerifiedEnvelope`],
  ['src/server/main.ts', `// oxlint-disable-next-line no-control-regex -- it refuses them\na()`],
])('lets pass in %s: %s', (path, source) => {
  expect(complaints(path, source)).toEqual([])
})
