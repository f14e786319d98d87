import { fireEvent, render, screen } from '@testing-library/react'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { LongText, startsOf } from '#viewer/parts/long-text.tsx'
import { saidOfText, TextShown } from '#viewer/parts/text-shown.tsx'
import { textLines } from '#viewer/parts/text-lines.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const said = (...parts: Uint8Array[]) => {
  const { count, at, endsInCrLf } = textLines(parts)
  return { endsInCrLf, lines: Array.from({ length: count }, (_, index) => at(index).text) }
}

describe('lines of compared bytes', () => {
  it('[U1] keep a byte order mark and every CR, and say once what all lines end in', () => {
    expect(said(bytes('\uFEFFa\r\nb\r\n'))).toEqual({ endsInCrLf: true, lines: ['\uFEFFa', 'b'] })
    expect(said(bytes('a\r\nb\n'))).toEqual({ endsInCrLf: false, lines: ['a\r', 'b'] })
    expect(said(bytes('rm -rf /\rls\n'))).toEqual({ endsInCrLf: false, lines: ['rm -rf /\rls'] })
    expect(said(bytes('a\r\nb\r'))).toEqual({ endsInCrLf: true, lines: ['a', 'b\r'] })
    expect(said(bytes(''))).toEqual({ endsInCrLf: false, lines: [] })
    expect(said(bytes('a\r'), bytes('\nb'))).toEqual({ endsInCrLf: true, lines: ['a', 'b'] })
  })

  it('[U6] are those of the whole wherever it is cut into parts', () => {
    const text = fc.array(fc.constantFrom('a', '\n', '\r', '\r\n', 'ö', '\uFEFF', '🙂'), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(text, fc.array(fc.nat(120), { maxLength: 4 }), (pieces, cuts) => {
        const all = bytes(pieces.join(''))
        const at = [0, ...cuts.map((cut) => Math.min(cut, all.length)), all.length]
        at.sort((a, b) => a - b)
        const parts = at.slice(1).map((to, nth) => all.slice(at[nth], to))
        const { endsInCrLf, lines } = said(...parts)
        expect({ endsInCrLf, lines }).toEqual(said(all))
        const end = endsInCrLf ? '\r\n' : '\n'
        const isEnded = all.at(-1) === 10
        expect(lines.join(end) + (isEnded ? end : '')).toBe(pieces.join(''))
      }),
    )
  })
})

describe('a line of any length', () => {
  it('[U1] [U6] is seen to its end, in rows that cut no character, wherever it is cut into parts', () => {
    const text = fc.array(fc.constantFrom('a'.repeat(37), 'ö', '🙂', '\uFEFF', '\r', '\t€'), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(text, fc.nat(2000), (pieces, cut) => {
        const line = pieces.join('')
        const all = bytes(`first\n${line}\nlast`)
        const { whole } = textLines([all.slice(0, cut), all.slice(cut)])
        const { bytes: length, rows, at } = whole(1)
        const drawn = Array.from({ length: rows }, (_, row) => at(row))
        expect(drawn.every(({ text }) => text !== '' && !/[\uDC80-\uDCFF]/u.test(text))).toBe(true)
        expect(length).toBe(bytes(line).length)
        expect(drawn.map((row) => row.text).join('')).toBe(line)
        for (const [row, { from }] of drawn.entries())
          expect(from).toBe(
            bytes(
              drawn
                .slice(0, row)
                .map((one) => one.text)
                .join(''),
            ).length,
          )
      }),
      { examples: [[[...Array.from('a'.repeat(98)), '€'], 0]] },
    )
    // Bytes that are no text are some row's too.
    const broken = textLines([new Uint8Array(1000).fill(0x80)]).whole(0)
    const drawn = Array.from({ length: broken.rows }, (_, row) => broken.at(row).text)
    expect(drawn.join('')).toBe('\uDC80'.repeat(1000))
  })
})

describe('bytes that are no text', () => {
  const lead = fc.constantFrom(0x61, 0x80, 0xbf, 0xc1, 0xc3, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xff)
  const soup = fc.array(fc.oneof(lead, fc.constantFrom(0x90, 0x9f, 0xa0, 0xbd)), { maxLength: 40 })

  it('[U1] are counted, with the place of the first, wherever the text is cut into parts', () => {
    fc.assert(
      fc.property(soup, fc.array(fc.nat(40), { maxLength: 6 }), (codes, cuts) => {
        const all = Uint8Array.from(codes)
        // By the decoder of the platform: a byte is of a character where some bytes with it are one.
        const isText = (some: Uint8Array) => !new TextDecoder().decode(some).includes('\uFFFD')
        const stray: number[] = []
        for (let at = 0; at < all.length;) {
          const size = [1, 2, 3, 4].find((length) => {
            const some = all.subarray(at, at + length)
            return some.length === length && (isText(some) || isReplacement(some))
          })
          if (size === undefined) stray.push(at)
          at += size ?? 1
        }
        const at = [0, ...cuts.map((cut) => Math.min(cut, all.length)), all.length]
        at.sort((a, b) => a - b)
        const lines = textLines(at.slice(1).map((to, nth) => all.slice(at[nth], to)))
        const [first] = stray
        expect(lines.stray).toEqual(first === undefined ? null : { count: stray.length, first })
        if (lines.count > 0) {
          const named = Array.from(lines.at(0).text).filter((one) => /[\uDC80-\uDCFF]/u.test(one))
          expect(named.map((one) => one.charCodeAt(0) - 0xdc00)).toEqual(
            stray.map((place) => all[place]),
          )
        }
      }),
    )
  })

  it('[U1] are each named where they stand, so that no two logs look the same', () => {
    const drawn = (...codes: number[]) => {
      const lines = textLines([Uint8Array.from(codes)])
      const { container, unmount } = render(<TextShown lines={lines} label="The log" />)
      const text = container.textContent
      unmount()
      return { text, said: saidOfText(lines) }
    }
    vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(320)
    expect(drawn(0x61, 0xff, 0x62)).toEqual({
      text: '1abyte FFb',
      said: 'Its byte 2 is no text, and named where it stands.',
    })
    expect(drawn(0x61, 0xfe, 0x62, 0xc3).text).toBe('1abyte FEbbyte C3')
    expect(drawn(0x61, 0xfe, 0x62, 0xc3).said).toBe(
      '2 of its bytes are no text, byte 2 the first, and named where they stand.',
    )
    // The character that a decoder puts in their place is one like any other.
    expect(drawn(...bytes('a\uFFFDb'))).toEqual({ text: '1a\uFFFDb', said: '' })
  })
})

const isReplacement = (some: Uint8Array) =>
  new TextDecoder().decode(some) === '\uFFFD' && some.join() === '239,191,189'

describe('a long text', () => {
  it('[U1] can be seen to its end, and no character is cut in two', () => {
    const text = `${'🙂'.repeat(4_000)}\nthe end`
    render(<LongText text={text} max={100} what="it" />)
    fireEvent.click(screen.getByRole('button', { name: 'Show all 8,008 characters' }))
    screen.getByRole('region', { name: 'All of it' })
    const starts = startsOf(text)
    const rows = starts.map((from, nth) => text.slice(from, starts[nth + 1]))
    expect(rows.join('')).toBe(text)
    expect(rows.at(-1)).toBe('the end')
    expect(rows.every((row) => row.isWellFormed())).toBe(true)
  })
})
