import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Mask } from '#server/runs/mask.ts'

function masked(secrets: readonly string[], chunks: readonly string[]): string {
  return joined(
    secrets,
    chunks.map((text) => ({ text, from: 'a' })),
  )
    .map(({ text }) => text)
    .join('')
}

/** What a log holds of several streams, each run of bytes by where it is from. */
function joined(
  secrets: readonly string[],
  chunks: readonly { text: string; from: string }[],
): { text: string; from: string }[] {
  const mask = new Mask<string>(secrets)
  const pieces = chunks.flatMap(({ text, from }) => mask.push({ bytes: Buffer.from(text), from }))
  const out: { bytes: Buffer; from: string }[] = []
  for (const piece of [...pieces, ...mask.end()]) {
    const last = out.at(-1)
    if (last?.from === piece.from) last.bytes = Buffer.concat([last.bytes, piece.bytes])
    else out.push({ ...piece })
  }
  return out.map(({ bytes, from }) => ({ text: bytes.toString(), from }))
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
  [
    ['{\n  first line\n  second line\r\n}'],
    ['a second', ' line {\n} first line b'],
    'a *** {\n} *** b',
  ],
  [['one line\ntwo lines\n'], ['one line\ntwo lines\n'], '***'],
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
  const lengthOf = (pieces: readonly { bytes: Buffer }[]) =>
    pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const mask = new Mask<null>(['aaaa', 'ab'])
  let written = 0
  for (let sent = 1; sent <= 1000; sent++)
    written += lengthOf(mask.push({ bytes: Buffer.from('c'), from: null }))
  expect(written).toBe(1000)
  const flood = new Mask<null>(['aa'])
  for (let sent = 0; sent < 1000; sent++)
    expect(lengthOf(flood.push({ bytes: Buffer.alloc(1000, 'a'), from: null }))).toBeLessThan(10)
})

it('[R10] of several streams masks what comes together of two, and tells whose the rest is', () => {
  const [out, err] = ['out', 'err']
  expect(
    joined(
      ['hunter2'],
      [
        { text: 'a hun', from: out },
        { text: 'ter2 b', from: err },
        { text: ' c hun', from: out },
        { text: 'gry', from: err },
      ],
    ),
  ).toEqual([
    { text: 'a ***', from: out },
    { text: ' b', from: err },
    { text: ' c hun', from: out },
    { text: 'gry', from: err },
  ])
})

it('[R10] loses, adds and moves nothing that is no secret, whoever wrote it', () => {
  const chunk = fc.record({
    text: fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 5 }),
    from: fc.constantFrom('out', 'err'),
  })
  fc.assert(
    fc.property(fc.array(chunk), (chunks) => {
      const plain = joined([], chunks)
      expect(joined(['c', 'abbaé!'], chunks)).toEqual(plain)
      const secret = joined(['ab', 'éé'], chunks)
        .map(({ text }) => text)
        .join('')
      expect(secret).not.toMatch(/ab|éé/)
    }),
    { numRuns: 1000 },
  )
})

it('[R10] knows a secret whose characters are cut in the middle', () => {
  const secret = 'pässwörd🔑'
  const bytes = Buffer.from(`x ${secret} y`)
  for (let cut = 0; cut <= bytes.length; cut++) {
    const mask = new Mask<null>([secret])
    const parts = [bytes.subarray(0, cut), bytes.subarray(cut)]
    const pieces = parts.flatMap((bytes) => mask.push({ bytes, from: null }))
    expect(Buffer.concat([...pieces, ...mask.end()].map(({ bytes }) => bytes)).toString()).toBe(
      'x *** y',
    )
  }
})
