/** A decimal that is only roughly so, with the three digits of it that count. */
export function roughly(decimal: string): string {
  const [whole = '', fraction = ''] = decimal.split('.')
  const digits = whole + fraction
  const first = digits.search(/[1-9]/)
  if (first === -1) return '0'
  const end = Math.min(digits.length, first + 3)
  const more = (digits[end] ?? '0') >= '5' ? 1n : 0n
  const kept = String(BigInt(digits.slice(0, end)) + more).padStart(end, '0')
  const point = whole.length + kept.length - end
  const shown = kept.padEnd(point, '0')
  const rest = shown.slice(point).replace(/0+$/, '')
  return `${shown.slice(0, point).replace(/^0+(?=\d)/, '') || '0'}${rest === '' ? '' : `.${rest}`}`
}
