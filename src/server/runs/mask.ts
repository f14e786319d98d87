const MASK = Buffer.from('***')

/** Bytes of a stream and where they are from: one of several streams that were joined. */
export type Piece<From> = { bytes: Buffer; from: From }

/**
 * Replaces every occurrence of every secret in a stream of bytes by `***`, however the stream is cut and whatever it is
 * joined of. Occurrences that overlap are one mask, so no rest of a longer secret shows where a shorter one begins or
 * ends inside it. Of a secret of several lines, each that could be one by itself is. Holds back only what may still become a secret: less than the longest one.
 */
export class Mask<From> {
  readonly #secrets: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)
  /** Where the bytes up to `to` of #held are from. */
  #parts: readonly { from: From; to: number }[] = []
  // So many bytes of #held belong to a secret that was found, and was written as a mask already.
  #masked = 0

  constructor(secrets: readonly string[]) {
    const forms = secrets.flatMap((secret) => [secret, secret.trim(), ...linesOf(secret)])
    this.#secrets = [...new Set(forms)]
      .filter((form) => form !== '')
      .map((form) => Buffer.from(form))
  }

  push({ bytes: chunk, from }: Piece<From>): Piece<From>[] {
    if (chunk.length === 0) return []
    if (this.#secrets.length === 0) return [{ bytes: chunk, from }]
    const bytes = Buffer.concat([this.#held, chunk])
    this.#parts = [...this.#parts, { from, to: bytes.length }]
    return this.#write(bytes, this.#undecidedFrom(bytes))
  }

  /** What was held back, at the end of the stream. */
  end(): Piece<From>[] {
    return this.#write(this.#held, this.#held.length)
  }

  #write(bytes: Buffer, until: number): Piece<From>[] {
    const out: Piece<From>[] = []
    let at = Math.min(this.#masked, until)
    let maskedTo = this.#masked
    for (const found of this.#found(bytes)) {
      if (found.from >= until) break
      if (found.from >= maskedTo) {
        out.push(...this.#piecesOf(bytes, at, found.from))
        for (const { from } of this.#piecesOf(bytes, found.from, found.from + 1))
          out.push({ bytes: MASK, from })
      }
      maskedTo = Math.max(maskedTo, found.to)
      at = Math.min(maskedTo, until)
    }
    out.push(...this.#piecesOf(bytes, at, until))
    this.#held = bytes.subarray(until)
    this.#parts = this.#parts.flatMap(({ from, to }) =>
      to > until ? [{ from, to: to - until }] : [],
    )
    this.#masked = Math.max(0, maskedTo - until)
    return out
  }

  #piecesOf(bytes: Buffer, start: number, end: number): Piece<From>[] {
    let begin = 0
    return this.#parts.flatMap(({ from, to }) => {
      const piece = bytes.subarray(Math.max(start, begin), Math.min(end, to))
      begin = to
      return piece.length === 0 ? [] : [{ bytes: piece, from }]
    })
  }

  /** Every occurrence, by where it starts. */
  #found(bytes: Buffer): { from: number; to: number }[] {
    const found: { from: number; to: number }[] = []
    for (const secret of this.#secrets)
      for (let from = bytes.indexOf(secret); from !== -1; from = bytes.indexOf(secret, from + 1))
        found.push({ from, to: from + secret.length })
    return found.toSorted((a, b) => a.from - b.from)
  }

  /** First byte from which the rest is the beginning of a secret. */
  #undecidedFrom(bytes: Buffer): number {
    let from = bytes.length
    for (const secret of this.#secrets) {
      const first = secret.subarray(0, 1)
      let at = bytes.indexOf(first, Math.max(0, bytes.length - secret.length + 1))
      while (at !== -1 && at < from) {
        if (bytes.subarray(at).equals(secret.subarray(0, bytes.length - at))) from = at
        at = bytes.indexOf(first, at + 1)
      }
    }
    return from
  }
}

/** Not what any text may have, such as a bracket. */
const LEAST_LINE_CHARS = 8

function linesOf(secret: string): string[] {
  const lines = secret.split(/\r\n|\n|\r/)
  if (lines.length === 1) return []
  return lines.map((line) => line.trim()).filter((line) => line.length >= LEAST_LINE_CHARS)
}
