/**
 * `prefix_` and 26 characters (Crockford's base 32, lowercase): 48 bits of milliseconds, then 80 random ones. Ids sort
 * by the time they were made, and nobody can guess the next.
 */
export function timeOrderedId(
  prefix: string,
  now: Date,
  random: (bytes: number) => Buffer,
): string {
  const bits = (BigInt(now.getTime()) << RANDOM_BITS) | BigInt(`0x${random(10).toString('hex')}`)
  let id = ''
  for (let shift = CHARS - 1n; shift >= 0n; shift -= 1n)
    id += ALPHABET[Number((bits >> (shift * 5n)) & 31n)] ?? ''
  return `${prefix}_${id}`
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const RANDOM_BITS = 80n
const CHARS = 26n
