/**
 * Finds secrets in a stream of bytes, however it is cut. Places are counted from the stream's first byte; what may still
 * become a secret is kept, and is less than the longest one.
 */
export class SecretFinder {
  readonly #secrets: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)
  /** So many bytes have come. */
  length = 0
  /** Of the bytes before this place it is known whether they are of a secret. */
  decided = 0

  constructor(secrets: readonly Buffer[]) {
    this.#secrets = secrets
  }

  /** Where secrets are that came to their end with these bytes; perhaps one that was told before, too. */
  push(chunk: Buffer): Place[] {
    const bytes = Buffer.concat([this.#held, chunk])
    const from = this.length - this.#held.length
    const until = undecidedFrom(this.#secrets, bytes)
    this.length += chunk.length
    this.decided = from + until
    this.#held = bytes.subarray(until)
    return placesIn(this.#secrets, bytes).map((one) => ({
      from: from + one.from,
      to: from + one.to,
    }))
  }

  /** No more comes. */
  end(): void {
    this.decided = this.length
    this.#held = Buffer.alloc(0)
  }
}

export type Place = { from: number; to: number }

/** Each secret, also without the white space around it, and of one of several lines each that could be one by itself. */
export function formsOf(secrets: readonly string[]): Buffer[] {
  const forms = secrets.flatMap((secret) => [secret, secret.trim(), ...linesWithin(secret)])
  return [...new Set(forms)].filter((form) => form !== '').map((form) => Buffer.from(form))
}

/** Not what any text may have, such as a bracket. */
const LEAST_LINE_CHARS = 8

/** Of a secret of several, those that could be one by themselves. */
export function linesWithin(secret: string): string[] {
  const lines = secret.split(/\r\n|\n|\r/)
  if (lines.length === 1) return []
  return lines.map((line) => line.trim()).filter((line) => line.length >= LEAST_LINE_CHARS)
}

/** Every occurrence, by where it starts. */
export function placesIn(secrets: readonly Buffer[], bytes: Buffer): Place[] {
  const found: Place[] = []
  for (const secret of secrets)
    for (let from = bytes.indexOf(secret); from !== -1; from = bytes.indexOf(secret, from + 1))
      found.push({ from, to: from + secret.length })
  return found.toSorted((a, b) => a.from - b.from)
}

/** First byte from which the rest is the beginning of a secret. */
export function undecidedFrom(secrets: readonly Buffer[], bytes: Buffer): number {
  let from = bytes.length
  for (const secret of secrets) {
    const first = secret.subarray(0, 1)
    let at = bytes.indexOf(first, Math.max(0, bytes.length - secret.length + 1))
    while (at !== -1 && at < from) {
      if (bytes.subarray(at).equals(secret.subarray(0, bytes.length - at))) from = at
      at = bytes.indexOf(first, at + 1)
    }
  }
  return from
}
