import { expect, it } from 'vitest'
import { defuse, defusedJson, inOneLine } from '#cli/defuse.ts'
import { frameLine } from '#cli/frame-line.ts'

it.each([
  ['\u001B[2J\u001B[1;1H', '<U+001B>[2J<U+001B>[1;1H'],
  ['\u009B31m', '<U+009B>31m'],
  ['\u001B]0;title\u0007', '<U+001B>]0;title<U+0007>'],
  ['a\rb\bc', 'a<U+000D>b<U+0008>c'],
  ['a\u202Egpj.exe', 'a<U+202E>gpj.exe'],
  ['\u2066x\u2069\u200B\uFEFF', '<U+2066>x<U+2069><U+200B><U+FEFF>'],
  ['\u{E0041}', '<U+E0041>'],
  ['\uD800', '<U+D800>'],
  [
    '\u001B]8;;http://evil\u001B\\link\u001B]8;;\u001B\\',
    '<U+001B>]8;;http://evil<U+001B>\\link<U+001B>]8;;<U+001B>\\',
  ],
  ['\u001B]52;c;cm0gLXJm\u0007', '<U+001B>]52;c;cm0gLXJm<U+0007>'],
  ['\u001BP+q544e\u001B\\', '<U+001B>P+q544e<U+001B>\\'],
  ['\u009D0;title\u009C\u0090q\u009C', '<U+009D>0;title<U+009C><U+0090>q<U+009C>'],
  ['prod\uFE0E \uFE0Fprod\uFE0F\uFE00', 'prod<U+FE0E> <U+FE0F>prod<U+FE0F><U+FE00>'],
  ['a\u{E0101}b\u17B4c\u180Bd\u034Fe\u2800', 'a<U+E0101>b<U+17B4>c<U+180B>d<U+034F>e<U+2800>'],
  ['a\u200Db\u200D🎉\u200D', 'a<U+200D>b<U+200D>🎉<U+200D>'],
  ['a\uFE0F\u200D🎉\uFE0F\uFE0F', 'a<U+FE0F><U+200D>🎉\uFE0F<U+FE0F>'],
  [`a${'\u0301'.repeat(6)}`, `a${'\u0301'.repeat(4)}<U+0301><U+0301>`],
  ['a\0b\u000E\u007F', 'a<U+0000>b<U+000E><U+007F>'],
])('[C5] %j is named, not done', (text, shown) => {
  expect(defuse(text)).toBe(shown)
})

it('[C5] spaces that would fill a line up and begin another are named', () => {
  expect(inOneLine(`Old${' '.repeat(77)}New`)).toBe('Old<77 spaces>New')
  expect(inOneLine('  1  a1b2 c3d4')).toBe('  1  a1b2 c3d4')
})

it('[C5] other text stays as it is', () => {
  for (const text of [
    'Größe 12 µm',
    '日本語',
    'e\u0301 ok',
    '🎉',
    '👩‍🔬 ❤\uFE0F 🏳\uFE0F\u200D🌈 1\uFE0F\u20E3',
    'a\tb\nc',
  ])
    expect(defuse(text)).toBe(text)
})

it('[C5] JSON is the same value, without a character that acts', () => {
  const value = { a: '\u001B[2J\u009B2J\u202Ex\u{E0041}"\\', b: ['Größe', '日本', '\u2028'] }
  const text = defusedJson(value)
  expect(JSON.parse(text)).toEqual(value)
  expect(text).not.toMatch(/[\u0080-\u009F\u202E\u2028]|\u{E0041}/u)
  expect(text).toContain('Größe')
})

it('[C5] a frame is one line, whatever it says', () => {
  const frame = {
    type: 'run_failed',
    run_id: 'r',
    reason: 'a\nb\u001B[31m',
    status: 'failed',
  } as const
  expect(frameLine({ state: 'frame', frame })).toBe(
    'run_failed  run_id=r  reason=a<U+000A>b<U+001B>[31m  status=failed',
  )
  for (const reading of [
    { state: 'unknown', name: 'a\n\u001B[2J' },
    { state: 'malformed', name: 'a\n\u001B', error: { at: '/\u001B\n', message: '\u009B' } },
  ] as const)
    expect(frameLine(reading)).not.toMatch(/\p{Cc}/u)
})
