import { arch, cpus } from 'node:os'

export type Row = Readonly<Record<string, string | number>>

/** An aim of a report: never a test's assertion, since a time is the machine's and the moment's. */
export type Aim = { what: string; found: number; unit: string } & (
  | { below: number }
  | { atLeast: number }
)

/** Prints what was measured, on which machine, and which aims it meets. */
export function report(
  title: string,
  rows: readonly Row[],
  aims: readonly Aim[],
  chromium: string | null = null,
) {
  const [cpu] = cpus()
  console.log(
    [
      `\n${title}`,
      `${cpus().length} cores (${cpu?.model.trim() || arch()}), node ${process.versions.node}${chromium === null ? '' : `, Chromium ${chromium}`}`,
      ...tableOf(rows),
      ...aims.map(lineOf),
    ].join('\n'),
  )
}

function lineOf(aim: Aim): string {
  const { what, found, unit } = aim
  const [words, isMet] =
    'below' in aim
      ? [`below ${aim.below}`, found <= aim.below]
      : [`at least ${aim.atLeast}`, found >= aim.atLeast]
  return `aim: ${what} ${words} ${unit}: ${isMet ? 'met' : 'missed'} (${found} ${unit})`
}

/** Nearest rank: a value that was measured. `p` is 0 to 1. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)] ?? Number.NaN
}

export function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}

function tableOf(rows: readonly Row[]): string[] {
  const [first = {}] = rows
  const columns = Object.keys(first)
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? '')))]
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)))
  return lines.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  '),
  )
}
