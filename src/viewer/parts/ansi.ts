/** How a stretch of terminal output looks. Colours are 0 to 15: a terminal's own, which our styles make readable. */
export type Look = {
  fg: number | null
  bg: number | null
  bold: boolean
  dim: boolean
  italic: boolean
  underline: boolean
  strike: boolean
  inverse: boolean
}
export type Span = { text: string; look: Look }

export const PLAIN: Look = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
}

/**
 * One line of a log as spans, and the look that the next line begins with. Only SGR (`ESC [ … m`) is obeyed, and of it
 * not "conceal": a log must not hide its own text. Every other sequence stays in the text, where it is made visible.
 */
export function parseAnsi(line: string, start: Look): { spans: Span[]; end: Look } {
  const spans: Span[] = []
  let look = start
  let from = 0
  for (const match of line.matchAll(SGR)) {
    if (match.index > from) spans.push({ text: line.slice(from, match.index), look })
    look = turn(look, match[1] ?? '')
    from = match.index + match[0].length
  }
  if (from < line.length) spans.push({ text: line.slice(from), look })
  return { spans, end: look }
}

/** Classes of styles.css for a look; inverse swaps the colours. */
export function classesOf(look: Look): string | undefined {
  const [fg, bg] = look.inverse ? [look.bg ?? 15, look.fg ?? 7] : [look.fg, look.bg]
  const classes = [
    fg !== null && `ansi-fg-${fg}`,
    bg !== null && `ansi-bg-${bg}`,
    look.bold && 'font-semibold',
    look.dim && 'text-ink-2',
    look.italic && 'italic',
    look.underline && 'underline',
    look.strike && 'line-through',
  ].filter((name) => name !== false)
  return classes.length > 0 ? classes.join(' ') : undefined
}

// oxlint-disable-next-line no-control-regex -- the escape character is what a sequence begins with
const SGR = /\u001B\[([\d;:]{0,64})m/g

function turn(look: Look, parameters: string): Look {
  let next = look
  const codes = parameters.split(/[;:]/).map(Number)
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    if (code === 38 || code === 48) {
      const { colour, used } = extended(codes.slice(at + 1))
      if (colour !== null) next = { ...next, [code === 38 ? 'fg' : 'bg']: colour }
      at += used
    } else next = simple(next, code)
  }
  return next
}

function simple(look: Look, code: number): Look {
  if (code >= 30 && code <= 37) return { ...look, fg: code - 30 }
  if (code >= 40 && code <= 47) return { ...look, bg: code - 40 }
  if (code >= 90 && code <= 97) return { ...look, fg: code - 82 }
  if (code >= 100 && code <= 107) return { ...look, bg: code - 92 }
  return code === 0 ? PLAIN : { ...look, ...SIMPLE[code] }
}

const SIMPLE: Readonly<Record<number, Partial<Look>>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { fg: null },
  49: { bg: null },
}

// `5;N` is the palette of 256, `2;R;G;B` any colour.
function extended([mode, ...rest]: number[]): { colour: number | null; used: number } {
  const [a = 0, b = 0, c = 0] = rest
  if (mode === 2) return { colour: nearest(a, b, c), used: 4 }
  if (mode !== 5) return { colour: null, used: 1 }
  if (a < 16) return { colour: a, used: 2 }
  if (a >= 232) return { colour: nearest(...grey(a)), used: 2 }
  const cube = a - 16
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40)
  return {
    colour: nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6)),
    used: 2,
  }
}

const grey = (index: number): [number, number, number] => {
  const level = 8 + (index - 232) * 10
  return [level, level, level]
}

const PALETTE = [
  [0, 0, 0],
  [205, 0, 0],
  [0, 205, 0],
  [205, 205, 0],
  [0, 0, 238],
  [205, 0, 205],
  [0, 205, 205],
  [229, 229, 229],
  [127, 127, 127],
  [255, 0, 0],
  [0, 255, 0],
  [255, 255, 0],
  [92, 92, 255],
  [255, 0, 255],
  [0, 255, 255],
  [255, 255, 255],
] as const

function nearest(red: number, green: number, blue: number): number {
  const distances = PALETTE.map(([r, g, b]) => (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2)
  return distances.indexOf(Math.min(...distances))
}
