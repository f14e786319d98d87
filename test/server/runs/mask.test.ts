import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Mask } from '#server/runs/mask.ts'

function masked(secrets: readonly string[], chunks: readonly string[]): string {
  const mask = new Mask(secrets)
  return Buffer.concat([
    ...chunks.map((chunk) => mask.push(Buffer.from(chunk))),
    mask.end(),
  ]).toString()
}

it.each([
  [['hunter2'], ['a hunter2 b'], 'a *** b'],
  [['hunter2'], ['a hun', 'te', 'r2 b'], 'a *** b'],
  [['hunter2'], ['a hun', 'ter'], 'a hunter'],
  [['ab', 'abcd'], ['xab', 'cdx'], 'x***x'],
  [['ab', 'abcd'], ['xab', 'cx'], 'x***cx'],
  [['abc', 'bcd'], ['abcd'], '***'],
  [['aa'], ['aaaaa', 'aaa'], '***'],
  [['aa'], ['aa', 'b', 'aa'], '***b***'],
  [['key\n'], ['key'], '***'],
  [['', ' '], ['a b'], 'a***b'],
  [[], ['a', 'b'], 'ab'],
])('[R10] masks %j in %j', (secrets, chunks, expected) => {
  expect(masked(secrets, chunks)).toBe(expected)
})

it('[R10] writes the same however the stream is cut, and no secret in it', () => {
  // Two letters make secrets that overlap each other and themselves.
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 5 })
  const stream = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 }))
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), stream, (secrets, chunks) => {
      const written = masked(secrets, chunks)
      expect(written).toBe(masked(secrets, [chunks.join('')]))
      for (const secret of secrets) expect(written).not.toContain(secret)
    }),
    { numRuns: 2000 },
  )
})

it('[R10] holds back less than the longest secret', () => {
  const mask = new Mask(['aaaa', 'ab'])
  let written = 0
  for (let sent = 1; sent <= 1000; sent++) written += mask.push(Buffer.from('c')).length
  expect(written).toBe(1000)
  const flood = new Mask(['aa'])
  for (let sent = 0; sent < 1000; sent++)
    expect(flood.push(Buffer.alloc(1000, 'a')).length).toBeLessThan(10)
})
