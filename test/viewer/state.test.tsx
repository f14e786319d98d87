import { cleanup, render } from '@testing-library/react'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { Tone } from '#contract/status.ts'
import { Evidence, State } from '#viewer/parts/state.tsx'
import { VERDICT_LOOK } from '#viewer/review/verdict-card.tsx'

afterEach(cleanup)

const TONES = [
  'idle',
  'active',
  'waiting',
  'good',
  'bad',
  'muted',
  'neutral',
] as const satisfies readonly Tone[]

type Rgb = readonly [number, number, number]

/** The colours of the page by their names, light and dark. */
const PALETTE: ReadonlyMap<string, readonly [Rgb, Rgb]> = new Map(
  [
    ...readFileSync('src/viewer/styles.css', 'utf8').matchAll(
      /--color-([\w-]+): light-dark\(#(\w{6}), #(\w{6})\)/g,
    ),
  ].map(([, name = '', light = '', dark = '']) => [name, [rgb(light), rgb(dark)]]),
)

function rgb(hex: string): Rgb {
  const [red, green, blue] = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))
  return [red ?? 0, green ?? 0, blue ?? 0]
}

const inScheme = (name: string, dark: boolean): Rgb => {
  const both = PALETTE.get(name)
  if (both === undefined) throw new Error(`no colour ${name}`)
  return both[dark ? 1 : 0]
}

/** What is drawn, by the name of its colour. */
function colourOf(drawn: React.ReactElement): string {
  const { container } = render(drawn)
  const names = [...(container.firstElementChild?.classList ?? [])].filter(
    (one) => one.startsWith('text-') && PALETTE.has(one.slice('text-'.length)),
  )
  expect(names).toHaveLength(1)
  return names.join('').slice('text-'.length)
}

const outcomes = () => [
  ...TONES.map((tone) => colourOf(<State of={{ label: tone, tone }} />)),
  colourOf(<State of={{ label: 'none', tone: 'good' }} count={0} />),
]
const evidence = () => [
  ...TONES.map((tone) => colourOf(<Evidence of={{ label: tone, tone }} />)),
  ...Object.values(VERDICT_LOOK).map(({ text }) => text.slice('text-'.length)),
]

describe.each([
  ['light', false],
  ['dark', true],
])('in the %s', (_, dark) => {
  it('[U5] evidence has no colour of an outcome, and none that is near one', () => {
    const others = [...new Set(outcomes())]
    const near = [...new Set(evidence())].flatMap((one) =>
      others
        .filter((other) => apart(inScheme(one, dark), inScheme(other, dark)) < 35)
        .map((other) => `${one} and ${other}`),
    )
    expect(near).toEqual([])
  })

  it('[U5] what is left open has not the colour of a seal, nor of what does not verify', () => {
    const [open, seal, broken] = (['waiting', 'good', 'bad'] as const).map((tone) =>
      inScheme(colourOf(<Evidence of={{ label: tone, tone }} />), dark),
    )
    if (!open || !seal || !broken) throw new Error('a tone has no colour')
    for (const other of [seal, broken]) expect(apart(open, other)).toBeGreaterThan(35)
    expect(colourOf(<Evidence of={{ label: 'muted', tone: 'muted' }} />)).not.toBe('seal')
  })

  it('each can be read on whatever it stands on', () => {
    const grounds = ['paper', 'raised', 'sunken', 'hover', 'seal-wash'] as const
    const faint = [...new Set([...outcomes(), ...evidence()])].flatMap((one) =>
      grounds
        .filter((ground) => contrast(inScheme(one, dark), inScheme(ground, dark)) < 4.5)
        .map((ground) => `${one} on ${ground}`),
    )
    expect(faint).toEqual([])
  })
})

const apart = (one: Rgb, other: Rgb): number =>
  Math.hypot(...one.map((value, at) => value - (other[at] ?? 0)))

const contrast = (one: Rgb, other: Rgb): number => {
  const [dim = 0, bright = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (bright + 0.05) / (dim + 0.05)
}

function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
