import { expect, it } from 'vitest'
import { newSigner, trustFileOf } from '#test/evidence/fixture.ts'
import { withFiles } from '#viewer/offline/verifier-page.tsx'
import type { FileAt } from '#viewer/parts/dropped-files.ts'
import type { Sorted } from '#viewer/review/sort-files.ts'

/* What a verifier has when several exports are given one after the other. */

const file = trustFileOf(await newSigner())
const at = (path: string, page?: string): FileAt => ({
  path,
  file: new File([path], path),
  ...(page !== undefined && { page: { name: page, number: 0 } }),
})
const SORTED: Sorted = { envelopes: [], trust: [], beside: [], programs: [], unread: [] }
/** `of`: a folder, or one page. */
const exported = (of: string, page?: string): Sorted => ({
  ...SORTED,
  envelopes: [at(`${of}/envelope.json`, page)],
  trust: [{ path: `${of}/offered-trust.json`, read: { ok: true, file } }],
  beside: [at(`${of}/logs/${'ab'.repeat(32)}`, page)],
})
const NOTHING = { envelopes: [], former: [], brought: [], attached: [], left: [] }
const pathsIn = (given: ReturnType<typeof withFiles>) => [
  given.envelopes.map(({ path }) => path),
  given.brought.flatMap(({ paths }) => paths),
  given.attached.map(({ path }) => path),
]

it.each([
  ['in one page each', 'one.html', 'two.html'],
  ['in folders', undefined, undefined],
])('[U11] has of exports %s what came with the last alone', (_, first, second) => {
  const mine = { path: 'trust.json', read: { ok: true, file } } as const
  const log = at('a.log')
  const own = withFiles(NOTHING, { ...SORTED, trust: [mine], beside: [log] })
  const one = withFiles(own, exported(first ?? 'one', first))
  const two = withFiles(one, exported(second ?? 'two', second))
  const name = second ?? 'two'
  // What the reader gave by themselves stays.
  expect(pathsIn(two)).toEqual([
    [`${name}/envelope.json`],
    ['trust.json', `${name}/offered-trust.json`],
    ['a.log', `${name}/logs/${'ab'.repeat(32)}`],
  ])
  // So does what they confirmed; and an envelope alone takes away nothing of the export that it may be of.
  const confirmed = {
    ...one,
    brought: one.brought.map((brought) => ({ ...brought, isConfirmed: true })),
  }
  const after = withFiles(confirmed, exported(name, second))
  expect(after.brought.flatMap(({ paths }) => paths)).toEqual([
    'trust.json',
    `${first ?? 'one'}/offered-trust.json`,
    `${name}/offered-trust.json`,
  ])
  const alone = withFiles(one, { ...SORTED, envelopes: [at('envelope.json')] })
  expect(pathsIn(alone).slice(1)).toEqual(pathsIn(one).slice(1))
})
