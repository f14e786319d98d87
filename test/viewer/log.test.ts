import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classesOf, parseAnsi, PLAIN } from '#viewer/parts/ansi.ts'
import { append, EMPTY_TAIL, type LogTail } from '#viewer/stream/log-tail.ts'

const text = (line: { spans: readonly { text: string }[] }) =>
  line.spans.map((span) => span.text).join('')

describe('ANSI', () => {
  it('[U6] obeys colours and styles, also over the end of a line', () => {
    const { spans, end } = parseAnsi('a\u001B[1;31mb', PLAIN)
    expect(spans.map((span) => [span.text, classesOf(span.look)])).toEqual([
      ['a', undefined],
      ['b', 'ansi-fg-1 font-semibold'],
    ])
    expect(parseAnsi('c\u001B[0md', end).spans.map((span) => classesOf(span.look))).toEqual([
      'ansi-fg-1 font-semibold',
      undefined,
    ])
  })

  it.each([
    ['38;5;196', 'ansi-fg-9'],
    ['38;2;0;200;0', 'ansi-fg-2'],
    ['48;5;21', 'ansi-bg-4'],
    ['94', 'ansi-fg-12'],
    ['7', 'ansi-fg-15 ansi-bg-7'],
    ['38;5', 'ansi-fg-0'],
    ['38;2;1', 'ansi-fg-0'],
    ['999', undefined],
    ['', undefined],
  ])('[U6] takes %s to a colour that is readable on our paper', (code, classes) => {
    expect(classesOf(parseAnsi(`\u001B[${code}mx`, PLAIN).spans[0]?.look ?? PLAIN)).toBe(classes)
  })

  it('[U6] does not conceal, and leaves every other sequence in the text to be named', () => {
    const line = 'a\u001B[8mb\u001B[2Kc\u001B]8;;http://x\u0007d'
    expect(text(parseAnsi(line, PLAIN))).toBe('ab\u001B[2Kc\u001B]8;;http://x\u0007d')
    expect(parseAnsi(line, PLAIN).spans.map((span) => classesOf(span.look))).toEqual([
      undefined,
      undefined,
    ])
  })
})

describe('a log', () => {
  const whole = new TextEncoder().encode('grün\u001B[31m rot\nwei\r\nter ✓✓\n\u001B[0mEnde')
  const index = [
    { offset: 0, pipe: 'stdout' },
    { offset: 16, pipe: 'stderr' },
    { offset: 34, pipe: 'stdout' },
  ] as const

  const read = (cuts: readonly number[]): LogTail => {
    let tail = EMPTY_TAIL
    let from = 0
    for (const cut of [...cuts.toSorted((a, b) => a - b), whole.length]) {
      const bytes = whole.slice(from, cut)
      const first = Math.max(
        0,
        index.findLastIndex(({ offset }) => offset <= from - tail.rest.length),
      )
      tail = append(
        tail,
        { bytes, from, total: whole.length, truncated: false, ended: false },
        index.slice(first),
      )
      from = cut
    }
    return tail
  }

  it('[U6] is lines with their place and pipe', () => {
    expect(read([]).lines.map((line) => [line.offset, line.pipe, text(line)])).toEqual([
      [0, 'stdout', 'grün rot'],
      [15, 'stdout', 'wei'],
      [20, 'stderr', 'ter ✓✓'],
      [31, 'stderr', 'Ende'],
    ])
  })

  it('[U6] read in parts is the log read at once, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: whole.length })), (cuts) => {
        expect(read(cuts)).toEqual(read([]))
      }),
    )
  })
})
