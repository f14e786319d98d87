import { render, screen } from '@testing-library/react'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyText } from '#viewer/parts/key-text.tsx'
import { RunText } from '#viewer/parts/run-text.tsx'
import { plain, visible } from '#viewer/parts/visible.ts'

describe('RunText', () => {
  it('[U1] shows markup as text', () => {
    const { container } = render(<RunText text={'<img src=x onerror=alert(1)> <b>x</b>'} />)
    expect(container.textContent).toBe('<img src=x onerror=alert(1)> <b>x</b>')
    expect(container.querySelectorAll('img, b')).toHaveLength(0)
  })

  it.each([
    ['right-to-left override', 'invoice\u202Efdp.exe', 'U+202E'],
    ['right-to-left isolate', 'a\u2067b', 'U+2067'],
    ['zero width space', 'a\u200Bb', 'U+200B'],
    ['zero width joiner', 'a\u200Db', 'U+200D'],
    ['byte order mark', '\uFEFFa', 'U+FEFF'],
    ['null', 'a\0b', 'U+0000'],
    ['escape', 'a\u001B[2Kb', 'U+001B'],
    ['carriage return', 'good\rbad!', 'U+000D'],
    ['invisible character', 'a\u{E0041}b', 'U+E0041'],
    ['invisible character', 'a\uD800b', 'U+D800'],
    ['line feed', 'one\ntwo', '↵'],
    ['variation selector for text', 'prod\uFE0E', 'U+FE0E'],
    ['variation selector for emoji', 'prod\uFE0F', 'U+FE0F'],
    ['invisible character', 'a\u{E0101}', 'U+E0101'],
    ['invisible character', 'a\u17B4', 'U+17B4'],
    ['invisible character', 'a\u{16FE4}', 'U+16FE4'],
    ['invisible character', 'a\u2800b', 'U+2800'],
    ['zero width joiner', 'a\uFE0F\u200D🎉', 'U+200D'],
  ])('[U1] names a %s', (means, text, named) => {
    render(<RunText text={text} />)
    expect(screen.getByText(named).title).toContain(means)
  })

  it.each([
    [
      'a link by OSC 8',
      '\u001B]8;;javascript:alert(1)\u001B\\click\u001B]8;;\u001B\\',
      'U+001B]8;;javascript:alert(1)U+001B\\clickU+001B]8;;U+001B\\',
    ],
    ['the clipboard by OSC 52', '\u001B]52;c;cm0=\u0007', 'U+001B]52;c;cm0=U+0007'],
    ['the cursor by CSI', 'ok\u001B[1A\u001B[2Kbad', 'okU+001B[1AU+001B[2Kbad'],
    ['a device by DCS', '\u001BP+q544e\u001B\\', 'U+001BP+q544eU+001B\\'],
    ['all of it by C1', '\u009B2J\u009D0;x\u009C\u0090q', 'U+009B2JU+009D0;xU+009CU+0090q'],
    ['backspaces', 'good\b\b\b\bevil', 'goodU+0008U+0008U+0008U+0008evil'],
    [
      'what was no UTF-8',
      new TextDecoder().decode(Uint8Array.of(0xff, 0xed, 0xa0, 0x80)),
      '\uFFFD\uFFFD\uFFFD\uFFFD',
    ],
  ])('[U1] shows what would act on a terminal: %s', (_, text, shown) => {
    const { container } = render(<RunText text={text} />)
    expect(container.textContent).toBe(shown)
    expect(container.querySelectorAll('a')).toHaveLength(0)
  })

  it('[U1] is bounded also where every character has to be named', () => {
    const { container } = render(<RunText text={'\u202E'.repeat(10_000_000)} max={4000} />)
    expect(container.querySelectorAll('*').length).toBeLessThan(4100)
  })

  it('[U1] is isolated in its direction, keeps line feeds in a block, and leaves emoji whole', () => {
    const { container } = render(<RunText text={'one\n👩‍🔬\ttwo ❤\uFE0F 1\uFE0F\u20E3'} block />)
    expect(container.querySelector('bdi')?.textContent).toBe('one\n👩‍🔬\ttwo ❤\uFE0F 1\uFE0F\u20E3')
    expect(container.querySelector('.control-character')).toBeNull()
  })

  it('[U1] is bounded, and says how much is not drawn', () => {
    const { container } = render(<RunText text={'x'.repeat(100_000)} max={10} />)
    expect(container.textContent).toBe('xxxxxxxxxx… 99,990 more characters')
  })

  it('[U1] does not pile up combining marks', () => {
    expect(plain(`a${'\u0301'.repeat(50)}`)).toBe(`a${'\u0301'.repeat(4)}+46 marks`)
  })

  it('[U1] whatever the text, no character that acts or hides is left in what is shown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = visible(text)
          .map((piece) => ('shown' in piece ? piece.shown : ''))
          .join('')
        expect(shown).not.toMatch(/[\p{Cc}\u202A-\u202E\u2066-\u2069\u200B\uFEFF]|\p{Cs}/u)
        expect(shown.replaceAll(/[\uFE0E\uFE0F\u200D]/g, '')).not.toMatch(/\p{DI}/u)
      }),
    )
  })
})

describe('KeyText', () => {
  it.each([
    ['a path', 'node_modules/@scope/name', 'node_modules/@scope/name'],
    ['a very long one', 'a'.repeat(300), `…${'a'.repeat(200)}`],
    ['characters of two units', `${'\u{1F512}'.repeat(120)}z`, `…${'\u{1F512}'.repeat(99)}z`],
  ])('[U1] leaves out the beginning of %s, and has the whole as its title', (_, text, drawn) => {
    const { container } = render(<KeyText text={text} />)
    expect(container.textContent).toBe(drawn)
    expect(container.firstElementChild?.getAttribute('title')).toBe(text)
  })

  it('[U1] hides nothing of a hostile one', () => {
    const { container } = render(<KeyText text={'fdp\u202Eexe.a'} />)
    expect(container.textContent).toBe('fdpU+202Eexe.a')
    expect(container.firstElementChild?.getAttribute('title')).toBe('fdpU+202Eexe.a')
    expect(container.querySelectorAll('bdi')).toHaveLength(1)
  })
})
