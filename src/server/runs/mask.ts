import { formsOf, placesIn, undecidedFrom } from './secret-finder.ts'

export const MASK = Buffer.from('***')

/** Bytes of a stream and where they are from: one of several streams that were joined. */
export type Piece<From> = { bytes: Buffer; from: From }

/**
 * Replaces every occurrence of every secret in a stream of bytes by `***`, however the stream is cut and whatever it is
 * joined of. Occurrences that overlap are one mask, so no rest of a longer secret shows where a shorter one begins or
 * ends inside it. Holds back only what may still become a secret: less than the longest one.
 */
export class Mask<From> {
  readonly #secrets: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)
  /** Where the bytes up to `to` of #held are from. */
  #parts: readonly { from: From; to: number }[] = []
  // So many bytes of #held belong to a secret that was found, and was written as a mask already.
  #masked = 0

  constructor(secrets: readonly string[]) {
    this.#secrets = formsOf(secrets)
  }

  push({ bytes: chunk, from }: Piece<From>): Piece<From>[] {
    if (chunk.length === 0) return []
    if (this.#secrets.length === 0) return [{ bytes: chunk, from }]
    const bytes = Buffer.concat([this.#held, chunk])
    this.#parts = [...this.#parts, { from, to: bytes.length }]
    return this.#write(bytes, undecidedFrom(this.#secrets, bytes))
  }

  /** What was held back, at the end of the stream. */
  end(): Piece<From>[] {
    return this.#write(this.#held, this.#held.length)
  }

  #write(bytes: Buffer, until: number): Piece<From>[] {
    const out: Piece<From>[] = []
    let at = Math.min(this.#masked, until)
    let maskedTo = this.#masked
    for (const found of placesIn(this.#secrets, bytes)) {
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
}
