import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { isKept, notKeptIn } from '#contract/kept-number.ts'

it.each([
  '0',
  '-0',
  '0.0',
  '1.50',
  '0.1',
  '1e3',
  '1E+3',
  '007',
  '9007199254740992',
  '1e21',
  '5e-324',
  '0e999999999999',
  '3.1415926535897931',
  '0.10000000000000001',
  '4.9e-324',
])('a double keeps %s', (written) => expect(isKept(written)).toBe(true))

it.each([
  '9007199254740993',
  '-9007199254740993',
  '0.10000000000000000555',
  '12345678901234567',
  '1e400',
  '1e-400',
  '123456789012345678901',
])('a double does not keep %s', (written) => expect(isKept(written)).toBe(false))

it('whatever a double is, the way that it is written is kept', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      expect(isKept(String(number))).toBe(true)
      expect([...notKeptIn(JSON.stringify({ a: [number] }))]).toEqual([])
    }),
  )
})

it('a whole number is kept if it comes back by all its digits', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }), (whole) => {
      expect(isKept(String(whole))).toBe(BigInt(Number(whole)) === whole)
    }),
  )
})

it('tells where numbers stand that are not kept, and no text that looks like one', () => {
  const text = String.raw`{"id": "9007199254740993", "a\"b": [1, {"c": 9007199254740993}, "1e400\\", -1e400], "9007199254740993": {}, "d": 1e3}`
  expect([...notKeptIn(text)]).toEqual([
    ['a"b', 1, 'c'],
    ['a"b', 3],
  ])
  expect([...notKeptIn('9007199254740993')]).toEqual([[]])
})

it('a million zeros take no longer than a million digits', () => {
  expect(isKept(`0.${'0'.repeat(1e6)}1`)).toBe(false)
  expect(isKept(`${'0'.repeat(1e6)}1.${'0'.repeat(1e6)}`)).toBe(true)
})
