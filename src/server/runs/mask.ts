const MASK = Buffer.from('***')

/**
 * Replaces every occurrence of every secret in a stream of bytes by `***`, however the stream is cut. Occurrences that
 * overlap are one mask, so no rest of a longer secret shows where a shorter one begins or ends inside it. Holds back
 * only what may still become a secret: less than the longest one.
 */
export class Mask {
  readonly #secrets: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)
  // So many bytes of #held belong to a secret that was found, and was written as a mask already.
  #masked = 0

  constructor(secrets: readonly string[]) {
    const forms = secrets.flatMap((secret) => [secret, secret.trim()])
    this.#secrets = [...new Set(forms)]
      .filter((form) => form !== '')
      .map((form) => Buffer.from(form))
  }

  push(chunk: Buffer): Buffer {
    if (this.#secrets.length === 0) return chunk
    const bytes = Buffer.concat([this.#held, chunk])
    return this.#write(bytes, this.#undecidedFrom(bytes))
  }

  /** What was held back, at the end of the stream. */
  end(): Buffer {
    return this.#write(this.#held, this.#held.length)
  }

  #write(bytes: Buffer, until: number): Buffer {
    const out: Buffer[] = []
    let at = Math.min(this.#masked, until)
    let maskedTo = this.#masked
    for (const { from, to } of this.#found(bytes)) {
      if (from >= until) break
      if (from >= maskedTo) {
        out.push(bytes.subarray(at, from), MASK)
      }
      maskedTo = Math.max(maskedTo, to)
      at = Math.min(maskedTo, until)
    }
    out.push(bytes.subarray(at, until))
    this.#held = bytes.subarray(until)
    this.#masked = Math.max(0, maskedTo - until)
    return Buffer.concat(out)
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
