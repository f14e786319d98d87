/** `3 h 12 m`, `4 m 05 s`, `12 s`, `420 ms`: the first `parts` units. */
export function duration(ms: number, parts: 1 | 2 = 2): string {
  const whole = Math.max(0, Math.round(ms))
  if (whole < 1000) return parts === 1 ? 'under 1 s' : `${whole} ms`
  if (whole < 10_000 && parts === 2) return `${(whole / 1000).toFixed(1)} s`
  const [big, small] = UNITS.flatMap(([unit, size], index) => {
    if (whole < size) return []
    const next = UNITS[index + 1]
    const rest = next ? Math.floor((whole % size) / next[1]) : 0
    return [[`${Math.floor(whole / size)} ${unit}`, next && rest > 0 ? `${rest} ${next[0]}` : '']]
  })[0] ?? ['0 s', '']
  return parts === 2 && small ? `${big} ${small}` : (big ?? '')
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]
