import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonBreakIn, utf8BreakIn } from '#evidence/json-break.ts'
import { verifyEnvelope } from '#evidence/verify.ts'
import { SEED } from './seed.ts'

const CHARS = '{}[]",:\\ 01-+.eEutrfalsn\n'

const utf8 = (text: string) => new TextEncoder().encode(text)

it.each<[string, number | null]>([
  ['{"a":[1,-0.5e+3,true,null,"\\u00e9\\n"],"b":{}} ', null],
  ['[]', null],
  ['', 0],
  ['{"a":1', 6],
  ['{"a":1}{}', 7],
  ['{"a" 1}', 5],
  ['{a:1}', 1],
  ['[1,]', 3],
  ['{"a":1,}', 7],
  ['[01]', 2],
  ['[1.]', 3],
  ['[-]', 2],
  ['[1e]', 3],
  ['[tru]', 4],
  ['["\n"]', 2],
  [String.raw`["\x"]`, 3],
  [String.raw`["\u00g0"]`, 6],
  ['[1}', 2],
  ['["open', 6],
])('[V2] %j breaks at %j', (text, at) => {
  expect(jsonBreakIn(utf8(text))).toBe(at)
})

it('[V2] there is a break where an engine reads no JSON, and nowhere else', () => {
  const parses = (text: string): boolean => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  const mutated = fc
    .tuple(fc.json({ maxDepth: 3 }), fc.nat(), fc.constantFrom(...Array.from(CHARS)))
    .map(([text, at, char]) => {
      const place = at % (text.length + 1)
      return [text, text.slice(0, place) + char + text.slice(place + (at % 2))]
    })
  fc.assert(
    fc.property(mutated, (texts) => {
      for (const text of texts) expect(jsonBreakIn(utf8(text)) === null).toBe(parses(text))
    }),
    { seed: SEED, numRuns: 2000 },
  )
})

it('[V2] there is a byte that is no UTF-8 where an engine finds one, and what is before it is UTF-8', () => {
  const decoder = () => new TextDecoder('utf-8', { fatal: true })
  const isFine = (bytes: Uint8Array, stream = false): boolean => {
    try {
      decoder().decode(bytes, { stream })
      return true
    } catch {
      return false
    }
  }
  const some = fc.constantFrom(
    0x61,
    0x80,
    0xbf,
    0xc1,
    0xc3,
    0xe0,
    0xa0,
    0xed,
    0x9f,
    0xf0,
    0x90,
    0xf4,
    0x8f,
    0xf5,
    0xff,
  )
  fc.assert(
    fc.property(fc.array(some, { maxLength: 8 }), (list) => {
      const bytes = Uint8Array.from(list)
      const at = utf8BreakIn(bytes)
      expect(at === null).toBe(isFine(bytes))
      if (at !== null) expect(isFine(bytes.subarray(0, at), true)).toBe(true)
    }),
    { seed: SEED, numRuns: 2000 },
  )
})

it('[V2] of a damaged file the first byte that is wrong is named', async () => {
  const honest = new Uint8Array(readFileSync(new URL('attacks/honest.envelope', import.meta.url)))
  const messageOf = async (bytes: Uint8Array) =>
    (await verifyEnvelope(bytes, { trust: [] })).claims[0]?.message
  const zeroed = honest.slice()
  zeroed.fill(0, 5000, 5512)
  expect(await messageOf(zeroed)).toContain('It is not one JSON document, from byte 5,000 on')
  expect(await messageOf(honest.subarray(0, 4000))).toContain(
    'It is not one JSON document: it ends too early, after 4,000 bytes',
  )
  const other = honest.slice()
  other[5000] = 255
  expect(await messageOf(other)).toContain('It is not UTF-8, from byte 5,000 on')
})
