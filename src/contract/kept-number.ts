/*
 * JSON writes any number, and a double keeps about 15 digits of it: whoever parses 9007199254740993 has another number
 * and does not hear of it. Where that would be on record as what somebody said, it is refused.
 */

/** Is a number, as JSON writes it, the one that a double makes of it? `1.50` and `1e3` are; 9007199254740993 and 1e400 not. */
export function isKept(written: string): boolean {
  const value = Number(written)
  if (!Number.isFinite(value)) return false
  const digits = digitsOf(written)
  if (digits === digitsOf(String(value))) return true
  // More digits than are needed to tell it from its neighbours, as other programs write, and all of them its own.
  const count = digits.indexOf('e')
  return count >= 1 && count <= MAX_DIGITS && digits === digitsOf(value.toPrecision(count))
}

// That tell every double from every other.
const MAX_DIGITS = 17

/** Where in a JSON text numbers are that are not kept: of each the members and places that lead there. */
export function* notKeptIn(text: string): Generator<readonly (string | number)[]> {
  if (!MAY_BE_LOST.test(text)) return
  const path: (string | number)[] = []
  let isName = false
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at]
    switch (char) {
      case '"': {
        const end = endOfString(text, at)
        if (isName) path[path.length - 1] = String(JSON.parse(text.slice(at, end + 1)))
        isName = false
        at = end
        break
      }
      case '{':
        path.push('')
        isName = true
        break
      case '[':
        path.push(0)
        break
      case ',': {
        const last = path.at(-1)
        if (typeof last === 'number') path[path.length - 1] = last + 1
        else isName = true
        break
      }
      case '}':
      case ']':
        path.pop()
        isName = false
        break
      case undefined:
        break
      default:
        if (!BEGINS_NUMBER.test(char)) break
        const end = endOfNumber(text, at)
        if (!isKept(text.slice(at, end))) yield [...path]
        at = end - 1
    }
  }
}

// What has no more than 15 digits and no exponent is kept.
const MAY_BE_LOST = /\d[\d.]{15}|\d[eE]/
const BEGINS_NUMBER = /[-\d]/
const OF_NUMBER = /[-+.\deE]/

function endOfString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function endOfNumber(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && OF_NUMBER.test(text[at] ?? '')) at += 1
  return at
}

/** The same of two ways to write one number: its digits without the zeros around them, and where the point stands. */
function digitsOf(written: string): string {
  const [, whole = '', fraction = '', exponent = '0'] =
    /^[-+]?(\d*)\.?(\d*)(?:[eE]([-+]?\d+))?$/.exec(written) ?? []
  const digits = whole + fraction
  let from = 0
  while (digits[from] === '0') from += 1
  let to = digits.length
  // No expression: one would go over a million zeros a million times.
  while (to > from && digits[to - 1] === '0') to -= 1
  return from === to ? '0' : `${digits.slice(from, to)}e${whole.length - from + Number(exponent)}`
}
