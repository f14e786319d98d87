import { expect, it } from 'vitest'
import { defuse } from '#cli/defuse.ts'
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
])('[C5] %j is named, not done', (text, shown) => {
  expect(defuse(text)).toBe(shown)
})

it('[C5] other text stays as it is', () => {
  for (const text of ['Größe 12 µm', '日本語', 'e\u0301 ok', '🎉', 'a\tb\nc'])
    expect(defuse(text)).toBe(text)
})

it('[C5] a frame is one line, whatever it says', () => {
  const frame = {
    type: 'run_failed',
    run_id: 'r',
    reason: 'a\nb\u001B[31m',
    status: 'failed',
  } as const
  expect(frameLine({ state: 'frame', frame })).toBe(
    'run_failed  run_id=r  reason=a b<U+001B>[31m  status=failed',
  )
  expect(frameLine({ state: 'unknown', name: '\u001B[2J' })).not.toContain('\u001B')
})
